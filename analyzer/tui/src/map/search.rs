//! Search on the map: in the rows, then among the owners that the legend names.

use super::{MapView, legend};
use crate::{action::Side, open_run::OpenRun};

impl MapView {
    /// Explains the next block whose owner has this text in its name, on that side of what is explained, around the end.
    pub(super) fn find_owner(&mut self, run: &OpenRun, text: &str, side: Side) -> bool {
        let (Some(picture), Some(trace)) = (&self.picture, &run.trace) else { return false };
        let Some(heap) = picture.heap() else { return false };
        let text = text.to_lowercase();
        let named = |owner| {
            let name = legend::name(self.colouring, owner, trace.definitions());
            name.to_string().to_lowercase().contains(&text)
        };
        let named: Vec<bool> = picture.instant.owners.iter().map(named).collect();
        let has = |block: &&memtrace_analysis::snapshot::LiveBlock| {
            named.get(block.owner.0 as usize).copied().unwrap_or(false)
        };
        let focus = self.focus.unwrap_or(0);
        let mut blocks = heap.blocks.iter().filter(has);
        let next = match side {
            Side::Forward => blocks.clone().find(|block| block.address.0 > focus).or(blocks.next()),
            Side::Back => blocks.clone().rfind(|block| block.address.0 < focus).or(blocks.next_back()),
        };
        let Some(address) = next.map(|block| block.address.0) else { return false };
        self.focus = Some(address);
        self.reveal();
        true
    }
}
