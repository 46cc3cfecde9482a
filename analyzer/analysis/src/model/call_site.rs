//! Where in a program a stack stands: the innermost frame of the program's own, and what it called.
//!
//! Frames are as definitions write them: `function (file:line)`.

use std::fmt::{self, Display, Formatter};

use crate::Text;

/// Parts of the paths of files that belong to nobody's program: a language's runtime and its libraries.
const RUNTIME: [&str; 20] = [
    "Include/internal/",
    "Modules/",
    "Objects/",
    "Python/",
    "/rustc/",
    "/.cargo/registry/",
    "/.rustup/",
    "/usr/include/",
    "/usr/src/",
    "/libstdc++",
    "/bits/",
    "/sysdeps/",
    "/glibc",
    "/csu/",
    "/nptl/",
    "/torch/csrc/",
    "/c10/",
    "/aten/src/",
    "/nvfuser/",
    "<frozen ",
];

/// Files of the interpreter and of what starts it, wherever they were built.
const INTERPRETER: [&str; 9] = [
    "ceval.c",
    "generated_cases.c.h",
    "libc-start.c",
    "libc_start_call_main.h",
    "methodobject.c",
    "pycore_call.h",
    "pycore_ceval.h",
    "start.S",
    "unwind.cpp",
];

/// Where packages are installed, and the library that comes with Python.
const PACKAGES: [&str; 2] = ["/site-packages/", "/dist-packages/"];
const STANDARD: [&str; 2] = ["/lib/python", "/Lib/"];

/// Packages that are nobody's reason to ask for memory.
const FRAMEWORKS: [&str; 4] = ["torch/", "torchvision/", "numpy/", "accelerate/hooks.py"];

/// What is made by tools while a program runs, or runs it for them.
const TOOLS: [&str; 3] = ["/torchinductor_", "/pydevd/", "/debugpy/"];

/// Functions that only pass a call on.
const WRAPPERS: [&str; 5] = ["_wrapped_call_impl", "_call_impl", "decorate_context", "wrapped", "wrapper"];

/// Where in a program a stack stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallSite<'s> {
    /// The innermost frame of the program's own; of a stack that has none, of a package that is no framework; else the innermost that
    /// tells anything.
    pub own: &'s Text,
    /// The frame that it called, if that is another's.
    pub called: Option<&'s Text>,
}

/// How much a frame says of where in the program a stack stands; the most comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Telling {
    Own,
    Package,
    Framework,
    Nothing,
}

impl<'s> CallSite<'s> {
    /// Of a stack's frames, innermost first; none if there are none.
    pub fn of(stack: &'s [Text]) -> Option<Self> {
        let is_python = is_of_python(stack);
        let telling = |frame: &Text| Telling::of(frame, is_python);
        // Of equals the first: the innermost.
        let (at, own) = stack.iter().enumerate().min_by_key(|(at, frame)| (telling(frame), *at))?;
        let mut inside = stack[..at].iter().rev();
        let called = inside.find(|&frame| {
            let plain = function(frame).rsplit('.').next().unwrap_or_default();
            telling(frame) < Telling::Nothing && !WRAPPERS.contains(&plain)
        });
        Some(Self { own, called })
    }
}

/// The frames of the program's own that led to a call, from the call site outwards; see [`CallSite`]. Where the program has none, those
/// that stand for it.
pub fn own_frames(stack: &[Text]) -> Vec<&Text> {
    let is_python = is_of_python(stack);
    let telling: Vec<Telling> = stack.iter().map(|frame| Telling::of(frame, is_python)).collect();
    let best = telling.iter().min().copied();
    stack.iter().zip(telling).filter(|(_, of)| Some(*of) == best).map(|(frame, _)| frame).collect()
}

impl CallSite<'_> {
    /// The frame, and the function that it called.
    pub fn label(&self) -> Text {
        match self.called {
            Some(called) => Text::new(format!("{} > {}", self.own.recorded(), function(called))),
            None => self.own.clone(),
        }
    }

    /// The same, no wider than so many characters.
    pub fn fitted(&self, width: usize) -> String {
        let Some(called) = self.called else { return fit_frame(self.own, width) };
        let called = cut_middle(&Text::new(function(called)).to_string(), width / 3);
        let own = width.saturating_sub(called.chars().count() + 3);
        format!("{} > {called}", fit_frame(self.own, own))
    }
}

impl Display for CallSite<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.label().fmt(f)
    }
}

impl Telling {
    fn of(frame: &Text, is_python: bool) -> Self {
        let Some(file) = file(frame) else { return Self::Nothing };
        if (is_python && !self::is_python(file)) || is_runtime(file) {
            return Self::Nothing;
        }
        let package = PACKAGES.iter().find_map(|folder| file.split_once(folder)).map(|(_, package)| package);
        match package {
            Some(package) if FRAMEWORKS.iter().any(|name| package.starts_with(name)) => Self::Framework,
            Some(_) => Self::Package,
            None if STANDARD.iter().chain(&TOOLS).any(|folder| file.contains(folder)) => Self::Framework,
            None => Self::Own,
        }
    }
}

fn is_of_python(stack: &[Text]) -> bool {
    stack.iter().any(|frame| file(frame).is_some_and(is_python))
}

