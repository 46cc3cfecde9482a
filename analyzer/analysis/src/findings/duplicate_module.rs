//! Weights that are in memory more than once: loaded under two names, or loaded again while the first are still there.

use memtrace_format::Bytes;

use super::{Case, Judgement, Rule, share_of_run};
use crate::{
    report::{Duplicate, Place, Report, Topic},
    table::shorten,
};

pub(super) const RULE: Rule = Rule {
    id: "duplicate-module",
    title: "the same weights are in memory more than once",
    topic: Topic::Growth,
    judge,
};

/// Of the run: weights that are there twice for less are being exchanged.
const LONG: f64 = 0.1;

/// Of the peaks of all heaps: what two copies of less cost is not worth a look.
const WORTH_IT: f64 = 0.01;

/// Of the peaks of all heaps: so much is worth a smaller device.
const BAD: f64 = 0.25;

/// The most duplicates that the evidence names, and the most characters of each.
const NAMED: usize = 3;
const NAMES: usize = 60;

fn judge(report: &Report) -> Judgement {
    let growth = &report.growth;
    if let Some(why) = growth.duplicates_why {
        return Judgement::Na(why.to_owned());
    }
    let peaks = report.heaps.iter().map(|heap| heap.peak.by.of(&heap.peak.figures).0);
    let peaks = peaks.fold(0, u64::saturating_add).max(1) as f64;
    let counts = |duplicate: &&Duplicate| {
        share_of_run(report, duplicate.together_ns) >= LONG
            && duplicate.wasted_bytes.0 as f64 >= WORTH_IT * peaks
    };
    let found: Vec<&Duplicate> = growth.duplicates.iter().filter(counts).collect();
    if found.is_empty() {
        return Judgement::Ok("no weights were in memory twice for a tenth of the run".to_owned());
    }
    let wasted = Bytes(found.iter().fold(0, |sum, duplicate| sum.saturating_add(duplicate.wasted_bytes.0)));
    let names: Vec<_> = found.iter().take(NAMED).map(|duplicate| described(duplicate)).collect();
    let more = found.len().saturating_sub(NAMED);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    let case = Case {
        evidence: format!("{wasted} are duplicates: {}{more}", names.join("; ")),
        advice: "load weights once and share them under both names (AUTOMATIC1111/Forge: one VAE for images and previews; \
                 diffusers: pass the loaded component, pipeline.vae, to the other pipeline), and release a model before it is \
                 loaded again"
            .to_owned(),
        places: found
            .iter()
            .map(|duplicate| Place {
                time_ns: Some(duplicate.from_ns),
                module: duplicate.names.last().cloned(),
                bytes: Some(duplicate.wasted_bytes),
                ..Place::default()
            })
            .collect(),
    };
    if wasted.0 as f64 >= BAD * peaks { Judgement::Fail(case) } else { Judgement::Warn(case) }
}

fn described(duplicate: &Duplicate) -> String {
    // A model that is loaded again and again has one name each time.
    let mut names: Vec<(String, usize)> = Vec::new();
    for name in &duplicate.names {
        let name = name.to_string();
        match names.iter_mut().find(|(other, _)| *other == name) {
            Some((_, times)) => *times += 1,
            None => names.push((name, 1)),
        }
    }
    let names: Vec<_> = names
        .into_iter()
        .map(|(name, times)| if times > 1 { format!("{times} × {name}") } else { name })
        .collect();
    format!(
        "{} are the same {} (for {}, from {})",
        shorten(&names.join(" and "), NAMES),
        duplicate.bytes,
        duplicate.together_ns,
        duplicate.from_ns,
    )
}
