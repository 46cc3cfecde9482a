//! Findings: failures and warnings first, then a line each for what is fine and for what is not known.

use std::fmt::{self, Formatter};

use super::wrapped;
use crate::report::{Finding, FindingVerdict, Report};

pub(super) fn findings(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    let (wrong, rest): (Vec<&Finding>, Vec<&Finding>) =
        report.findings.iter().partition(|finding| finding.verdict.is_bad());
    let (sound, unknown): (Vec<&Finding>, Vec<&Finding>) =
        rest.into_iter().partition(|finding| finding.verdict == FindingVerdict::Ok);
    writeln!(f, "\n  FINDINGS")?;
    for finding in wrong {
        writeln!(f, "  {:<4}  {}", finding.verdict.name(), finding.id)?;
        wrapped(f, "        ", &finding.evidence.to_string())?;
        if !finding.advice.is_empty() {
            wrapped(f, "        ", &format!("try: {}", finding.advice))?;
        }
    }
    if !sound.is_empty() {
        let ids: Vec<_> = sound.iter().map(|finding| finding.id).collect();
        writeln!(f, "  OK    {}", ids.join(", "))?;
    }
    for finding in unknown {
        if let Some(why) = &finding.why {
            writeln!(f, "  N/A   {}: {why}", finding.id)?;
        }
    }
    Ok(())
}
