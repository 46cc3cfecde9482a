//! The report in Markdown, to be pasted into an issue: at most sixty lines, and nothing in a name can mark anything up.

use std::fmt::{self, Display, Formatter};

use crate::{
    Nanos,
    timeline::{Extent, HeapTrack, Series, Timeline},
};
use crate::{
    Text,
    model::fit_frame,
    rendering::Healthy,
    report::{FindingVerdict, Heap, LineShare, Peak, Report, is_nobody},
    table::{grouped, shorten, utc},
    time::as_positions,
};

/// The most rows of each part, so that all of it is at most sixty lines.
const FINDINGS: usize = 10;
const HEAPS: usize = 6;
const OWNERS: usize = 3;
const SWAPS: usize = 6;
/// The chart, in characters.
const CHART: (usize, usize) = (72, 8);
/// The longest name, and the longest sentence.
const NAME: usize = 60;
const SENTENCE: usize = 300;

/// A report and the course of its run, in Markdown as issue trackers read it.
#[derive(Clone, Copy, Debug)]
pub struct Markdown<'a> {
    /// The report.
    pub report: &'a Report,
    /// The course of the same run.
    pub timeline: &'a Timeline,
}

impl Display for Markdown<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        as_positions(!self.report.trace.has_times(), || self.write(f))
    }
}

impl Markdown<'_> {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        heading(f, self.report)?;
        findings(f, self.report)?;
        peaks(f, &self.report.heaps)?;
        swaps(f, self.report)?;
        let Some(main) = self.report.main_heap() else { return Ok(()) };
        let track = self.timeline.heaps.get(main);
        track.map_or(Ok(()), |track| chart(f, &self.report.heaps[main], track, self.timeline.end))
    }
}

fn heading(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    let trace = &report.trace;
    let engine = trace.engine.as_ref().map_or_else(|| "unknown engine".to_owned(), name);
    let version =
        trace.engine_version.as_ref().map_or_else(String::new, |version| format!(" {}", name(version)));
    let ended = trace.ending();
    let threads =
        trace.threads.map_or_else(String::new, |threads| format!(" of {} threads", grouped(threads)));
    let when = trace.start_unix_ns.map_or_else(String::new, |start| format!(", on {}", utc(start)));
    writeln!(f, "## Memory of {engine}{version}\n")?;
    write!(f, "Ran for {}{when}; {ended}. ", trace.duration_ns)?;
    write!(f, "{} events{threads}, ", grouped(trace.events))?;
    let (lost, damaged) = (trace.dropped.told(trace.dropped.total), trace.damaged_chunks);
    writeln!(f, "{lost} lost, {} damaged chunks.", grouped(damaged))
}

fn findings(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    let findings = &report.findings;
    let wrong: Vec<_> = findings.iter().filter(|finding| finding.verdict.is_bad()).collect();
    let (shown, more) = wrong.split_at(wrong.len().min(FINDINGS));
    writeln!(f, "\n### Findings\n")?;
    if shown.is_empty() {
        writeln!(f, "- {}", sentence(&Healthy(report)))?;
    }
    for finding in shown {
        let (verdict, title, id) = (finding.verdict.name(), sentence(&finding.title), finding.id);
        // What to do comes first: who skims reads no further.
        let advice = match &finding.advice {
            advice if advice.is_empty() => String::new(),
            advice => format!(" **Try:** {}.", with_settings(advice)),
        };
        writeln!(f, "- **{verdict} {title}** (`{id}`).{advice} {}", sentence(&finding.evidence))?;
    }
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let (sound, unknown) = (count(FindingVerdict::Ok), count(FindingVerdict::Na));
    let more = if more.is_empty() { String::new() } else { format!("{} more; ", more.len()) };
    writeln!(f, "- {more}{sound} rules found nothing, {unknown} do not apply")
}

