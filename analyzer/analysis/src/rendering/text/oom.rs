//! Failed requests: a row each, then the reason and the remedies of those that were examined.

use std::fmt::{self, Formatter};

use super::{COLUMNS, ROWS, and_more, maybe, plural, wrapped};
use crate::{
    model::{CallSite, fit_frame},
    report::{InVain, ModelAgreement, OutOfMemory, Proof, Report},
    table::{Table, grouped, shorten},
};

/// The most pinning blocks that are listed of one failure, and the most frames.
const PINS: usize = 5;
const FRAMES: usize = 12;

pub(super) fn failures(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    if report.ooms_total == 0 {
        return Ok(());
    }
    let mut table = Table::new([
        "OUT OF MEMORY",
        "heap",
        "asked for",
        "in holes",
        "largest usable",
        "device free",
        "verdict",
        "module",
    ]);
    for failed in report.ooms.iter().take(ROWS) {
        table.row([
            format!("at {}", failed.time_ns),
            shorten(&failed.heap, 10),
            failed.requested_bytes.to_string(),
            maybe(failed.inactive_bytes),
            maybe(failed.largest_usable_bytes.or(failed.largest_free_bytes)),
            maybe(failed.device_free_bytes),
            failed.verdict.name().to_owned(),
            shorten(&failed.module, 24),
        ]);
    }
    write!(f, "\n{table}")?;
    and_more(f, report.ooms_total, ROWS.min(report.ooms.len()), "failed requests")?;
    for failed in report.ooms.iter().take(ROWS).filter(|failed| failed.would_have_fit_why.is_none()) {
        examined(f, failed)?;
    }
    Ok(())
}

fn examined(f: &mut Formatter<'_>, failed: &OutOfMemory) -> fmt::Result {
    writeln!(f, "\n  at {}: {}", failed.time_ns, failed.verdict.name())?;
    if failed.adds_a_headline() {
        wrapped(f, "    ", &failed.headline.to_string())?;
    }
    wrapped(f, "    ", &failed.evidence.to_string())?;
    if !failed.scope.is_empty() {
        wrapped(f, "    ", &format!("asked by {} in {}", failed.module, failed.scope))?;
    }
    if let Some(site) = CallSite::of(&failed.stack) {
        wrapped(f, "    ", &format!("at {site}"))?;
        for frame in failed.stack.iter().take(FRAMES) {
            writeln!(f, "      {}", fit_frame(frame, COLUMNS - 6))?;
        }
        and_more(f, failed.stack.len() as u64, FRAMES.min(failed.stack.len()), "frames")?;
    }
    for way in &failed.strategies {
        let (least, bytes, module) = (if way.at_least { "at least " } else { "" }, way.bytes, &way.module);
        let room = match way.fits {
            Some(true) => ": it fits",
            Some(false) => ": too much",
            None => "",
        };
        let line = format!("with {}: {least}{bytes}, for {module}{room}", way.setting);
        wrapped(f, "    ", &line)?;
    }
    if let Some(why) = failed.verdict_why {
        wrapped(f, "    ", &format!("cause unknown: {why}"))?;
    }
    for pin in failed.pinning.iter().take(PINS) {
        let (module, scope) = (shorten(&pin.module, 24), shorten(&pin.scope, 36));
        writeln!(f, "    pinned by {} at {}, of {module} in {scope}", pin.bytes, pin.address)?;
    }
    and_more(f, failed.pinning_total, PINS.min(failed.pinning.len()), "pinning blocks")?;
    for remedy in &failed.would_have_fit {
        let proof = match remedy.proof {
            Proof::State => "",
            Proof::Course => " left (simulated over the whole run)",
        };
        let what = shorten(&remedy.what, 64);
        writeln!(f, "    {}would have fit: {what}: {}{proof}", failed.alone(), remedy.bytes)?;
    }
    // One line for all that there is one reason for.
    for (at, tried) in failed.would_not_have_fit.iter().enumerate() {
        let same = |other: &&InVain| other.why == tried.why;
        if failed.would_not_have_fit[..at].iter().any(|other| same(&other)) {
            continue;
        }
        let all: Vec<String> =
            failed.would_not_have_fit[at..].iter().filter(same).map(|tried| tried.what.to_string()).collect();
        wrapped(f, "    ", &format!("would not have fit: {}: {}", all.join(", "), tried.why))?;
    }
    match (&failed.model, failed.model_why) {
        (Some(model), _) => agreement(f, model),
        (None, Some(why)) => wrapped(f, "    ", &format!("no model of the whole run: {why}")),
        (None, None) => Ok(()),
    }
}

fn agreement(f: &mut Formatter<'_>, model: &ModelAgreement) -> fmt::Result {
    let text = format!(
        "model by {}: {} of {} {} as recorded, reserved as recorded at {} of {} events{}",
        shorten(&model.rules, 48),
        grouped(model.sizes_agree),
        grouped(model.allocs),
        plural(model.allocs, "block"),
        grouped(model.reserved_agrees),
        grouped(model.events),
        if model.refused { ", and refuses too" } else { ", but serves it" },
    );
    wrapped(f, "    ", &text)
}
