//! What was live, by what its blocks have in common.

use std::fmt::{self, Formatter};

use memtrace_format::Bytes;

use super::{ROWS, and_more, percent};
use crate::{
    Nanos, Text,
    report::{
        AgeShare, Share, SizeShare, StackShare,
        table::{Table, grouped, shorten},
    },
};

/// The most stacks that are listed, and the most frames of each.
const STACKS: usize = 5;
const FRAMES: usize = 3;

pub(super) fn shares(f: &mut Formatter<'_>, title: &str, owners: &[Share], whole: Bytes) -> fmt::Result {
    if owners.is_empty() {
        return Ok(());
    }
    let mut table = Table::new([title, "bytes", "share"]);
    for owner in owners.iter().take(ROWS) {
        table.row([shorten(&owner.name, 60), owner.bytes.to_string(), share(owner.bytes, whole)]);
    }
    write!(f, "\n{table}")?;
    and_more(f, owners.len() as u64, ROWS, "owners")
}

/// Nothing where no stack was recorded.
pub(super) fn stacks(f: &mut Formatter<'_>, title: &str, stacks: &[StackShare], whole: Bytes) -> fmt::Result {
    if stacks.iter().all(|stack| stack.stacks == 0) {
        return Ok(());
    }
    let mut table = Table::new([title, "bytes", "share", "blocks"]);
    for stack in stacks.iter().take(STACKS) {
        let frames = told(&stack.stack);
        let first = match (frames.first(), stack.stacks) {
            (Some(frame), _) => shorten(frame, 60),
            (None, 0) => "(no stack)".to_owned(),
            (None, many) => format!("({} others)", grouped(many)),
        };
        let figures = [stack.bytes.to_string(), share(stack.bytes, whole), grouped(stack.blocks)];
        let [bytes, part, blocks] = figures;
        table.row([first, bytes, part, blocks]);
        for frame in frames.iter().skip(1).take(FRAMES - 1) {
            table.row([
                format!("  called by {}", shorten(frame, 48)),
                String::new(),
                String::new(),
                String::new(),
            ]);
        }
    }
    write!(f, "\n{table}")?;
    let all: u64 = stacks.iter().map(|stack| stack.stacks.max(1)).sum();
    and_more(f, all, STACKS, "stacks")
}

/// The frames that say where in the program: those with a line, where there are any. The others are the allocator's and the
/// interpreter's own.
pub(super) fn told(stack: &[Text]) -> Vec<&Text> {
    // As definitions write them: `function (file:line)`.
    let line = |frame: &Text| frame.recorded().rsplit_once(':')?.1.strip_suffix(')')?.parse::<u32>().ok();
    let frames: Vec<&Text> = stack.iter().filter(|frame| line(frame).is_some()).collect();
    if frames.is_empty() { stack.iter().collect() } else { frames }
}

pub(super) fn sizes(f: &mut Formatter<'_>, title: &str, sizes: &[SizeShare], whole: Bytes) -> fmt::Result {
    if sizes.is_empty() {
        return Ok(());
    }
    let mut table = Table::new([title, "bytes", "share", "blocks"]);
    for class in sizes.iter().rev() {
        table.row([
            size_class(class),
            class.bytes.to_string(),
            share(class.bytes, whole),
            grouped(class.blocks),
        ]);
    }
    write!(f, "\n{table}")
}

pub(super) fn size_class(class: &SizeShare) -> String {
    match class.from_bytes {
        Bytes(0) => "of no bytes".to_owned(),
        from => format!("from {from}"),
    }
}

pub(super) fn ages(f: &mut Formatter<'_>, title: &str, ages: &[AgeShare], whole: Bytes) -> fmt::Result {
    if ages.is_empty() {
        return Ok(());
    }
    let mut table = Table::new([title, "bytes", "share", "blocks"]);
    for class in ages {
        table.row([
            age_class(class),
            class.bytes.to_string(),
            share(class.bytes, whole),
            grouped(class.blocks),
        ]);
    }
    write!(f, "\n{table}")
}

fn age_class(class: &AgeShare) -> String {
    // All borders are whole numbers of their unit.
    let whole = |ns: Nanos| match ns.0 {
        0..1_000_000_000 => format!("{} ms", ns.0 / 1_000_000),
        _ => format!("{} s", ns.0 / 1_000_000_000),
    };
    match (class.from_ns, class.below_ns) {
        (Nanos(0), Some(below)) => format!("under {}", whole(below)),
        (from, _) => format!("from {}", whole(from)),
    }
}

fn share(part: Bytes, whole: Bytes) -> String {
    percent(part.0 as f64 / whole.0.max(1) as f64)
}
