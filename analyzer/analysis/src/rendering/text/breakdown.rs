//! Live memory, broken down.

use std::fmt::{self, Formatter};

use memtrace_format::Bytes;

use super::{ROWS, and_more, percent};
use crate::{
    Nanos, Text,
    report::{AgeShare, Share, SizeShare, StackShare, is_nobody},
    table::{Table, grouped, shorten},
};

/// What holds less of all of it is told together with others like it, where a list is of classes.
const SMALL: f64 = 0.01;

/// The most stacks that are listed, and the most frames of each.
const STACKS: usize = 5;
const FRAMES: usize = 3;

/// Nothing where nobody owns anything.
pub(super) fn shares(f: &mut Formatter<'_>, title: &str, owners: &[Share], whole: Bytes) -> fmt::Result {
    if owners.iter().all(|owner| is_nobody(&owner.name)) {
        return Ok(());
    }
    let mut table = Table::new([title, "bytes", "share"]);
    for owner in owners.iter().take(ROWS) {
        table.row([shorten(&owner.name, 60), owner.bytes.to_string(), share(owner.bytes, whole)]);
    }
    write!(f, "\n{table}")?;
    and_more(f, owners.len() as u64, ROWS, "owners")
}

/// Nothing where all is one thread's.
pub(super) fn threads(f: &mut Formatter<'_>, title: &str, threads: &[Share], whole: Bytes) -> fmt::Result {
    if threads.len() < 2 { Ok(()) } else { shares(f, title, threads, whole) }
}

/// Nothing where no stack was recorded.
pub(super) fn stacks(f: &mut Formatter<'_>, title: &str, stacks: &[StackShare], whole: Bytes) -> fmt::Result {
    if stacks.iter().all(|stack| stack.stacks == 0) {
        return Ok(());
    }
    let mut table = Table::new([title, "bytes", "share", "blocks"]);
    for stack in stacks.iter().take(STACKS) {
        let mut lines = stack_lines(&stack.stack);
        let first = match (lines.next(), stack.stacks) {
            (Some(line), _) => line,
            (None, 0) => "(no stack)".to_owned(),
            (None, many) => format!("({} others)", grouped(many)),
        };
        let figures = [stack.bytes.to_string(), share(stack.bytes, whole), grouped(stack.blocks)];
        let [bytes, part, blocks] = figures;
        table.row([first, bytes, part, blocks]);
        lines.for_each(|line| table.row([line]));
    }
    write!(f, "\n{table}")?;
    let all: u64 = stacks.iter().map(|stack| stack.stacks.max(1)).sum();
    and_more(f, all, STACKS, "stacks")
}

/// The innermost frames that say where in the program, a line each; none for no stack.
pub(crate) fn stack_lines(stack: &[Text]) -> impl Iterator<Item = String> {
    let line = |(depth, frame)| match depth {
        0 => shorten(frame, 60),
        _ => format!("  called by {}", shorten(frame, 48)),
    };
    told(stack).into_iter().take(FRAMES).enumerate().map(line)
}

/// The frames that say where in the program: those with a line, where there are any. The others are the allocator's and the
/// interpreter's own; so are the lines of Rust's own library.
pub(super) fn told(stack: &[Text]) -> Vec<&Text> {
    // As definitions write them: `function (file:line)`.
    let line = |frame: &Text| frame.recorded().rsplit_once(':')?.1.strip_suffix(')')?.parse::<u32>().ok();
    let is_telling = |frame: &&Text| line(frame).is_some() && !frame.recorded().contains("(/rustc/");
    let frames: Vec<&Text> = stack.iter().filter(is_telling).collect();
    if frames.is_empty() { stack.iter().collect() } else { frames }
}

pub(super) fn sizes(f: &mut Formatter<'_>, title: &str, sizes: &[SizeShare], whole: Bytes) -> fmt::Result {
    let sizes = sizes.iter().rev().map(|class| (size_words(class.from_bytes), class.bytes, class.blocks));
    classes(f, title, &sizes.collect::<Vec<_>>(), whole)
}

pub(super) fn ages(f: &mut Formatter<'_>, title: &str, ages: &[AgeShare], whole: Bytes) -> fmt::Result {
    let ages = ages.iter().map(|class| (age_words(class.from_ns, class.below_ns), class.bytes, class.blocks));
    classes(f, title, &ages.collect::<Vec<_>>(), whole)
}

/// Nothing where all is of one class; the small ones together.
fn classes(
    f: &mut Formatter<'_>,
    title: &str,
    classes: &[(String, Bytes, u64)],
    whole: Bytes,
) -> fmt::Result {
    if classes.len() < 2 {
        return Ok(());
    }
    let is_small = |bytes: Bytes| (bytes.0 as f64) < whole.0 as f64 * SMALL;
    let (small, told): (Vec<_>, Vec<_>) = classes.iter().partition(|(_, bytes, _)| is_small(*bytes));
    let mut table = Table::new([title, "bytes", "share", "blocks"]);
    let mut row = |name: &str, bytes: Bytes, blocks: u64| {
        table.row([name.to_owned(), bytes.to_string(), share(bytes, whole), grouped(blocks)]);
    };
    told.iter().for_each(|(name, bytes, blocks)| row(name, *bytes, *blocks));
    match &small[..] {
        [] => {}
        [(name, bytes, blocks)] => row(name, *bytes, *blocks),
        small => {
            let bytes = small.iter().fold(0, |sum: u64, (_, bytes, _)| sum.saturating_add(bytes.0));
            row("others", Bytes(bytes), small.iter().map(|(.., blocks)| blocks).sum());
        }
    }
    write!(f, "\n{table}")
}

pub(crate) fn size_words(from: Bytes) -> String {
    match from {
        Bytes(0) => "of no bytes".to_owned(),
        from => format!("from {from}"),
    }
}

pub(crate) fn age_words(from: Nanos, below: Option<Nanos>) -> String {
    // All borders are whole numbers of their unit.
    let whole = |ns: Nanos| match ns.0 {
        0..1_000_000_000 => format!("{} ms", ns.0 / 1_000_000),
        _ => format!("{} s", ns.0 / 1_000_000_000),
    };
    match (from, below) {
        (Nanos(0), Some(below)) => format!("under {}", whole(below)),
        (from, _) => format!("from {}", whole(from)),
    }
}

fn share(part: Bytes, whole: Bytes) -> String {
    percent(part.0 as f64 / whole.0.max(1) as f64)
}
