//! The findings of the rules, the worst first: one line each, and the selected one in full.
//!
//! ```text
//!  Findings   1 fails · 1 warns · 6 ok · 3 n/a
//!   FAIL  leak        +12.00 MiB a job on cuda:0, all of it unet's …
//!         try: …
//!   WARN  thrash      3 of 5 evictions …
//! ▸ OK    6 rules
//! ```

use memtrace_analysis::report::{Finding, FindingVerdict};
use ratatui::{
    style::Style,
    text::{Line, Span},
};

use crate::{
    goal::Goal,
    listing::{Cell, Column, Folding, Listing, Row},
    open_run::OpenRun,
    page::Page,
    theme::Theme,
    widget::{Section, fit, plural, width, wrap},
};

/// The rows of the verdicts that say nothing is wrong; others are places in the report.
const ALL_OK: u64 = u64::MAX;
const NOT_ASKED: u64 = u64::MAX - 1;
/// The cells of a verdict with the gap behind it.
const VERDICT_CELLS: usize = 6;
/// Between a title and what is said beside it.
const GAP: usize = 2;

/// The columns of the findings.
pub(super) fn columns() -> Vec<Column> {
    vec![
        Column::text("verdict", 8, 0),
        Column::text("finding", 24, 0),
        Column::text("evidence", Column::WIDE, 1),
        Column::number("time", 10, 2),
        Column::text("heap", 10, 3),
        Column::text("module", 20, 3),
        Column::number("bytes", 11, 3),
        Column::text("advice", Column::WIDE, 4),
    ]
}

/// The rows: what is wrong by itself, what is not below what it comes to, folded.
pub(super) fn fill(listing: &mut Listing, run: &OpenRun) {
    let first = listing.total() == 0;
    let findings = &run.figures().findings;
    let of = |verdict| findings.iter().enumerate().filter(move |(_, finding)| finding.verdict == verdict);
    let wrong = of(FindingVerdict::Fail).chain(of(FindingVerdict::Warn));
    let mut rows: Vec<Row> = wrong.map(|(place, finding)| row(place, finding, 0)).collect();
    for (id, verdict) in [(ALL_OK, FindingVerdict::Ok), (NOT_ASKED, FindingVerdict::Na)] {
        let count = of(verdict).count();
        if count > 0 {
            let mut cells = vec![Cell::word(verdict.name()), Cell::word(rules(count))];
            cells.resize(columns().len(), Cell::Unknown);
            rows.push(Row { id, depth: 0, cells });
            rows.extend(of(verdict).map(|(place, finding)| row(place, finding, 1)));
        }
    }
    listing.fill(rows);
    if first {
        listing.fold_all();
    }
}

/// Returns the place that Enter opens for the selected row, if there is one.
pub(super) fn goal(listing: &Listing, run: &OpenRun) -> Option<Goal> {
    let place = usize::try_from(listing.selected()?.id).ok()?;
    let finding = run.figures().findings.get(place)?;
    let page = Page::about(finding.topic);
    Some(finding.places.first().map_or_else(|| Goal::page(page), |place| Goal::place(page, place)))
}

/// The findings, laid out.
pub(super) struct Findings {
    /// The headline and the lines.
    pub(super) section: Section<'static>,
    /// The line of each row, counted from the headline.
    pub(super) lines: Vec<u16>,
    /// The line of the selected row.
    pub(super) selected: u16,
    /// The line behind what the selected row tells.
    pub(super) end: u16,
}

impl Findings {
    /// Lays them out; none: there are no rules.
    pub(super) fn new(listing: &Listing, run: &OpenRun, theme: Theme, cells: u16) -> Option<Self> {
        let findings = &run.figures().findings;
        if findings.is_empty() {
            return None;
        }
        let cells = usize::from(cells).saturating_sub(4);
        let selected = listing.selected().map(|row| row.id);
        let number = |lines: &Vec<Line<'_>>| u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(1);
        let (mut lines, mut places, mut at, mut end) = (Vec::new(), Vec::new(), 0, 0);
        for row in listing.shown() {
            let finding = usize::try_from(row.id).ok().and_then(|place| findings.get(place));
            // The headline is line 0.
            places.push(number(&lines));
            if selected == Some(row.id) {
                at = number(&lines);
                let told = finding.is_none_or(|finding| tells_all(finding, row.depth, cells));
                let line = line(row, finding, told, listing.folding(row), theme, cells);
                lines.push(line.patch_style(theme.selected()));
                lines.extend(finding.into_iter().flat_map(|finding| details(finding, told, theme, cells)));
                end = number(&lines);
            } else {
                lines.push(line(row, finding, true, listing.folding(row), theme, cells));
            }
        }
        let title = super::title::title("Findings", counts(findings), theme);
        Some(Self { section: Section::lines(title, lines), lines: places, selected: at, end })
    }
}

