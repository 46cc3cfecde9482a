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
mod no_history;
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
    report::{Finding, FindingVerdict, Module, Place, Report, Topic},
    time::as_positions,
};

/// Every rule, in the order in which findings of one verdict are listed.
const RULES: &[Rule] = &[
    no_history::RULE,
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
    let judge = || RULES.iter().map(|rule| rule.finding(report)).collect();
    let mut findings: Vec<Finding> = as_positions(!report.trace.has_times(), judge);
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
    /// The same, and how the next recording would.
    NaUntil(String, &'static str),
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
        let judgement = match (self.judge)(report) {
            Judgement::Ok(evidence) => {
                not_looked_at(report, self).map_or(Judgement::Ok(evidence), Judgement::Na)
            }
            other => other,
        };
        let (verdict, case, why) = match judgement {
            Judgement::Ok(evidence) => (FindingVerdict::Ok, Case { evidence, ..none() }, None),
            Judgement::Warn(case) => (FindingVerdict::Warn, case, None),
            Judgement::Fail(case) => (FindingVerdict::Fail, case, None),
            Judgement::Na(why) => (FindingVerdict::Na, none(), Some(Text::new(why))),
            Judgement::NaUntil(why, advice) => {
                (FindingVerdict::Na, Case { advice: advice.to_owned(), ..none() }, Some(Text::new(why)))
            }
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

/// Why nothing can be said against a run: what a rule looks at was not recorded.
fn not_looked_at(report: &Report, rule: &Rule) -> Option<String> {
    let is_of_one_instant = matches!(rule.topic, Topic::Fragmentation);
    if !report.has_history() && !is_of_one_instant {
        return Some(no_history::WHY.to_owned());
    }
    let is_of_modules = matches!(rule.topic, Topic::Swaps | Topic::Residency);
    let is_seen = |module: &Module| module.forwards > 0 || module.loads > 0;
    (is_of_modules && report.transfers.count == 0 && !report.modules.iter().any(is_seen))
        .then(|| "no forward and no transfer is recorded".to_owned())
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