fn peaks(f: &mut Formatter<'_>, heaps: &[Heap]) -> fmt::Result {
    if heaps.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n| heap | peak | at | reserved then | left at the end | owners of the peak |")?;
    writeln!(f, "| --- | ---: | ---: | ---: | ---: | --- |")?;
    let mut heaps: Vec<_> = heaps.iter().collect();
    heaps.sort_by_key(|heap| (heap.device.is_none(), std::cmp::Reverse(heap.peak.by.of(&heap.peak.figures))));
    for heap in heaps.iter().take(HEAPS) {
        let peak = &heap.peak;
        let reserved = peak.figures.reserved_bytes.map_or_else(|| "–".to_owned(), |bytes| bytes.to_string());
        let owners = owners(peak);
        let end = peak.by.of(&heap.end);
        let (heap, at) = (name(&heap.name), peak.time_ns);
        writeln!(
            f,
            "| {heap} | {} | {at} | {reserved} | {end} | {} |",
            peak.by.of(&peak.figures),
            owners.join(", ")
        )?;
    }
    let more = heaps.len().saturating_sub(HEAPS);
    if more > 0 { writeln!(f, "| and {more} more | | | | | |") } else { Ok(()) }
}

/// The modules that owned most of a peak; where no module did, the lines of the program.
fn owners(peak: &Peak) -> Vec<String> {
    let owned = peak.by_module.iter().any(|share| !is_nobody(&share.name));
    let of_line = |share: &LineShare| format!("{} {}", frame(&share.line), share.bytes);
    match owned || peak.by_line.iter().all(|line| line.stacks == 0) {
        true => {
            let owners = peak.by_module.iter().take(OWNERS);
            owners.map(|share| format!("{} {}", name(&share.name), share.bytes)).collect()
        }
        false => peak.by_line.iter().take(OWNERS).map(of_line).collect(),
    }
}

fn swaps(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    let swaps = &report.swaps;
    if swaps.count == 0 {
        return Ok(());
    }
    let (count, bytes, took, stall) = (grouped(swaps.count), swaps.bytes, swaps.ns, swaps.stall_ns);
    write!(f, "\n{count} swaps moved {bytes} in {took}, of which forwards waited {stall}")?;
    match &swaps.lower_bound {
        Some(bound) => writeln!(f, "; {} was loaded, and {} had to be.\n", bound.loaded_bytes, bound.bytes)?,
        None => writeln!(f, ".\n")?,
    }
    writeln!(f, "| swapped in | times | moved | took | waited | again within a cycle |")?;
    writeln!(f, "| --- | ---: | ---: | ---: | ---: | ---: |")?;
    for module in swaps.by_module.iter().take(SWAPS) {
        let (swapped, count) = (name(&module.name), grouped(module.count));
        let (bytes, took, stall, thrash) = (module.bytes, module.ns, module.stall_ns, module.thrash.count);
        writeln!(f, "| {swapped} | {count} | {bytes} | {took} | {stall} | {thrash} |")?;
    }
    let more = swaps.by_module.len().saturating_sub(SWAPS);
    if more > 0 { writeln!(f, "| and {more} more | | | | | |") } else { Ok(()) }
}

/// How full a heap was over the run: the most of each column.
fn chart(f: &mut Formatter<'_>, heap: &Heap, track: &HeapTrack, end: Nanos) -> fmt::Result {
    const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let (columns, rows) = CHART;
    let extents = track.draw(Series::Allocated, Nanos(0), end, columns);
    let most = |extent: &Option<Extent>| extent.as_ref().map_or(0, |extent| extent.max.0);
    let top = extents.iter().map(most).max().unwrap_or(0);
    if top == 0 {
        return Ok(());
    }
    let height = |extent| u128::from(most(extent)) * (rows * 8) as u128 / u128::from(top);
    writeln!(
        f,
        "\nAllocated on {} over the run, at most {}:\n\n```text",
        name(&heap.name),
        memtrace_format::Bytes(top)
    )?;
    for row in (0..rows).rev() {
        let cell = |extent| EIGHTHS[height(extent).saturating_sub(row as u128 * 8).min(8) as usize];
        let line: String = extents.iter().map(cell).collect();
        writeln!(f, "{}", line.trim_end())?;
    }
    writeln!(f, "{}\n0{:>width$}\n```", "─".repeat(columns), end.to_string(), width = columns - 1)
}

