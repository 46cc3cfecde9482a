//! The report as one page of HTML, to be read in any browser: it loads nothing, runs the two scripts in it and no other, and
//! needs them for the charts and the order of tables alone.
//!
//! All text is made here, by templates that escape it; the scripts get numbers and names as JSON, and set names as text.
//! The policy names the hashes of the scripts and of the styles, so a browser takes no others, wherever they might come from.

mod charts;
mod findings;
mod parts;
mod tree;

use std::fmt::{self, Display, Formatter};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use memtrace_analysis::{as_positions, grouped, report::Report, timeline::Timeline, utc};
use sha2::{Digest, Sha256};

/// <https://github.com/leeoniya/uPlot>, with its licence beside it.
const CHARTS: &str = include_str!("assets/uPlot.iife.min.js");
const CHARTS_LICENCE: &str = include_str!("assets/uPlot.LICENSE");
const CHARTS_STYLE: &str = include_str!("assets/uPlot.min.css");
const SCRIPT: &str = include_str!("assets/page.js");
const STYLE: &str = include_str!("assets/page.css");

/// A report and the timeline of its run, as a page.
#[derive(Clone, Copy, Debug)]
pub struct Html<'a> {
    /// The report.
    pub report: &'a Report,
    /// The timeline of the same run.
    pub timeline: &'a Timeline,
}

impl Display for Html<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let page = as_positions(!self.report.trace.has_times(), || self.page());
        f.write_str(&page.into_string())
    }
}

impl Html<'_> {
    fn page(&self) -> Markup {
        let report = self.report;
        let title = match &report.trace.engine {
            Some(engine) => format!("Memory of {engine}"),
            None => "Memory of an engine".to_owned(),
        };
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(policy());
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="referrer" content="no-referrer";
                    title { (title) }
                    style { (PreEscaped(CHARTS_STYLE)) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    header {
                        h1 { (title) }
                        (heading(report))
                        nav {
                            a href="#findings" { "Findings" }
                            a href="#timeline" { "Timeline" }
                            a href="#residency" { "Residency" }
                            a href="#peak" { "Peak" }
                            a href="#swaps" { "Swaps" }
                            a href="#growth" { "Growth" }
                        }
                    }
                    main {
                        (findings::findings(report))
                        (findings::failures(report))
                        (timeline(report))
                        (parts::peaks(report))
                        (parts::swaps(report))
                        (parts::growth(report))
                    }
                    footer {
                        "Made by memtrace " (env!("CARGO_PKG_VERSION"))
                        ". This page holds all that it shows; it loads nothing and tells nobody."
                        details { summary { "Its charts are drawn by uPlot" } p { (CHARTS_LICENCE) } }
                    }
                    script type="application/json" id="charts" { (PreEscaped(charts::json(report, self.timeline))) }
                    script { (PreEscaped(CHARTS)) }
                    script { (PreEscaped(SCRIPT)) }
                }
            }
        }
    }
}

/// The policy for a browser: the page may run its own scripts and use its own styles, nothing else.
fn policy() -> String {
    let sources = |texts: [&str; 2]| {
        let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
        texts.map(hash).join(" ")
    };
    let (scripts, styles) = (sources([CHARTS, SCRIPT]), sources([CHARTS_STYLE, STYLE]));
    format!(
        "default-src 'none'; script-src {scripts}; style-src {styles}; base-uri 'none'; form-action 'none'"
    )
}

fn heading(report: &Report) -> Markup {
    let trace = &report.trace;
    html! {
        p {
            @if let Some(version) = &trace.engine_version { "Version " (version) ", ran" } @else { "Ran" }
            " for " (trace.duration_ns)
            @if let Some(start) = trace.start_unix_ns { ", on " (utc(start)) }
            "; " (trace.ending()) ". " (grouped(trace.events)) " events"
            @if let Some(threads) = trace.threads { " of " (grouped(threads)) " threads" }
            ", "
            (trace.dropped.told(trace.dropped.total)) " lost, " (grouped(trace.damaged_chunks)) " damaged chunks."
        }
    }
}

/// The element that the script draws into.
fn timeline(report: &Report) -> Markup {
    html! {
        section #timeline {
            h2 { "Timeline" }
            noscript { p { "The charts need scripts; everything else is here without." } }
            div .controls {
                span #heaps {}
                span {
                    button #whole type="button" { "Whole run" }
                    button #to-peak type="button" { "Peak" }
                    button #closer type="button" aria-label="Zoom in" { "+" }
                    button #farther type="button" aria-label="Zoom out" { "−" }
                    button #earlier type="button" aria-label="Earlier" { "◀" }
                    button #later type="button" aria-label="Later" { "▶" }
                }
            }
            div #chart {}
            p #readout .readout aria-live="polite" { "Drag over the chart to look closer; a double click shows the whole run." }
            p { small {
                "Filled: from the least to the most that was allocated in each part of the run. Dashed: marks, and requests that failed (red)."
                @if report.heaps.iter().any(|heap| report.capacity(heap).is_some()) { " Dashed across: all of the device's memory." }
            } }
            @if !report.phases.is_empty() {
                div .controls #phases { span .label { "Phases:" } }
            }
        }
        section #residency {
            h2 { "Residency" }
            @if report.modules.is_empty() {
                p { "The engine named no modules." }
            } @else {
                div #tiers .controls { span .label { "Where:" } }
                canvas #stays tabindex="0" aria-label="Where each module was over time" {}
                p #stay .readout { "Point at a bar to see where its module was." }
            }
        }
    }
}

#[cfg(test)]
mod tests;
