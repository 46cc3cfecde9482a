//! Findings: failures and warnings first, then a line each for what is fine and for what is not known.

use std::fmt::{self, Formatter};

use super::wrapped;
use crate::{
    rendering::Healthy,
    report::{Finding, FindingVerdict, Report},
};

/// The most rules that do not apply and are named.
const NAMED: usize = 6;

pub(super) fn findings(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    let (wrong, rest): (Vec<&Finding>, Vec<&Finding>) =
        report.findings.iter().partition(|finding| finding.verdict.is_bad());
    let (sound, unknown): (Vec<&Finding>, Vec<&Finding>) =
        rest.into_iter().partition(|finding| finding.verdict == FindingVerdict::Ok);
    writeln!(f, "\n  FINDINGS")?;
    if wrong.is_empty() {
        wrapped(f, "  ", &Healthy(report).to_string())?;
    }
    for finding in wrong {
        writeln!(f, "  {:<4}  {} ({})", finding.verdict.name(), finding.title, finding.id)?;
        wrapped(f, "        ", &finding.evidence.to_string())?;
        if !finding.advice.is_empty() {
            wrapped(f, "        ", &format!("try: {}", finding.advice))?;
        }
    }
    if !sound.is_empty() {
        let ids: Vec<_> = sound.iter().map(|finding| finding.id).collect();
        writeln!(f, "  OK    {}", ids.join(", "))?;
    }
    // What could be known next time is said in full.
    let (helped, others): (Vec<&Finding>, Vec<&Finding>) =
        unknown.into_iter().partition(|finding| !finding.advice.is_empty());
    for finding in helped {
        let why = finding.why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        wrapped(f, "  ", &format!("N/A   {}{why}; try: {}", finding.id, finding.advice))?;
    }
    if !others.is_empty() {
        let ids: Vec<_> = others.iter().map(|finding| finding.id).collect();
        let named =
            if ids.len() <= NAMED { ids.join(", ") } else { format!("{} rules do not apply", ids.len()) };
        writeln!(f, "  N/A   {named} (--json says why)")?;
    }
    Ok(())
}
