//! What rules found, the worst first: a line each, and of the selected one all of it.
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
    listing::{Cell, Column, Folding, Listing, Row},
    page::Page,
    run::Run,
    theme::Theme,
    view::Goal,
    widget::{Section, fit, fit_tail, width, wrap},
};

/// The rows of the verdicts that say nothing is wrong; others are places in the report.
const ALL_OK: u64 = u64::MAX;
const NOT_ASKED: u64 = u64::MAX - 1;
/// The cells of a verdict with the gap behind it.
const VERDICT_CELLS: usize = 6;
/// Between a title and what is said beside it.
const GAP: usize = 2;
/// More lines of evidence, or of advice, than this are cut off.
const MAX_LINES: usize = 4;

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
    ]
}

/// The rows: what is wrong by itself, what is not below what it comes to, folded.
pub(super) fn fill(listing: &mut Listing, run: &Run) {
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

/// What is opened for the selected row; none: there is nothing to open.
pub(super) fn goal(listing: &Listing, run: &Run) -> Option<Goal> {
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
}

impl Findings {
    /// Lays them out; none: there are no rules.
    pub(super) fn new(listing: &Listing, run: &Run, theme: Theme, cells: u16) -> Option<Self> {
        let findings = &run.figures().findings;
        if findings.is_empty() {
            return None;
        }
        let cells = usize::from(cells).saturating_sub(4);
        let selected = listing.selected().map(|row| row.id);
        let (mut lines, mut places, mut at) = (Vec::new(), Vec::new(), 0);
        for row in listing.shown() {
            let finding = usize::try_from(row.id).ok().and_then(|place| findings.get(place));
            // The headline is line 0.
            let number = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(1);
            places.push(number);
            let line = line(row, finding, listing.folding(row), theme, cells);
            if selected == Some(row.id) {
                at = number;
                lines.push(line.patch_style(theme.selected()));
                lines.extend(
                    finding.into_iter().flat_map(|finding| details(finding, row.depth, theme, cells)),
                );
            } else {
                lines.push(line);
            }
        }
        let title = super::title("Findings", counts(findings), theme);
        Some(Self { section: Section::lines(title, lines), lines: places, selected: at })
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
    let says =
        if finding.verdict == FindingVerdict::Na { finding.why.as_ref() } else { Some(&finding.evidence) };
    let cells = vec![
        Cell::word(finding.verdict.name()),
        Cell::word(finding.title),
        name(says),
        at.and_then(|at| at.time_ns).map_or(Cell::Unknown, Cell::Time),
        name(at.and_then(|at| at.heap.as_ref())),
        name(at.and_then(|at| at.module.as_ref())),
        at.and_then(|at| at.bytes).map_or(Cell::Unknown, Cell::Bytes),
    ];
    Row { id: place as u64, depth, cells }
}

fn line(row: &Row, finding: Option<&Finding>, folding: Folding, theme: Theme, cells: usize) -> Line<'static> {
    let text = |column: usize| row.cells.get(column).map(Cell::to_string).unwrap_or_default();
    let verdict = fit(&text(0), VERDICT_CELLS);
    let indent = "  ".repeat(row.depth);
    let room = cells.saturating_sub(VERDICT_CELLS + width(&indent));
    let title = text(1);
    let says = if finding.is_some() { text(2) } else { String::new() };
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

fn details(finding: &Finding, depth: usize, theme: Theme, cells: usize) -> Vec<Line<'static>> {
    let room = told(finding.title, depth, cells);
    let cells = cells.saturating_sub(VERDICT_CELLS).max(8);
    let indent = " ".repeat(VERDICT_CELLS + 2);
    let says = finding.why.as_ref().unwrap_or(&finding.evidence).to_string();
    let advice = finding.advice.to_string();
    let part = |label: &'static str, text: &str, style: Style| {
        let lines = wrap(&format!("{label}{text}"), cells);
        let cut = lines.len() > MAX_LINES;
        let indent = indent.clone();
        let lines = lines.into_iter().take(MAX_LINES).enumerate().map(move |(number, line)| {
            let line =
                if cut && number + 1 == MAX_LINES { fit_tail(&format!("{line}…"), cells) } else { line };
            Line::styled(format!("{indent}{line}"), style)
        });
        if text.is_empty() { Vec::new() } else { lines.collect::<Vec<_>>() }
    };
    let told_above = width(&says) <= room;
    let mut lines = if told_above { Vec::new() } else { part("", &says, Style::new()) };
    lines.extend(part("try: ", &advice, theme.key()));
    lines
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
    if count == 1 { "1 rule".to_owned() } else { format!("{count} rules") }
}