/// A name as code, in which nothing links and nobody is mentioned.
fn name(text: &impl Display) -> String {
    format!("`{}`", shorten(text, NAME).replace('`', "′").replace('|', "\\|"))
}

/// A frame as code, with its function and its line.
fn frame(frame: &Text) -> String {
    name(&fit_frame(frame, NAME))
}

/// A sentence that is nothing but text: what could mark something up is escaped, and what trackers would make a link or a
/// mention of has a character of code in it.
fn sentence(text: &impl Display) -> String {
    let text = beginning(text.to_string());
    let mut plain = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let behind = rest.as_str();
        let linked = match c {
            '@' => true,
            '#' => behind.starts_with(|next: char| next.is_ascii_digit()),
            ':' => behind.starts_with('/'),
            '.' => plain.ends_with("www"),
            _ => false,
        };
        match c {
            _ if linked => plain.extend(['`', c, '`']),
            '<' | '>' | '&' => plain.push_str(&format!("&#{};", u32::from(c))),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' => plain.extend(['\\', c]),
            c => plain.push(c),
        }
    }
    plain
}

/// A sentence whose settings, options and calls are code: they are there to be copied.
fn with_settings(text: &impl Display) -> String {
    let words = beginning(text.to_string());
    let word = |word: &str| {
        let inside = word.trim_start_matches('(').trim_end_matches([',', ';', '.', ':']);
        // A bracket that is closed and was not opened in the word is the sentence's.
        let inside = match inside.strip_suffix(')') {
            Some(shorter) if inside.matches('(').count() < inside.matches(')').count() => shorter,
            _ => inside,
        };
        let from = word.find(inside).unwrap_or(0);
        let (before, behind) = (&word[..from], &word[from + inside.len()..]);
        let is_variable = inside.split_once('=').is_some_and(|(name, value)| {
            !value.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
        });
        let is_code =
            inside.starts_with("--") || is_variable || inside.ends_with("()") || inside.starts_with("torch.");
        match is_code && !inside.contains('`') {
            true => format!("{}`{inside}`{}", sentence(&before), sentence(&behind)),
            false => sentence(&word),
        }
    };
    words.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// A sentence that is too long ends early: what comes first says the most.
fn beginning(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(SENTENCE) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_code_and_nothing_else_is() {
        let advice = "release it (torch.cuda.empty_cache()), or set PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True; run with \
                      --medvram. a*b = c";
        assert_eq!(
            with_settings(&Text::new(advice)),
            "release it (`torch.cuda.empty_cache()`), or set `PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True`; run with \
             `--medvram`. a\\*b = c"
        );
    }

    #[test]
    fn no_text_marks_anything_up() {
        let hostile =
            "a|b`c`*d*_e_[f](http://g) www.h.i <img src=x>@everyone #1 &lt; \u{1b}[31m\u{202e}x\ny\\z";
        let plain = sentence(&Text::new(hostile));
        let expected = "a\\|b\\`c\\`\\*d\\*\\_e\\_\\[f\\](http`:`//g) www`.`h.i &#60;img src=x&#62;`@`everyone `#`1 &#38;lt; ";
        assert!(plain.starts_with(expected), "{plain}");
        assert!(
            !plain.contains(char::is_control) && !plain.contains('\u{202e}') && plain.ends_with("y\\\\z"),
            "{plain}"
        );
        let long = sentence(&Text::new("ä".repeat(SENTENCE + 1)));
        assert_eq!(long, "ä".repeat(SENTENCE) + "…");
        assert_eq!(name(&Text::new("a|b`c")), "`a\\|b′c`");
        assert!(!name(&Text::new("\n\u{1b}")).contains(char::is_control));
    }
}
