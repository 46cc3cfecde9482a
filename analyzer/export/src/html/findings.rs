//! The findings of the rules, and the requests that failed.

use maud::{Markup, html};
use memtrace_analysis::{
    CallSite, grouped,
    rendering::Healthy,
    report::{Finding, OutOfMemory, Place, Report},
};

pub(super) fn findings(report: &Report) -> Markup {
    let wrong = |finding: &&Finding| finding.verdict.is_bad();
    html! {
        section #findings {
            h2 { "Findings" }
            @if !report.findings.iter().any(|finding| wrong(&finding)) {
                p { strong { (Healthy(report)) } }
            }
            @for finding in report.findings.iter().filter(wrong) {
                details open {
                    summary { (verdict(finding)) " " (finding.title) " " code { (finding.id) } }
                    p { (finding.evidence) }
                    @if !finding.advice.is_empty() { p .advice { "Try: " (finding.advice) } }
                    (places(finding))
                }
            }
            details {
                summary { "Rules that found nothing or do not apply" }
                ul {
                    @for finding in report.findings.iter().filter(|finding| !wrong(finding)) {
                        li {
                            (verdict(finding)) " " code { (finding.id) }
                            @if let Some(why) = &finding.why { ": " (why) }
                        }
                    }
                }
            }
        }
    }
}

fn verdict(finding: &Finding) -> Markup {
    let name = finding.verdict.name();
    html! { span class={ "verdict " (name.to_lowercase().replace('/', "")) } { (name) } }
}

/// Buttons by which the script shows where it was.
fn places(finding: &Finding) -> Markup {
    let named = |place: &Place| (place.time_ns, place.heap.clone(), place.module.clone());
    let shown = finding.places.iter().enumerate();
    let shown = shown
        .filter(|(index, place)| !finding.places[..*index].iter().any(|other| named(other) == named(place)));
    html! {
        p .controls {
            @for (_, place) in shown {
                @if let Some(time) = place.time_ns {
                    button type="button" data-time=(time.0) data-heap=[place.heap.as_ref().map(ToString::to_string)] {
                        @if let Some(module) = &place.module { (module) " " }
                        "at " (time)
                    }
                }
            }
        }
    }
}

pub(super) fn failures(report: &Report) -> Markup {
    html! {
        @if !report.ooms.is_empty() {
            section #failures {
                h2 { "Requests that failed: " (grouped(report.ooms_total)) }
                @for failed in &report.ooms[..report.ooms.len().min(20)] { (failure(failed)) }
            }
        }
    }
}

fn failure(failed: &OutOfMemory) -> Markup {
    let holes = failed.inactive_bytes.zip(failed.largest_usable_bytes.or(failed.largest_free_bytes));
    html! {
        details {
            summary {
                (failed.requested_bytes) " on " (failed.heap) " at " (failed.time_ns) ": "
                strong { (failed.verdict.name()) }
            }
            p { strong { (failed.headline) } }
            p { (failed.evidence) }
            p { "Asked by " (failed.module) " in " (failed.scope) "." }
            @if let Some((inactive, largest)) = holes {
                p { (inactive) " were reserved and not in use, the largest hole that it could use " (largest) "." }
            }
            @if let Some(site) = CallSite::of(&failed.stack) {
                details { summary { "At " code { (site) } } ol { @for frame in &failed.stack { li { code { (frame) } } } } }
            }
            @if !failed.strategies.is_empty() {
                p { "What less at a time would need:" }
                ul { @for way in &failed.strategies {
                    li { (way.setting) ": " @if way.at_least { "at least " } (way.bytes) ", for " (way.module) }
                } }
            }
            @if !failed.would_have_fit.is_empty() {
                p { (failed.alone()) "It would have fit with:" }
                ul { @for remedy in &failed.would_have_fit { li { (remedy.what) } } }
            }
            p .controls {
                button type="button" data-time=(failed.time_ns.0) data-heap=(failed.heap) { "Show" }
            }
        }
    }
}
