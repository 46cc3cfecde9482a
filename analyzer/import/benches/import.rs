//! Speed and memory of importing a PyTorch snapshot.
//!
//!     cargo bench -p memtrace-import --bench import -- [MEGABYTES]
//!
//! Makes a snapshot like real ones (stacks of 40 to 110 frames, four in ten of which an event shares with an earlier one) and
//! imports it in a process of its own, whose largest resident size the kernel tells.

use std::{
    env,
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
    process::{Command, ExitCode},
    time::Instant,
};

const DEFAULT_MEGABYTES: u64 = 200;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let done = match &arguments[..] {
        [import, snapshot, log] if import == "import" => import_here(Path::new(snapshot), Path::new(log)),
        [] => measure(DEFAULT_MEGABYTES),
        [megabytes] => match megabytes.parse() {
            Ok(megabytes) => measure(megabytes),
            Err(_) => Err(io::Error::other("usage: import [MEGABYTES]")),
        },
        _ => Err(io::Error::other("usage: import [MEGABYTES]")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(megabytes: u64) -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let (snapshot, log) = (folder.path().join("snapshot.pickle"), folder.path().join("run.trace"));
    let events = Snapshot::write(&snapshot, megabytes * 1_000_000)?;
    let bytes = snapshot.metadata()?.len();
    println!("{events} events, {} bytes an event, {:.0} MB", bytes / events.max(1), bytes as f64 / 1e6);
    let output = Command::new(env::current_exe()?).arg("import").args([&snapshot, &log]).output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut numbers = said.split_whitespace().filter_map(|word| word.parse::<f64>().ok());
    let (Some(seconds), Some(resident)) = (numbers.next(), numbers.next()) else {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    };
    println!("{:.1} MB/s ({seconds:.2} s)", bytes as f64 / 1e6 / seconds);
    println!("{:.2} × the file resident at most ({:.0} MB)", resident / bytes as f64, resident / 1e6);
    println!("{:.2} × the file is the log", log.metadata()?.len() as f64 / bytes as f64);
    Ok(())
}

/// Imports, and prints the seconds that it took and the most bytes that were resident.
fn import_here(snapshot: &Path, log: &Path) -> io::Result<()> {
    let began = Instant::now();
    memtrace_import::import(snapshot, File::create_new(log)?, &mut |_, _| ()).map_err(io::Error::other)?;
    let seconds = began.elapsed().as_secs_f64();
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes: Option<u64> = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    println!("{seconds} {}", kilobytes.ok_or_else(|| io::Error::other("no VmHWM"))? * 1024);
    Ok(())
}

/// A pickle of protocol 4 in the making.
struct Snapshot {
    file: BufWriter<File>,
    written: u64,
    memo: u32,
    random: u64,
    keys: Vec<u32>,
}

const KEYS: [&str; 8] = ["action", "addr", "size", "stream", "time_us", "frames", "name", "filename"];
const ACTIONS: [&str; 3] = ["alloc", "free_requested", "free_completed"];
const FRAMES: u32 = 3000;

impl Snapshot {
    /// Writes about so many bytes, and tells how many events they are.
    fn write(path: &Path, bytes: u64) -> io::Result<u64> {
        let file = BufWriter::with_capacity(1 << 20, File::create_new(path)?);
        let mut snapshot = Self { file, written: 0, memo: 0, random: 1, keys: Vec::new() };
        snapshot.put(b"\x80\x04}(")?;
        snapshot.string("segments")?;
        snapshot.put(b"]")?;
        snapshot.string("device_traces")?;
        snapshot.put(b"](](")?;
        let events = snapshot.events(bytes)?;
        snapshot.put(b"eeu.")?;
        snapshot.file.flush()?;
        Ok(events)
    }

    fn events(&mut self, bytes: u64) -> io::Result<u64> {
        let mut events = 0;
        let mut frames = Vec::new();
        let mut actions = Vec::new();
        let mut lists: Vec<u32> = Vec::new();
        let mut live: Vec<(u64, u64)> = Vec::new();
        let mut address = 1 << 47;
        while self.written < bytes {
            if live.len() < 20_000 && self.chance(100) < 52 || live.is_empty() {
                let size = 512 + self.chance(1 << 22);
                address += size.next_multiple_of(512);
                live.push((address, size));
                self.event(0, (address, size), events, &mut actions, &mut frames, &mut lists)?;
                events += 1;
            } else {
                let block = live.swap_remove(self.chance(live.len() as u64) as usize);
                for action in [1, 2] {
                    self.event(action, block, events, &mut actions, &mut frames, &mut lists)?;
                    events += 1;
                }
            }
            if events % 1000 < 2 {
                // Python appends a thousand at a time.
                self.put(b"e(")?;
            }
        }
        Ok(events)
    }

    fn event(
        &mut self,
        action: usize,
        (address, size): (u64, u64),
        time: u64,
        actions: &mut Vec<u32>,
        frames: &mut Vec<u32>,
        lists: &mut Vec<u32>,
    ) -> io::Result<()> {
        self.put(b"}\x94(")?;
        self.memo += 1;
        self.key(0)?;
        match actions.get(action) {
            Some(&id) => self.get(id)?,
            None => {
                self.string(ACTIONS[action])?;
                actions.push(self.memo - 1);
            }
        }
        self.key(1)?;
        self.long(address)?;
        self.key(2)?;
        self.put(b"J")?;
        self.put(&(size as u32).to_le_bytes())?;
        self.key(3)?;
        self.put(b"K\x00")?;
        self.key(4)?;
        self.long(1_748_329_299_514_852 + time)?;
        self.key(5)?;
        if lists.len() > 100 && self.chance(10) < 4 {
            let shared = lists[lists.len() - 1 - self.chance(100) as usize];
            self.get(shared)?;
        } else {
            self.put(b"]\x94(")?;
            lists.push(self.memo);
            self.memo += 1;
            // A stack is one of some hundred paths, and differs from it in its innermost frames.
            let path = self.chance(700);
            let depth = 40 + path % 70;
            for place in 0..depth {
                let inner = if place < 3 { self.chance(2) } else { 0 };
                let frame = (path * 31 + place * 7 + inner) % u64::from(FRAMES);
                self.frame(frame as usize, frames)?;
            }
            self.put(b"e")?;
        }
        self.put(b"u")
    }

    fn frame(&mut self, number: usize, frames: &mut Vec<u32>) -> io::Result<()> {
        if let Some(&id) = frames.get(number).filter(|&&id| id != u32::MAX) {
            return self.get(id);
        }
        frames.resize(frames.len().max(number + 1), u32::MAX);
        self.put(b"}\x94(")?;
        frames[number] = self.memo;
        self.memo += 1;
        self.key(6)?;
        self.string(&format!("function_number_{number}"))?;
        self.key(7)?;
        self.string(&format!("/usr/lib/python3/site-packages/package/module_{}.py", number % 200))?;
        self.put(b"u")
    }

    fn key(&mut self, number: usize) -> io::Result<()> {
        match self.keys.get(number).filter(|&&id| id != u32::MAX) {
            Some(&id) => self.get(id),
            None => {
                self.keys.resize(self.keys.len().max(number + 1), u32::MAX);
                self.string(KEYS[number])?;
                self.keys[number] = self.memo - 1;
                Ok(())
            }
        }
    }

    fn get(&mut self, id: u32) -> io::Result<()> {
        match u8::try_from(id) {
            Ok(id) => self.put(&[b'h', id]),
            Err(_) => {
                self.put(b"j")?;
                self.put(&id.to_le_bytes())
            }
        }
    }

    fn long(&mut self, number: u64) -> io::Result<()> {
        self.put(&[0x8a, 7])?;
        self.put(&number.to_le_bytes()[..7])
    }

    fn string(&mut self, text: &str) -> io::Result<()> {
        self.put(&[0x8c, text.len() as u8])?;
        self.put(text.as_bytes())?;
        self.put(b"\x94")?;
        self.memo += 1;
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    /// A number below `limit`.
    fn chance(&mut self, limit: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % limit
    }
}
