//! Free memory in a heap's segments, and the blocks that pin it.

use std::fmt::{self, Formatter};

use super::{and_more, breakdown::size_words, maybe, percent, plural};
use crate::{
    model::CallSite,
    report::{Fragmentation, FragmentationAt, Layout, Pin, is_nobody},
    table::{Table, grouped, shorten},
};

/// The most pins that are listed, the most names of their owners, and the most segments.
const PINS: usize = 5;
const NAMES: usize = 2;
const SEGMENTS: usize = 10;

/// At its three instants; of pins, those of the worst.
pub(super) fn fragmentation(f: &mut Formatter<'_>, fragmentation: &Fragmentation) -> fmt::Result {
    figures(
        f,
        &[
            ("at the peak", &fragmentation.at_peak),
            ("worst", &fragmentation.worst),
            ("most pinned", &fragmentation.most_pinned),
            ("at the end", &fragmentation.end),
        ],
    )?;
    let pinned = &fragmentation.most_pinned;
    pins(f, &format!("pinned most, {}, by", pinned.time_ns), &pinned.layout)?;
    unpinned(f, "at the end", &fragmentation.end.layout)
}

/// At one instant, with all that is known of it.
pub(super) fn in_full(f: &mut Formatter<'_>, at: &FragmentationAt) -> fmt::Result {
    figures(f, &[("", at)])?;
    let layout = &at.layout;
    if !layout.free_by_size.is_empty() {
        let mut table = Table::new(["holes by size", "bytes", "holes"]);
        for class in layout.free_by_size.iter().rev() {
            table.row([size_words(class.from_bytes), class.bytes.to_string(), grouped(class.blocks)]);
        }
        write!(f, "\n{table}")?;
    }
    segments(f, layout)?;
    pins(f, "segments are kept by", layout)?;
    unpinned(f, "now", layout)
}

fn figures(f: &mut Formatter<'_>, rows: &[(&str, &FragmentationAt)]) -> fmt::Result {
    let mut table = Table::new([
        "fragmentation",
        "at",
        "inactive",
        "holes",
        "largest",
        "pinned",
        "external",
        "in use",
        "internal",
    ]);
    for (name, at) in rows {
        table.row([
            (*name).to_owned(),
            at.time_ns.to_string(),
            at.inactive_bytes.to_string(),
            grouped(at.free_blocks),
            at.largest_free_bytes.to_string(),
            at.pinned_bytes.to_string(),
            at.external.map_or_else(|| "-".to_owned(), percent),
            at.active_over_reserved.map_or_else(|| "-".to_owned(), percent),
            maybe(at.internal_bytes),
        ]);
    }
    write!(f, "\n{table}")
}

fn segments(f: &mut Formatter<'_>, layout: &Layout) -> fmt::Result {
    if layout.segments.is_empty() {
        return Ok(());
    }
    let mut table = Table::new([
        "segments",
        "bytes",
        "pool",
        "active",
        "free",
        "holes",
        "largest",
        "internal",
        "blocks by size",
    ]);
    for segment in layout.segments.iter().take(SEGMENTS) {
        let mut sizes: Vec<_> = segment.blocks_by_size.iter().collect();
        sizes.sort_by_key(|class| std::cmp::Reverse(class.bytes));
        let sizes = sizes
            .iter()
            .take(NAMES)
            .map(|class| format!("{} × {}+", grouped(class.blocks), class.from_bytes));
        let mut sizes: Vec<_> = sizes.collect();
        if segment.blocks_by_size.len() > NAMES {
            sizes.push("…".to_owned());
        }
        let pool = segment.pool.as_ref().map_or_else(|| "?".to_owned(), |pool| shorten(pool, 12));
        table.row([
            segment.address.to_string(),
            segment.bytes.to_string(),
            if segment.is_expandable { format!("{pool}, expandable") } else { pool },
            segment.active_bytes.to_string(),
            segment.free_bytes.to_string(),
            grouped(segment.free_blocks),
            segment.largest_free_bytes.to_string(),
            maybe(segment.internal_bytes),
            sizes.join(", "),
        ]);
    }
    write!(f, "\n{table}")?;
    and_more(f, layout.segments_total.unwrap_or_default(), SEGMENTS, "segments")
}

fn pins(f: &mut Formatter<'_>, title: &str, layout: &Layout) -> fmt::Result {
    if layout.pins.is_empty() {
        return Ok(());
    }
    let mut table = Table::new([title, "blocks", "of", "which frees", "in segment"]);
    for pin in layout.pins.iter().take(PINS) {
        table.row([
            whose(pin),
            grouped(pin.blocks_total),
            pin.releases_bytes.to_string(),
            pin.frees_bytes.to_string(),
            pin.segment.to_string(),
        ]);
    }
    write!(f, "\n{table}")?;
    and_more(f, layout.pins.len() as u64, PINS, "of them")
}

/// The modules that own the blocks, and where the largest came from.
fn whose(pin: &Pin) -> String {
    let names: Vec<_> = pin.by_module.iter().take(NAMES).map(|share| shorten(&share.name, 24)).collect();
    let more = if pin.by_module.len() > NAMES { ", …" } else { "" };
    let mut text = format!("{}{more}", names.join(", "));
    if let Some(block) = pin.blocks.first() {
        match CallSite::of(&block.stack) {
            _ if !is_nobody(&block.scope) => text += &format!(" in {}", shorten(&block.scope, 24)),
            Some(site) => text += &format!(" at {}", site.fitted(60)),
            None => {}
        }
    }
    text
}

fn unpinned(f: &mut Formatter<'_>, when: &str, layout: &Layout) -> fmt::Result {
    if layout.unpinned_bytes.0 == 0 {
        return Ok(());
    }
    let segments = layout.segments_total.unwrap_or_default();
    writeln!(
        f,
        "  {when} no block pins {} of the {} {}: releasing the cache frees them",
        layout.unpinned_bytes,
        grouped(segments),
        plural(segments, "segment"),
    )
}
