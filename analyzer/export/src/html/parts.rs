//! Peaks, swaps and growth: tables and trees.

use maud::{Markup, html};
use memtrace_analysis::{
    CallSite, grouped,
    replay::BETWEEN_SCOPES,
    report::{Cycle, Heap, Peak, Report, Retained},
};

use super::tree::Tree;

/// The most rows of a table: who wants more has the trace, or its JSON.
const ROWS: usize = 100;

pub(super) fn peaks(report: &Report) -> Markup {
    html! {
        section #peak {
            h2 { "Peak" }
            @if report.heaps.is_empty() { p { "Nothing was allocated." } }
            @let main = report.main_heap();
            @for (index, heap) in report.heaps.iter().enumerate() {
                details open[Some(index) == main] { (peak(heap)) }
            }
        }
    }
}

fn peak(heap: &Heap) -> Markup {
    let peak = &heap.peak;
    let bytes = peak.by.of(&peak.figures);
    html! {
        summary { strong { (heap.name) } ": " (bytes) " " (peak.by.name()) " at " (peak.time_ns) }
        p .controls {
            button type="button" data-time=(peak.time_ns.0) data-heap=(heap.name) { "Show" }
        }
        p {
            @if let Some(reserved) = peak.figures.reserved_bytes { (reserved) " were reserved then. " }
            (grouped(heap.allocs)) " allocs, " (grouped(heap.frees)) " frees; "
            (peak.by.of(&heap.end)) " in " (grouped(heap.end_blocks)) " blocks at the end. Known: " (heap.known.name()) "."
        }
        h3 { "By module" }
        (Tree::new(&peak.by_module, ".").draw(bytes))
        h3 { "By scope" }
        (Tree::new(&peak.by_scope, BETWEEN_SCOPES).draw(bytes))
        (stacks(peak))
        (blocks(peak))
    }
}

fn stacks(peak: &Peak) -> Markup {
    html! {
        @if peak.by_line.iter().any(|line| line.stacks > 0) {
            h3 { "By your own line" }
            div .wide { table {
                thead { tr { th { "line" } th { "bytes" } th { "blocks" } } }
                tbody { @for line in &peak.by_line[..peak.by_line.len().min(ROWS)] {
                    tr {
                        td { code { (line.line) } }
                        td data-value=(line.bytes.0) { (line.bytes) }
                        td data-value=(line.blocks) { (grouped(line.blocks)) }
                    }
                } }
            } }
        }
        @if peak.by_stack.iter().any(|share| share.stacks > 0) {
            h3 { "By call stack" }
            @for share in &peak.by_stack[..peak.by_stack.len().min(ROWS)] {
                details {
                    summary {
                        (share.bytes) " in " (grouped(share.blocks)) " blocks"
                        @if let Some(site) = CallSite::of(&share.stack) { ": " code { (site) } }
                    }
                    ol { @for frame in &share.stack { li { code { (frame) } } } }
                }
            }
        }
    }
}

fn blocks(peak: &Peak) -> Markup {
    html! {
        @if !peak.blocks.is_empty() {
            details {
                summary { "Largest blocks, of " (grouped(peak.blocks_total)) }
                div .wide { table {
                    thead { tr { th { "address" } th { "bytes" } th { "age" } th { "module" } th { "scope" } th { "thread" } } }
                    tbody { @for block in &peak.blocks[..peak.blocks.len().min(ROWS)] {
                        tr {
                            td { code { (block.address) } }
                            td data-value=(block.bytes.0) { (block.bytes) }
                            td data-value=(block.age_ns.0) { (block.age_ns) }
                            td { (block.module) }
                            td { (block.scope) }
                            td { (block.thread) }
                        }
                    } }
                } }
            }
        }
    }
}

