//! What the running program is called: the script, where the program is an interpreter of Python.

use std::{env, ffi::OsStr, fs, os::unix::ffi::OsStrExt, path::Path};

/// The name of the file that runs, or of the script that Python runs, or of the module that it was told to run (`-m`).
pub(crate) fn name() -> String {
    let program = env::current_exe().ok();
    let program = program.as_deref().and_then(file_name).unwrap_or_default();
    if !program.starts_with("python") && !program.starts_with("pypy") {
        return program;
    }
    let arguments = fs::read("/proc/self/cmdline").unwrap_or_default();
    let arguments = arguments.strip_suffix(b"\0").unwrap_or(&arguments).split(|&byte| byte == 0).skip(1);
    script(arguments.map(OsStr::from_bytes)).unwrap_or(program)
}

/// What Python is told to run by these arguments. `None`: a text in them, or what is typed.
fn script<'a>(mut arguments: impl Iterator<Item = &'a OsStr>) -> Option<String> {
    loop {
        let argument = arguments.next()?;
        let bytes = argument.as_bytes();
        // Options of one letter may stand together; the last of them may have a value.
        let letters = match bytes {
            b"" | b"-" => return None,
            [b'-', b'-', ..] => {
                if bytes == b"--check-hash-based-pycs" {
                    arguments.next()?;
                }
                continue;
            }
            [b'-', letters @ ..] => letters,
            _ => return file_name(Path::new(argument)),
        };
        let valued = letters.iter().position(|letter| b"cmWX".contains(letter));
        let Some((&letter, value)) = valued.and_then(|at| letters[at..].split_first()) else { continue };
        if letter == b'c' {
            return None;
        }
        let value = if value.is_empty() { arguments.next()? } else { OsStr::from_bytes(value) };
        if letter == b'm' {
            return Some(value.to_string_lossy().into_owned());
        }
    }
}

fn file_name(path: &Path) -> Option<String> {
    path.file_name().map(|name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_is_called_by_what_it_runs() {
        let told = |line: &str| script(line.split(' ').map(OsStr::new));
        for (line, name) in [
            ("launch.py --lowvram", Some("launch.py")),
            ("-u -W ignore /opt/app/main.py", Some("main.py")),
            ("-Wignore -X dev -OO run.py -m other", Some("run.py")),
            ("-m vllm.entrypoints.api_server --model x", Some("vllm.entrypoints.api_server")),
            ("-Im torch.distributed.run train.py", Some("torch.distributed.run")),
            ("--check-hash-based-pycs always run.py", Some("run.py")),
            ("-c print(1) file.py", None),
            ("-", None),
            ("-i", None),
        ] {
            assert_eq!(told(line).as_deref(), name, "{line}");
        }
    }
}
