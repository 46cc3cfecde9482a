//! Pointing and zooming on the map: by keys, by rows and by the mouse.

use memtrace_format::Address;
use ratatui::layout::{Position, Rect};

use super::{
    CLOSEST, MapView,
    layout::MapLayout,
    picture::{self, AddressRange},
    range, strip,
};
use crate::{action::Side, open_run::OpenRun, view::Answer};

impl MapView {
    /// Shows what was meant when the view was opened, or stepped, now that the picture is there.
    pub(super) fn point(&mut self) {
        if std::mem::take(&mut self.seeks_pin) {
            self.focus = None;
            let _ = self.turn_pin();
        }
        if std::mem::take(&mut self.reveal) {
            self.reveal();
        }
    }

    /// Selects what has the focus.
    pub(super) fn reveal(&mut self) {
        let (Some(focus), Some(picture)) = (self.focus, &self.picture) else { return };
        let holder = picture.strips.iter().find(|strip| strip.region.holds(focus));
        let Some(region) = holder.map(|strip| strip.region.clone()) else { return };
        self.regions.select_id(region.from);
        if let Some(close) = self.close
            && !(close.from..close.to).contains(&focus)
        {
            self.close = Some(range(&region));
            self.reveal = true;
        }
        if let Some(block) = self.block_at(focus) {
            self.blocks.select_id(block);
        }
    }

    /// The focus goes with the selected row.
    pub(super) fn follow_rows(&mut self) {
        if self.close.is_some() {
            let selected = self.blocks.selected().map(|row| row.id);
            let is_elsewhere =
                self.focus.and_then(|focus| self.block_at(focus)).is_some_and(|at| Some(at) != selected);
            if self.focus.is_none() || (is_elsewhere && selected.is_some()) {
                self.focus = selected;
            }
        } else if !self.reveal
            && let (Some(focus), Some(region)) = (self.focus, self.region())
            && !region.holds(focus)
        {
            self.focus = None;
        }
    }

    /// Returns the start of the block that holds an address.
    pub(super) fn block_at(&self, address: u64) -> Option<u64> {
        let heap = self.picture.as_ref()?.heap()?;
        heap.block_at(Address(address)).map(|block| block.address.0)
    }

    pub(super) fn turn_block(&mut self, side: Side) {
        let (Some(picture), Some(region)) = (&self.picture, self.region()) else { return };
        let Some(heap) = picture.heap() else { return };
        let blocks = picture::within(&heap.blocks, range(region));
        let next = match (side, self.focus) {
            (Side::Forward, None) => blocks.first(),
            (Side::Back, None) => blocks.last(),
            (Side::Forward, Some(focus)) => blocks.iter().find(|block| block.address.0 > focus),
            (Side::Back, Some(focus)) => blocks.iter().rfind(|block| block.address.0 < focus),
        };
        if let Some(address) = next.map(|block| block.address.0) {
            self.focus = Some(address);
            self.blocks.select_id(address);
        }
    }

    /// The focus goes to the first block of the next pin.
    pub(super) fn turn_pin(&mut self) -> Answer {
        let Some((picture, heap)) =
            self.picture.as_ref().and_then(|picture| Some((picture, picture.heap()?)))
        else {
            return Answer::Done;
        };
        let firsts = picture.pins.iter().filter_map(|pin| heap.blocks.get(*pin.blocks.first()?));
        let firsts: Vec<u64> = firsts.map(|block| block.address.0).collect();
        let here = firsts.iter().position(|first| self.focus == Some(*first));
        let next = here.map_or(0, |here| here + 1) % firsts.len().max(1);
        let Some(&first) = firsts.get(next) else {
            return Answer::Say("no block keeps a segment that is mostly free".to_owned());
        };
        self.focus = Some(first);
        self.reveal();
        Answer::Say(format!(
            "{} of {}, the one that keeps the most for its size first",
            next + 1,
            firsts.len()
        ))
    }

    /// Looks at so many parts of so many of the range, around the focus.
    pub(super) fn zoom(&mut self, times: u64, of: u64) {
        let (Some(close), Some(region)) = (self.close, self.region().map(range)) else { return };
        let middle = close.from + (close.to - close.from) / 2;
        let around = self.focus.filter(|focus| (close.from..close.to).contains(focus)).unwrap_or(middle);
        let length = ((close.to - close.from) / of).saturating_mul(times);
        let length = length.max(CLOSEST).min(region.to - region.from);
        let from = around.saturating_sub(length / 2).clamp(region.from, region.to - length);
        self.close = Some(AddressRange { from, to: from + length });
    }

    pub(super) fn pan(&mut self, side: Side) {
        let (Some(close), Some(region)) = (self.close, self.region().map(range)) else { return };
        let length = close.to - close.from;
        let from = match side {
            Side::Back => close.from.saturating_sub(length / 2),
            Side::Forward => close.from.saturating_add(length / 2),
        };
        let from = from.clamp(region.from, region.to.saturating_sub(length).max(region.from));
        self.close = Some(AddressRange { from, to: from + length });
    }

    pub(super) fn press(&mut self, run: &OpenRun, position: Position, area: Rect) -> Answer {
        let layout = MapLayout::new(area, self.close.is_some());
        let Some(address) = self.address_under(&layout, position) else {
            let _ = run;
            return Answer::Ignored;
        };
        self.focus = Some(address);
        if self.close.is_some() {
            if let Some(block) = self.block_at(address) {
                self.blocks.select_id(block);
            }
        } else {
            self.reveal();
        }
        Answer::Done
    }

    /// The address that the mouse points at.
    pub(super) fn address_under(&self, layout: &MapLayout, position: Position) -> Option<u64> {
        let picture = self.picture.as_ref()?;
        let (range, cells, cell) = match &picture.close {
            Some(close) if self.close.is_some() && layout.lines.contains(position) => {
                let (range, tiles) = close.lines.get(usize::from(position.y - layout.lines.y))?;
                let cell = usize::from(position.x.checked_sub(layout.line_x())?);
                (*range, tiles.len(), cell)
            }
            _ if self.close.is_none() && layout.strip.contains(position) => {
                let row = self.regions.top() + usize::from(position.y - layout.rows.y);
                let from = self.regions.shown().nth(row)?.id;
                let place = picture.strips.binary_search_by_key(&from, |strip| strip.region.from).ok()?;
                let strip = &picture.strips[place];
                (range(&strip.region), strip.tiles.len(), usize::from(position.x - layout.strip.x))
            }
            _ => return None,
        };
        (cell < cells).then(|| strip::address_of(cell, (range.from, range.to), cells))
    }
}
