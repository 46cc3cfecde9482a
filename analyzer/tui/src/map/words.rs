//! The block, hole or segment under the pointer, in words.

use memtrace_analysis::{
    Text,
    snapshot::{BlockState, LiveBlock, LiveHeap},
};
use memtrace_format::{Address, Bytes};
use ratatui::text::{Line, Span};

use super::{MapView, picture::MapPicture};
use crate::{
    live::has_line,
    open_run::OpenRun,
    theme::Theme,
    widget::{count, plural},
};

/// The most frames of a stack.
const FRAMES: usize = 8;

/// The lines below the map.
pub(super) fn explain(view: &MapView, run: &OpenRun, theme: Theme) -> Vec<Line<'static>> {
    let Some(picture) = &view.picture else { return Vec::new() };
    let Some(heap) = picture.heap() else { return Vec::new() };
    let mut lines = Vec::new();
    if let Some(step) = &picture.step
        && step.line.address.map(|address| address.0) == view.focus
    {
        let bytes = step.line.bytes.map(|bytes| format!(" of {bytes}")).unwrap_or_default();
        let about = step.line.about();
        let about = if about.is_empty() { about } else { format!(" · {about}") };
        lines.push(Line::from(vec![
            Span::styled(format!(" {}{bytes}", step.line.kind), theme.strong()),
            Span::raw(format!(" at {} by {}{about}", step.line.time_ns, step.line.thread)),
        ]));
    }
    match view.focus {
        Some(address) => lines.extend(of_address(picture, heap, Address(address), run, theme)),
        None => lines.extend(of_region(view, theme)),
    }
    lines
}

fn of_address(
    picture: &MapPicture,
    heap: &LiveHeap,
    address: Address,
    run: &OpenRun,
    theme: Theme,
) -> Vec<Line<'static>> {
    if let Some(block) = heap.block_at(address) {
        return of_block(picture, block, run, theme);
    }
    if let Some(hole) = heap.hole_at(address) {
        return vec![Line::from(vec![
            Span::styled(format!(" free: {}", hole.bytes), theme.strong()),
            Span::raw(format!(
                " at {}, between {}",
                hole.address,
                neighbours(picture, heap, hole.address, hole.bytes)
            )),
        ])];
    }
    vec![Line::styled(format!(" nothing is known of {address} at this time"), theme.faint())]
}

fn of_block(picture: &MapPicture, block: &LiveBlock, run: &OpenRun, theme: Theme) -> Vec<Line<'static>> {
    let owner = picture.instant.owner(block);
    let state = match block.state {
        BlockState::Allocated => "",
        BlockState::Pending => ", given back, but a stream still uses it",
    };
    let asked = match block.requested_bytes.filter(|requested| *requested < block.bytes) {
        Some(requested) => {
            let lost = Bytes(block.bytes.0 - requested.0);
            format!(", asked for {requested}, {lost} is padding")
        }
        None => String::new(),
    };
    let age = picture.instant.time_ns.since(block.born_ns);
    let event =
        block.born_event.map(|event| format!(", event {} of the heap", count(event))).unwrap_or_default();
    let mut lines = vec![
        Line::from(vec![
            Span::styled(format!(" block at {}: {}", block.address, block.bytes), theme.strong()),
            Span::raw(format!("{asked}{state}")),
        ]),
        Line::from(vec![
            Span::raw(" of "),
            Span::styled(owner.module.to_string(), theme.strong()),
            Span::raw(format!(", in {}, by {}", owner.scope, owner.thread)),
        ]),
        Line::raw(format!(" born at {}, {age} ago{event}", block.born_ns)),
    ];
    if let Some(pin) = picture.pin_of(block.address.0) {
        let others = match pin.blocks.len() - 1 {
            0 => String::new(),
            others => format!(", with {} of {}", plural(others, "other block"), pin.released_bytes),
        };
        let keeps = format!(" ! it keeps {} from being given back{others}", pin.freed_bytes);
        lines.insert(1, Line::styled(keeps, theme.bad()));
    }
    if let Some(trace) = &run.trace {
        let frames: Vec<Text> = trace.definitions().walk_frames(owner.stack).collect();
        let mut told: Vec<&Text> = frames.iter().filter(|frame| has_line(frame)).collect();
        if told.is_empty() {
            told = frames.iter().collect();
        }
        lines.extend(
            told.into_iter().take(FRAMES).map(|frame| Line::styled(format!("   {frame}"), theme.faint())),
        );
    }
    lines
}

fn of_region(view: &MapView, theme: Theme) -> Vec<Line<'static>> {
    let Some(region) = view.region() else { return Vec::new() };
    let pool = region.pool.as_ref().filter(|pool| !pool.is_empty());
    let pool = pool.map(|pool| format!(" of pool {pool}")).unwrap_or_default();
    let what = if region.free.is_some() { "segment" } else { "blocks close together" };
    let free = region.free.map(|free| {
        let holes = plural(free.holes, "hole");
        format!(": {} free in {holes}, the largest {}", free.bytes, free.largest)
    });
    vec![
        Line::from(vec![
            Span::styled(format!(" {what} at {}: {}", Address(region.from), region.bytes()), theme.strong()),
            Span::raw(format!("{pool}{}", free.unwrap_or_default())),
        ]),
        Line::styled(
            format!(
                " {}; w and b go through them, Enter looks closely",
                plural(region.blocks.len(), "block")
            ),
            theme.faint(),
        ),
    ]
}

/// Returns the owners of the blocks on both sides.
fn neighbours(picture: &MapPicture, heap: &LiveHeap, from: Address, bytes: Bytes) -> String {
    let name = |block: Option<&LiveBlock>| match block {
        Some(block) => picture.instant.owner(block).module.to_string(),
        None => "the segment's end".to_owned(),
    };
    let before = from.0.checked_sub(1).and_then(|before| heap.block_at(Address(before)));
    let behind = heap.block_at(Address(from.0.saturating_add(bytes.0)));
    format!("{} and {}", name(before), name(behind))
}
