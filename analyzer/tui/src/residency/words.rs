//! The lines below the bars: the selected module, the move at the cursor, and the costliest swap.

use memtrace_analysis::{report::Module, timeline::ModuleTrack};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use super::{bars, words_of_swap};
use crate::{
    open_run::OpenRun,
    theme::Theme,
    widget::{plural, put},
};

/// Draws as many lines as there is room for, the most needed first.
pub(super) fn draw(run: &OpenRun, selected: Option<usize>, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let track = selected.and_then(|index| run.timeline.modules.get(index));
    let module = track.and_then(|track| run.figures().modules.iter().find(|module| module.id == track.id));
    let worst = run.figures().swaps.costliest.first();
    let worst = worst.map_or_else(|| "no swaps".to_owned(), words_of_swap);
    let worst = Line::from(vec![Span::styled(" w ", theme.key()), Span::raw(worst)]);
    let lines = match area.height {
        0 => return,
        1 => vec![module.map_or(worst, |module| of_module(module, theme))],
        _ => {
            let module = module.map_or_else(|| Line::raw(""), |module| of_module(module, theme));
            vec![module, at_cursor(run, track, theme), worst]
        }
    };
    for (line, row) in lines.into_iter().zip(area.rows()) {
        put(&line, row, buffer);
    }
}

fn of_module(module: &Module, theme: Theme) -> Line<'static> {
    let name = Span::styled(format!(" {}", module.name), theme.strong());
    let waited = match module.stalls {
        0 => "no waits".to_owned(),
        stalls => {
            let (all, longest) = (module.stall_ns, module.longest_stall_ns);
            format!("{}, {all} (longest {longest})", plural(stalls, "wait"))
        }
    };
    let said = format!(
        "  {waited}, hidden {}; {}, {}, {} in {}",
        module.hidden_ns,
        plural(module.forwards, "forward"),
        plural(module.loads, "load"),
        module.transfer_bytes,
        module.transfer_ns,
    );
    Line::from(vec![name, Span::raw(said)])
}

/// The move at the cursor, or how many are too many to show.
fn at_cursor(run: &OpenRun, track: Option<&ModuleTrack>, theme: Theme) -> Line<'static> {
    let Some(track) = track else { return Line::raw("") };
    let next = memtrace_analysis::Nanos(run.cursor.0.saturating_add(1));
    if let Some(moved) = bars::move_in(&track.moves, run.cursor, next) {
        let took = moved.to_ns.since(moved.from_ns);
        return Line::raw(format!(
            " at the cursor: {} to {}, {} in {took}, since {}",
            moved.from, moved.to, moved.bytes, moved.from_ns
        ));
    }
    let mut notes = Vec::new();
    if track.inherited {
        notes.push("it goes where the module that contains it goes".to_owned());
    }
    if track.thinned {
        notes.push("short stays are merged into others".to_owned());
    }
    if track.moves_left_out > 0 {
        notes.push(format!("not shown: {}", plural(track.moves_left_out, "shorter move")));
    }
    Line::styled(format!(" {}", notes.join("; ")), theme.faint())
}
