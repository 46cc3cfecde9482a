//! Live memory, broken down.

use std::{
    cmp::Reverse,
    fmt::{self, Formatter},
};

use memtrace_format::Bytes;

use super::{ROWS, and_more, percent};
use crate::{
    Nanos, Text,
    model::{CallSite, fit_frame, own_frames},
    report::{AgeShare, LineShare, Share, SizeShare, StackShare, is_nobody},
    table::{Table, grouped, shorten},
};

/// What holds less of all of it is told together with others like it, where a list is of classes.
const SMALL: f64 = 0.01;

/// The most lines of the program that are listed.
const LINES: usize = 10;

/// The most stacks that are listed, and the most frames of each.
const STACKS: usize = 5;
const FRAMES: usize = 3;

/// The widest frame, and the widest name: nothing is cut where there are 200 columns.
const FRAME: usize = 150;
const OWNER: usize = 150;

/// Nothing where nobody owns anything.
pub(super) fn shares(f: &mut Formatter<'_>, title: &str, owners: &[Share], whole: Bytes) -> fmt::Result {
    if owners.iter().all(|owner| is_nobody(&owner.name)) {
        return Ok(());
    }
    let mut table = Table::new([title, "bytes", "share"]);
    for owner in owners.iter().take(ROWS) {
        table.row([shorten(&owner.name, OWNER), owner.bytes.to_string(), share(owner.bytes, whole)]);
    }
    write!(f, "\n{table}")?;
    and_more(f, owners.len() as u64, ROWS, "owners")
}

/// Nothing where all is one thread's.
pub(super) fn threads(f: &mut Formatter<'_>, title: &str, threads: &[Share], whole: Bytes) -> fmt::Result {
    if threads.len() < 2 { Ok(()) } else { shares(f, title, threads, whole) }
}

/// Nothing where no stack was recorded.
pub(super) fn lines(f: &mut Formatter<'_>, title: &str, lines: &[LineShare], whole: Bytes) -> fmt::Result {
    if lines.iter().all(|line| line.stacks == 0) {
        return Ok(());
    }
    let mut table = Table::new([title, "bytes", "share", "blocks"]);
    for line in lines.iter().take(LINES) {
        let name = fit_frame(&line.line, FRAME);
        table.row([name, line.bytes.to_string(), share(line.bytes, whole), grouped(line.blocks)]);
    }
    write!(f, "\n{table}")?;
    and_more(f, lines.len() as u64, LINES, "lines")
}

/// Nothing where no stack was recorded. Those that read the same are one row.
pub(super) fn stacks(f: &mut Formatter<'_>, title: &str, stacks: &[StackShare], whole: Bytes) -> fmt::Result {
    if stacks.iter().all(|stack| stack.stacks == 0) {
        return Ok(());
    }
    let mut rows: Vec<(Vec<String>, Bytes, u64, u64)> = Vec::new();
    for stack in stacks {
        let mut lines: Vec<String> = stack_lines(&stack.stack).collect();
        if lines.is_empty() {
            lines.push(match stack.stacks {
                0 => "(no stack)".to_owned(),
                many => format!("({} others)", grouped(many)),
            });
        }
        let all = stack.stacks.max(1);
        match rows.iter_mut().find(|(known, ..)| *known == lines) {
            Some((_, bytes, blocks, count)) => {
                bytes.0 = bytes.0.saturating_add(stack.bytes.0);
                *blocks += stack.blocks;
                *count += all;
            }
            None => rows.push((lines, stack.bytes, stack.blocks, all)),
        }
    }
    rows.sort_by_key(|(_, bytes, ..)| Reverse(*bytes));
    let mut table = Table::new([title, "bytes", "share", "blocks"]);
    for (lines, bytes, blocks, _) in rows.iter().take(STACKS) {
        let mut lines = lines.iter();
        let first = lines.next().cloned().unwrap_or_default();
        table.row([first, bytes.to_string(), share(*bytes, whole), grouped(*blocks)]);
        lines.for_each(|line| table.row([line.clone()]));
    }
    write!(f, "\n{table}")?;
    let all: u64 = rows.iter().map(|(.., count)| count).sum();
    let shown: u64 = rows.iter().take(STACKS).map(|(.., count)| count).sum();
    and_more(f, all, usize::try_from(shown).unwrap_or(usize::MAX), "stacks")
}

/// The frames that say where in the program, a line each; none for no stack.
pub(crate) fn stack_lines(stack: &[Text]) -> impl Iterator<Item = String> {
    let own = own_frames(stack).into_iter().skip(1).take(FRAMES - 1);
    let callers = own.map(|frame| format!("  called by {}", fit_frame(frame, FRAME - 12)));
    CallSite::of(stack).map(|site| site.fitted(FRAME)).into_iter().chain(callers)
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
