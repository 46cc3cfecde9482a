//! The cost of the hooks of `memtrace record` to a program that does little but ask for memory, beside other tools that are
//! preloaded, where they are installed: heaptrack, and LTTng's wrapper of the C library while a session records it.
//!
//! `cargo bench -p memtrace-c --bench preload_cost` prints two tables: of small blocks, which are not recorded, and of large
//! ones, which are; `-- --smoke` runs a few rounds. Each round runs every variant once, in a process of its own, by turns. The
//! floor F is measured in the same rounds. Times are of the processor, of the thread that asks.

use std::{
    env,
    ffi::OsStr,
    fs, hint,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use memtrace_measure::{Floor, Samples, cpu_time};

/// What the command line of the measured program begins with; what it is to do follows.
const PROGRAM: &str = "--program";

const HEAPTRACK: &str = "/usr/lib/heaptrack/libheaptrack_preload.so";

fn main() {
    let mut arguments = env::args().skip_while(|argument| argument != PROGRAM).skip(1);
    if let Some(work) = arguments.next() {
        return println!("{}", program(&work));
    }
    let rounds = if memtrace_measure::smoke_bench() { 2 } else { 60 };
    let folder = tempfile::tempdir().expect("a folder in the temporary folder can be made");
    let library = library();
    let lttng = Lttng::start(folder.path());
    for work in ["small", "large"] {
        let mut variants = Variant::all(&library, lttng.as_ref());
        let mut floor = Samples::new("floor F");
        for round in 0..rounds {
            floor.values.push(run(
                Command::new(env::current_exe().expect("this is a file")).args([PROGRAM, "floor"])
            ));
            for variant in &mut variants {
                let log = folder.path().join(format!("{work}.{round}.trace"));
                variant.samples.values.push(run(&mut variant.command(work, &log)));
                let _ = fs::remove_file(log);
            }
        }
        print(work, &floor, &variants);
    }
}

fn print(work: &str, floor: &Samples, variants: &[Variant]) {
    let plain = &variants[0].samples;
    println!(
        "\n{:<44} {:>9} {:>24} {:>24}",
        format!("{work} blocks"),
        "ns a pair",
        "x without [95%]",
        "F an event [95%]"
    );
    for variant in variants {
        let added = variant.samples.above(plain).times(0.5);
        let [ratio, events] = [variant.samples.ratio_to(plain), added.ratio_to(floor)]
            .map(|of| format!("{:.3} [{:.3}, {:.3}]", of.median, of.low, of.high));
        println!("{:<44} {:>9.1} {ratio:>24} {events:>24}", variant.name, variant.samples.interval().median);
    }
    println!("{:<44} {:>9.1}", "F", floor.interval().median);
}

struct Variant {
    name: &'static str,
    environment: Vec<(&'static str, PathBuf)>,
    records: bool,
    samples: Samples,
}

impl Variant {
    fn all(library: &Path, lttng: Option<&Lttng>) -> Vec<Self> {
        let variant = |name, environment: Vec<(&'static str, PathBuf)>, records| Self {
            name,
            environment,
            records,
            samples: Samples::new(name),
        };
        let preload = |path: &Path| ("LD_PRELOAD", path.to_owned());
        let mut all = vec![
            variant("without", vec![], false),
            variant("memtrace, preloaded and not asked", vec![preload(library)], false),
            variant("memtrace record", vec![preload(library), ("MEMTRACE_RECORD", "on".into())], true),
            variant(
                "memtrace record --stacks native",
                vec![preload(library), ("MEMTRACE_RECORD", "on,stacks=native".into())],
                true,
            ),
        ];
        if Path::new(HEAPTRACK).exists() {
            let output = ("DUMP_HEAPTRACK_OUTPUT", "/dev/null".into());
            all.push(variant("heaptrack", vec![preload(Path::new(HEAPTRACK)), output], false));
        }
        if let Some(lttng) = lttng {
            let home = ("LTTNG_HOME", lttng.home.clone());
            let wrapper = preload(Path::new("liblttng-ust-libc-wrapper.so.1"));
            all.push(variant("LTTng-UST's libc wrapper", vec![wrapper, home], false));
        }
        all
    }

    fn command(&self, work: &str, log: &Path) -> Command {
        let mut command = Command::new(env::current_exe().expect("this is a file"));
        command.args([PROGRAM, work]).envs(self.environment.iter().cloned());
        if self.records {
            command.env("MEMTRACE_FILE", log).env("MEMTRACE_SAMPLE", "off");
        }
        command
    }
}

/// Runs the program; what it printed.
fn run(command: &mut Command) -> f64 {
    let output = command.stderr(Stdio::null()).output().expect("this program runs");
    let printed = String::from_utf8_lossy(&output.stdout);
    printed.trim().parse().expect("the program prints a number")
}

/// A session that records what LTTng's wrapper sees, while this lives.
struct Lttng {
    home: PathBuf,
}

impl Lttng {
    fn start(folder: &Path) -> Option<Self> {
        let lttng = Self { home: folder.join("lttng") };
        fs::create_dir(&lttng.home).ok()?;
        let commands: [&[&str]; 3] =
            [&["create", "bench"], &["enable-event", "-u", "lttng_ust_libc:*"], &["start"]];
        commands.iter().all(|arguments| lttng.command(arguments)).then_some(lttng)
    }

    fn command(&self, arguments: &[impl AsRef<OsStr>]) -> bool {
        let mut command = Command::new("lttng");
        command.env("LTTNG_HOME", &self.home).args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}

impl Drop for Lttng {
    fn drop(&mut self) {
        self.command(&["destroy", "bench"]);
    }
}

/// The measured program: nanoseconds of a pair of a malloc and a free, or of an event of the floor.
fn program(work: &str) -> f64 {
    const ROUNDS: u64 = 200_000;
    let pairs = |size: fn(usize) -> usize| {
        let mut blocks = Blocks::new(size);
        blocks.turn(ROUNDS / 4);
        cpu_time(|| blocks.turn(ROUNDS)) / ROUNDS as f64
    };
    match work {
        "small" => pairs(|random| 16 + random % 1009),
        "large" => pairs(|random| 4096 + random % 4096),
        _ => {
            let floor = Floor::populated(&env::temp_dir());
            cpu_time(|| (0..ROUNDS).for_each(|i| floor.record(i))) / ROUNDS as f64
        }
    }
}

/// Blocks that come and go in no order, each written to from end to end if it is small, as programs do.
struct Blocks {
    live: Vec<*mut libc::c_void>,
    size: fn(usize) -> usize,
    random: u64,
}

impl Blocks {
    fn new(size: fn(usize) -> usize) -> Self {
        Self { live: vec![std::ptr::null_mut(); 256], size, random: 88_172_645_463_325_252 }
    }

    fn turn(&mut self, rounds: u64) {
        for _ in 0..rounds {
            self.random ^= self.random << 13;
            self.random ^= self.random >> 7;
            self.random ^= self.random << 17;
            let random = self.random as usize;
            let place = &mut self.live[random % 256];
            let size = (self.size)(random >> 8);
            // SAFETY: the block in this place is from `malloc` or null, and is replaced; the bytes written are its own.
            unsafe {
                libc::free(*place);
                *place = hint::black_box(libc::malloc(size));
                libc::memset(*place, 1, size.min(1024));
            }
        }
    }
}

/// The library, built as this benchmark is.
fn library() -> PathBuf {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let build = escargot::CargoBuild::new().manifest_path(manifest).release();
    for message in build.exec().expect("cargo runs") {
        let message = message.expect("the library builds");
        if let Ok(escargot::format::Message::CompilerArtifact(artifact)) = message.decode()
            && let Some(path) = artifact.filenames.iter().find(|path| path.ends_with("libmemtrace.so"))
        {
            return path.to_path_buf();
        }
    }
    panic!("memtrace-c makes no libmemtrace.so");
}