fn counts(findings: &[Finding]) -> String {
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let counts = [
        (count(FindingVerdict::Fail), "fail"),
        (count(FindingVerdict::Warn), "warn"),
        (count(FindingVerdict::Ok), "ok"),
        (count(FindingVerdict::Na), "not applicable"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
    counts.collect::<Vec<_>>().join(" · ")
}

fn row(place: usize, finding: &Finding, depth: usize) -> Row {
    let at = finding.places.first();
    let name =
        |text: Option<&memtrace_analysis::Text>| text.map_or(Cell::Unknown, |text| Cell::Text(text.clone()));
    let cells = vec![
        Cell::word(finding.verdict.name()),
        Cell::word(finding.title),
        Cell::Text(says(finding).clone()),
        at.and_then(|at| at.time_ns).map_or(Cell::Unknown, Cell::Time),
        name(at.and_then(|at| at.heap.as_ref())),
        name(at.and_then(|at| at.module.as_ref())),
        at.and_then(|at| at.bytes).map_or(Cell::Unknown, Cell::Bytes),
        Cell::Text(finding.advice.clone()),
    ];
    Row { id: place as u64, depth, cells }
}

/// The line of a row; a finding `tells` its evidence there, or has it below.
fn line(
    row: &Row,
    finding: Option<&Finding>,
    tells: bool,
    folding: Folding,
    theme: Theme,
    cells: usize,
) -> Line<'static> {
    let text = |column: usize| row.cells.get(column).map(Cell::to_string).unwrap_or_default();
    let verdict = fit(&text(0), VERDICT_CELLS);
    let indent = "  ".repeat(row.depth);
    let room = cells.saturating_sub(VERDICT_CELLS + width(&indent));
    let title = text(1);
    let says = if finding.is_some() && tells { text(2) } else { String::new() };
    let told = told(&title, row.depth, cells);
    let gap = if told > 0 { GAP } else { 0 };
    Line::from(vec![
        Span::raw(format!("{} {indent}", folding.sign())),
        Span::styled(verdict, style(finding, theme)),
        Span::styled(fit(&title, width(&title).min(room)), theme.strong()),
        Span::raw(" ".repeat(gap)),
        Span::raw(fit(&says, told)),
    ])
}

/// The evidence, or the reason why a rule does not apply.
fn says(finding: &Finding) -> &memtrace_analysis::Text {
    let why = finding.why.as_ref().filter(|_| finding.verdict == FindingVerdict::Na);
    why.unwrap_or(&finding.evidence)
}

/// Returns true if the line of a finding has room for all of its evidence.
fn tells_all(finding: &Finding, depth: usize, cells: usize) -> bool {
    width(&says(finding).to_string()) <= told(finding.title, depth, cells)
}

/// The lines below a selected finding: its evidence, if that is not `told` above, and its advice, both in full.
fn details(finding: &Finding, told: bool, theme: Theme, cells: usize) -> Vec<Line<'static>> {
    let cells = cells.saturating_sub(VERDICT_CELLS).max(8);
    let indent = " ".repeat(VERDICT_CELLS + 2);
    let evidence = (!told).then(|| (says(finding).to_string(), Style::new()));
    let advice = Some(finding.advice.to_string()).filter(|advice| !advice.is_empty());
    let advice = advice.map(|advice| (format!("try: {advice}"), theme.key()));
    let part = |(text, style): (String, Style)| {
        let lines = wrap(&text, cells).into_iter();
        lines.map(|line| Line::styled(format!("{indent}{line}"), style)).collect::<Vec<_>>()
    };
    evidence.into_iter().chain(advice).flat_map(part).collect()
}

/// The cells for what a finding says beside its title; too few tell nothing, then it is below once the finding is selected.
fn told(title: &str, depth: usize, cells: usize) -> usize {
    let free = cells.saturating_sub(VERDICT_CELLS + 2 * depth + width(title) + GAP);
    if free < 8 { 0 } else { free }
}

fn style(finding: Option<&Finding>, theme: Theme) -> Style {
    match finding.map(|finding| finding.verdict) {
        Some(FindingVerdict::Fail) => theme.bad(),
        Some(FindingVerdict::Warn) => theme.warning(),
        _ => theme.faint(),
    }
}

fn rules(count: usize) -> String {
    plural(count, "rule")
}