fn is_runtime(file: &str) -> bool {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    RUNTIME.iter().any(|part| file.contains(part)) || INTERPRETER.contains(&name)
}

fn is_python(file: &str) -> bool {
    file.ends_with(".py") || file.ends_with(".pyx") || file.starts_with("<ipython")
}

/// The file of a frame that has a line in it.
fn file(frame: &Text) -> Option<&str> {
    let (_, place) = frame.recorded().rsplit_once('(')?;
    let (file, line) = place.strip_suffix(')')?.rsplit_once(':')?;
    line.parse::<u32>().ok().filter(|&line| line > 0).map(|_| file)
}

/// The function of a frame.
fn function(frame: &Text) -> &str {
    frame.recorded().rsplit_once(" (").map_or(frame.recorded(), |(function, _)| function)
}

/// A frame that is no wider than so many characters: its function and line stay, and the path is cut first.
pub fn fit_frame(frame: &Text, width: usize) -> String {
    let whole = frame.to_string();
    if whole.chars().count() <= width {
        return whole;
    }
    let Some((function, place)) = whole.rsplit_once(" (") else { return cut_middle(&whole, width) };
    let name = place.rsplit(['/', '\\']).next().unwrap_or(place);
    let short = if name.len() < place.len() { format!("…/{name}") } else { name.to_owned() };
    let left = width.saturating_sub(short.chars().count() + 2);
    if left < 8 {
        return cut_middle(&whole, width);
    }
    // As much of the path's end as there is room for.
    let room = width.saturating_sub(function.chars().count() + 3);
    if room > short.chars().count() {
        let skipped = place.chars().count().saturating_sub(room);
        let end: String = place.chars().skip(skipped).collect();
        return format!("{function} (…{end}");
    }
    format!("{} ({short}", cut_middle(function, left))
}

/// A text that is no wider than so many characters: what is in the middle is cut, for both ends tell it from others.
pub fn cut_middle(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(1);
    let (front, back) = (kept / 2, kept - kept / 2);
    text.chars().take(front).chain(['…']).chain(text.chars().skip(length - back)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(frames: &[&str]) -> String {
        let stack: Vec<Text> = frames.iter().map(|&frame| Text::new(frame)).collect();
        CallSite::of(&stack).map(|site| site.to_string()).unwrap_or_default()
    }

    #[test]
    fn the_programs_own_frame_stands_for_a_stack_with_what_it_called() {
        let stack = [
            "torch::unwind::unwind()",
            "cfunction_call (/usr/local/src/conda/python-3.10/Objects/methodobject.c:543)",
            "convert (/opt/conda/lib/python3.10/site-packages/torch/nn/modules/module.py:1357)",
            "Module.to (/opt/conda/lib/python3.10/site-packages/torch/nn/modules/module.py:1400)",
            "_PyEval_EvalFrameDefault (Python/ceval.c:4231)",
            "load (/app/u/evaluator.py:37)",
            "main (/app/u/evaluator.py:99)",
            "run_module (/opt/conda/lib/python3.10/runpy.py:196)",
            "__libc_start_main (../sysdeps/nptl/libc_start_call_main.h:58)",
        ];
        assert_eq!(site(&stack), "load (/app/u/evaluator.py:37) > Module.to");
        // What only passes a call on is not what was called.
        let mut wrapped = stack;
        wrapped[3] = "Module._wrapped_call_impl (/opt/conda/lib/python3.10/site-packages/torch/nn/modules/module.py:1553)";
        assert_eq!(site(&wrapped), "load (/app/u/evaluator.py:37) > convert");
        // Without a frame of its own, a package that is no framework stands for the program.
        let mut installed = stack;
        installed[5] = "load (/opt/conda/lib/python3.10/site-packages/vllm/worker.py:7)";
        installed[6] = "main (/opt/conda/lib/python3.10/site-packages/vllm/cli.py:9)";
        assert_eq!(site(&installed), format!("{} > Module.to", installed[5]));
        assert_eq!(site(&stack[..5]), stack[2], "nothing but a framework: its innermost");
        assert_eq!(site(&stack[..1]), stack[0]);
        assert_eq!(site(&[]), "");
    }

    #[test]
    fn a_program_without_python_has_its_own_lines() {
        let stack = [
            "alloc (/rustc/4a1b/library/alloc/src/alloc.rs:95)",
            "new (/app/u/.cargo/registry/src/index/candle-core-0.9/src/device.rs:12)",
            "forward (/app/u/engine/src/unet.rs:120)",
        ];
        assert_eq!(site(&stack), stack[2]);
    }

    #[test]
    fn function_and_line_stay_however_narrow() {
        let frame = Text::new("load_model_from_path (/app/someplace/projects/evaluation/evaluator.py:37)");
        assert_eq!(fit_frame(&frame, 100), frame.to_string());
        assert_eq!(
            fit_frame(&frame, 50),
            "load_model_from_path (…/evaluation/evaluator.py:37)"[..].replace("…/", "…")
        );
        let narrow = fit_frame(&frame, 32);
        assert!(narrow.chars().count() <= 32 && narrow.ends_with("evaluator.py:37)"), "{narrow}");
        assert_eq!(cut_middle("abcdefgh", 5), "ab…gh");
    }
}
