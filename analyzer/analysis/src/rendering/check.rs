//! A check as a table.

use std::fmt::{self, Display, Formatter};

use memtrace_format::Bytes;

use crate::check::{Check, Limit, LimitVerdict};
use crate::{
    Nanos,
    report::Finding,
    table::{Table, grouped, shorten},
};

/// A check as text.
#[derive(Clone, Copy, Debug)]
pub struct CheckText<'a>(pub &'a Check);

impl Display for CheckText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.0.limits.is_empty() {
            let mut table = Table::new(["CHECK", "at most", "found", "verdict"]);
            for limit in &self.0.limits {
                table.row([
                    shorten(&limit.figure, 60),
                    shown(limit, limit.limit),
                    limit.found.map_or_else(|| "?".to_owned(), |found| shown(limit, found)),
                    verdict(limit.verdict).to_owned(),
                ]);
            }
            write!(f, "{table}")?;
        }
        for limit in &self.0.limits {
            if let Some(why) = limit.why {
                writeln!(f, "  {}: not known, for {why}", limit.figure)?;
            }
        }
        match self.0.failed_findings.as_deref() {
            None => Ok(()),
            Some([]) => writeln!(f, "no finding fails"),
            Some(failed) => failed.iter().try_for_each(|finding| finding_that_fails(f, finding)),
        }
    }
}

fn finding_that_fails(f: &mut Formatter<'_>, finding: &Finding) -> fmt::Result {
    writeln!(f, "FAIL  {}: {}", finding.id, finding.evidence)?;
    writeln!(f, "      try: {}", finding.advice)
}

fn shown(limit: &Limit, number: u64) -> String {
    match limit.unit {
        "bytes" => Bytes(number).to_string(),
        "ns" => Nanos(number).to_string(),
        _ => grouped(number),
    }
}

fn verdict(verdict: LimitVerdict) -> &'static str {
    match verdict {
        LimitVerdict::Pass => "pass",
        LimitVerdict::Fail => "FAIL",
        LimitVerdict::Unknown => "UNKNOWN",
    }
}
