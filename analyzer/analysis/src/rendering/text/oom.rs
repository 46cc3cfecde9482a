//! Failed requests: a row each, then the reason and the remedies of those that were examined.

use std::fmt::{self, Formatter};

use super::{ROWS, and_more, maybe, plural, wrapped};
use crate::{
    report::{InVain, ModelAgreement, OutOfMemory, Proof, Report},
    table::{Table, grouped, shorten},
};

/// The most pinning blocks that are listed of one failure.
const PINS: usize = 5;

pub(super) fn failures(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    if report.ooms_total == 0 {
        return Ok(());
    }
    let mut table = Table::new([
        "OUT OF MEMORY",
        "heap",
        "asked for",
        "inactive",
        "largest hole",
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
            maybe(failed.largest_free_bytes),
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
    wrapped(f, "    ", &failed.evidence.to_string())?;
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
        writeln!(f, "    would have fit: {}: {}{proof}", shorten(&remedy.what, 64), remedy.bytes)?;
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