pub(super) fn swaps(report: &Report) -> Markup {
    let swaps = &report.swaps;
    html! {
        section #swaps {
            h2 { "Swaps" }
            @if swaps.count == 0 { p { "No module was moved out for another." } }
            @else {
                p {
                    (grouped(swaps.count)) " swaps moved " (swaps.bytes) " in " (swaps.ns) "; forwards waited "
                    (swaps.stall_ns) " of it. "
                    @if let Some(thrash) = &swaps.thrash { (grouped(thrash.count)) " were for what had just been there. " }
                    @if let Some(bound) = &swaps.lower_bound {
                        (bound.loaded_bytes) " was loaded; with the same room " (bound.bytes) " had to be."
                    }
                }
                div .wide { table {
                    thead { tr { th { "swapped in" } th { "times" } th { "moved" } th { "took" } th { "waited" } th { "again within a cycle" } } }
                    tbody { @for module in &swaps.by_module[..swaps.by_module.len().min(ROWS)] {
                        tr {
                            td { (module.name) }
                            td data-value=(module.count) { (grouped(module.count)) }
                            td data-value=(module.bytes.0) { (module.bytes) }
                            td data-value=(module.ns.0) { (module.ns) }
                            td data-value=(module.stall_ns.0) { (module.stall_ns) }
                            td data-value=(module.thrash.count) { (grouped(module.thrash.count)) }
                        }
                    } }
                } }
                h3 { "Those that hurt most" }
                div .wide { table {
                    thead { tr { th { "in" } th { "out" } th { "at" } th { "moved" } th { "took" } th { "waited" } th { "GB/s" } } }
                    tbody { @for swap in &swaps.costliest[..swaps.costliest.len().min(ROWS)] {
                        tr {
                            td { (swap.module) }
                            td { (swap.evicted.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")) }
                            td data-value=(swap.time_ns.0) { button type="button" data-time=(swap.time_ns.0) { (swap.time_ns) } }
                            td data-value=(swap.bytes.0) { (swap.bytes) }
                            td data-value=(swap.ns.0) { (swap.ns) }
                            td data-value=(swap.stall_ns.0) { (swap.stall_ns) }
                            td data-value=(swap.gbps.unwrap_or(0.0)) { (swap.gbps.map_or_else(|| "–".to_owned(), |gbps| format!("{gbps:.2}"))) }
                        }
                    } }
                } }
            }
        }
    }
}

pub(super) fn growth(report: &Report) -> Markup {
    let growth = &report.growth;
    let rows = growth.cycles.iter().flat_map(|cycle| cycle.heaps.iter().map(move |heap| (cycle, heap)));
    html! {
        section #growth {
            h2 { "Growth" }
            @if growth.cycles.is_empty() {
                p { "Nothing repeated" @if let Some(why) = &growth.cycles_why { ": " (why) } "." }
            } @else {
                div .wide { table {
                    thead { tr { th { "each time" } th { "ends" } th { "heap" } th { "kept a time" } th { "held at the last" } th { "over time" } th { "most of it" } } }
                    tbody { @for (cycle, heap) in rows.take(ROWS) {
                        tr {
                            td { (cycle.source.name()) " " (name(cycle)) }
                            td data-value=(cycle.count) { (grouped(cycle.count)) }
                            td { (heap.heap) }
                            td data-value=(heap.trend.retained_bytes_per_cycle.unwrap_or(0)) {
                                (heap.trend.retained_bytes_per_cycle.map_or_else(|| "–".to_owned(), signed))
                            }
                            @let held = heap.levels.last().map(|level| level.bytes);
                            td data-value=(held.unwrap_or_default().0) { @if let Some(held) = held { (held) } }
                            td { (heap.trend.shape.name()) }
                            td { (most(&heap.by_module)) }
                        }
                    } }
                } }
            }
        }
    }
}

fn name(cycle: &Cycle) -> Markup {
    html! { (cycle.name) @if let Some(inside) = &cycle.inside { " in " (inside) } }
}

fn most(owners: &[Retained]) -> Markup {
    html! { @if let Some(first) = owners.first() { (first.name) " " (signed(first.bytes)) } }
}

fn signed(bytes: i64) -> String {
    let sign = if bytes < 0 { "−" } else { "+" };
    format!("{sign}{}", memtrace_format::Bytes(bytes.unsigned_abs()))
}
