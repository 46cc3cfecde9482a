//! Rules over the report. Each gives a verdict, its evidence and advice.
//!
//! A rule reads the finished report and nothing else, so that whoever has a report can check it. One file a rule; its
//! thresholds stand at the top of it, and each has a reason. A rule that cannot know says so: silence is not OK.

mod allocator_settings;
mod allocator_totals;
mod cache_hoarding;
mod duplicate_module;
mod fragmentation;
mod host_pressure;
mod killed;
mod leak;
mod losses;
mod non_allocator_growth;
mod oddities;
mod other_processes;
mod out_of_memory;
mod overlap;
mod pageable_transfers;
mod rounding_waste;
mod sampled;
mod thrash;
mod unused_module;

use crate::{
    Nanos, Text,
    report::{Finding, FindingVerdict, Place, Report, Topic},
};

/// Every rule, in the order in which findings of one verdict are listed.
const RULES: &[Rule] = &[
    losses::RULE,
    killed::RULE,
    oddities::RULE,
    allocator_totals::RULE,
    out_of_memory::RULE,
    leak::RULE,
    fragmentation::RULE,
    rounding_waste::RULE,
    thrash::RULE,
    overlap::RULE,
    pageable_transfers::RULE,
    unused_module::RULE,
    duplicate_module::RULE,
    cache_hoarding::RULE,
    non_allocator_growth::RULE,
    other_processes::RULE,
    host_pressure::RULE,
];

/// Asks every rule. The worst findings come first.
pub(crate) fn judge(report: &Report) -> Vec<Finding> {
    let mut findings: Vec<_> = RULES.iter().map(|rule| rule.finding(report)).collect();
    findings.sort_by_key(|finding| finding.verdict);
    findings
}

/// A time as a share of the run: `12.3% of the run`.
fn percent_of_run(report: &Report, time: Nanos) -> String {
    format!("{:.1}% of the run", share_of_run(report, time) * 100.0)
}

/// A time as a share of what the report tells of.
fn share_of_run(report: &Report, time: Nanos) -> f64 {
    time.0 as f64 / report.trace.told_ns().0.max(1) as f64
}

/// Something that can be wrong with a run.
struct Rule {
    /// Lower case, with hyphens; it stays.
    id: &'static str,
    title: &'static str,
    topic: Topic,
    judge: fn(&Report) -> Judgement,
}

/// What a rule says of a report.
enum Judgement {
    /// It was looked for and is not there; what was seen instead.
    Ok(String),
    /// It is there.
    Warn(Case),
    /// It is there, and bad.
    Fail(Case),
    /// The report does not tell, and why.
    Na(String),
}

/// What is the case, and what to try. Names from a trace enter the words through [`Text`]'s `Display`.
struct Case {
    evidence: String,
    advice: String,
    places: Vec<Place>,
}

impl Rule {
    fn finding(&self, report: &Report) -> Finding {
        let none = || Case { evidence: String::new(), advice: String::new(), places: Vec::new() };
        let (verdict, case, why) = match (self.judge)(report) {
            Judgement::Ok(evidence) => (FindingVerdict::Ok, Case { evidence, ..none() }, None),
            Judgement::Warn(case) => (FindingVerdict::Warn, case, None),
            Judgement::Fail(case) => (FindingVerdict::Fail, case, None),
            Judgement::Na(why) => (FindingVerdict::Na, none(), Some(Text::new(why))),
        };
        let mut places = case.places;
        places.truncate(Finding::PLACES);
        Finding {
            id: self.id,
            verdict,
            title: self.title,
            evidence: Text::new(case.evidence),
            advice: Text::new(case.advice),
            why,
            topic: self.topic,
            places,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RULES;

    const DOCUMENT: &str = include_str!("../../../../docs/findings.md");

    #[test]
    fn every_rule_has_a_row_in_the_document_and_every_row_a_rule() {
        let (_, table) = DOCUMENT.split_once("<!-- table: rules -->\n").expect("the document has the table");
        let rows = table.lines().take_while(|line| line.starts_with('|')).skip(2);
        let mut documented: Vec<_> = rows
            .map(|row| {
                let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
                assert!(cells.len() == 4 && cells.iter().all(|cell| !cell.is_empty()), "{row}");
                cells[0].trim_matches('`')
            })
            .collect();
        let mut rules: Vec<_> = RULES.iter().map(|rule| rule.id).collect();
        documented.sort_unstable();
        rules.sort_unstable();
        assert_eq!(documented, rules);
        rules.dedup();
        assert_eq!(rules.len(), RULES.len(), "an id is a rule's own");
    }
}
