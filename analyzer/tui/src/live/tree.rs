//! A tree of live bytes: sums at every node, the largest part first.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use hashbrown::HashMap;
use memtrace_analysis::Text;
use memtrace_format::Bytes;

use crate::listing::{Cell, Row};

/// The most nodes; further parts are counted for their parent.
const NODES: usize = 8000;
/// The separator between the names of nodes that are joined.
const THEN: &str = " › ";
/// The name of nodes that are one keeps so many bytes, from its end.
const NAME: usize = 300;

/// Bytes in blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BlockSum {
    pub(crate) bytes: u64,
    pub(crate) blocks: u64,
}

impl BlockSum {
    /// Counts more.
    pub(crate) fn add(&mut self, other: Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.blocks = self.blocks.saturating_add(other.blocks);
    }
}

/// The side of a comparison that a sum belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ComparedAt {
    /// The one at the cursor.
    Now,
    /// The one that it is compared with.
    Then,
}

/// A part of what is live, with what is below it.
#[derive(Clone, Debug)]
pub(crate) struct OwnerNode {
    /// Tells it from all others, in the next tree too.
    pub(crate) id: u64,
    pub(crate) name: Text,
    /// The sum at the cursor.
    pub(crate) now: BlockSum,
    /// The sum in the state that it is compared with.
    pub(crate) then: BlockSum,
    /// The places of its parts, the largest first.
    pub(crate) parts: Vec<usize>,
}

/// All that is live.
#[derive(Clone, Debug)]
pub(crate) struct OwnerTree {
    nodes: Vec<OwnerNode>,
    places: HashMap<(usize, Text), usize>,
    /// The number of parts that were counted for their parent because there were too many.
    pub(crate) merged: u64,
}

impl Default for OwnerTree {
    fn default() -> Self {
        Self { nodes: vec![OwnerNode::new(0, Text::new("all"))], places: HashMap::new(), merged: 0 }
    }
}

impl OwnerNode {
    fn new(id: u64, name: Text) -> Self {
        Self { id, name, now: BlockSum::default(), then: BlockSum::default(), parts: Vec::new() }
    }

    /// Returns the change in bytes up to the cursor.
    pub(crate) fn change(&self) -> i64 {
        let difference = i128::from(self.now.bytes) - i128::from(self.then.bytes);
        i64::try_from(difference).unwrap_or(if difference < 0 { i64::MIN } else { i64::MAX })
    }
}

impl OwnerTree {
    /// Counts a sum for every node on the way from the root.
    pub(crate) fn add<'a>(
        &mut self,
        path: impl IntoIterator<Item = &'a Text>,
        of: ComparedAt,
        sum: BlockSum,
    ) {
        let mut place = 0;
        self.count(place, of, sum);
        for name in path {
            let key = (place, name.clone());
            let Some(&part) = self.places.get(&key) else {
                if self.nodes.len() >= NODES {
                    self.merged += 1;
                    return;
                }
                let part = self.nodes.len();
                self.nodes.push(OwnerNode::new(id(self.nodes[place].id, name), name.clone()));
                self.nodes[place].parts.push(part);
                self.places.insert(key, part);
                place = part;
                self.count(place, of, sum);
                continue;
            };
            place = part;
            self.count(place, of, sum);
        }
    }

    fn count(&mut self, place: usize, of: ComparedAt, sum: BlockSum) {
        let node = &mut self.nodes[place];
        match of {
            ComparedAt::Now => node.now.add(sum),
            ComparedAt::Then => node.then.add(sum),
        }
    }

    /// Puts the largest parts first, and makes one node of a node and the only part it has.
    pub(crate) fn finish(mut self) -> Self {
        self.places = HashMap::new();
        for place in 1..self.nodes.len() {
            while let [only] = self.nodes[place].parts[..]
                && self.nodes[only].now == self.nodes[place].now
                && self.nodes[only].then == self.nodes[place].then
            {
                let (whole, part) = (&self.nodes[place], &self.nodes[only]);
                let name = joined(whole.name.recorded(), part.name.recorded());
                let (id, parts) = (part.id, part.parts.clone());
                let node = &mut self.nodes[place];
                (node.id, node.name, node.parts) = (id, name, parts);
                self.nodes[only].parts = Vec::new();
            }
        }
        let weights: Vec<_> = self.nodes.iter().map(|node| node.now.bytes.max(node.then.bytes)).collect();
        let names: Vec<_> = self.nodes.iter().map(|node| node.name.clone()).collect();
        for node in &mut self.nodes {
            node.parts.sort_unstable_by(|a, b| (weights[*b], &names[*a]).cmp(&(weights[*a], &names[*b])));
        }
        self
    }

    /// The node at a place.
    pub(crate) fn node(&self, place: usize) -> &OwnerNode {
        &self.nodes[place]
    }

    /// All of it.
    pub(crate) fn whole(&self) -> &OwnerNode {
        &self.nodes[0]
    }

    /// The place of the node that is known by this.
    pub(crate) fn find(&self, id: u64) -> Option<usize> {
        self.nodes.iter().position(|node| node.id == id)
    }

    /// The rows for what is below a node, in the order of a tree; a row's id is its node's.
    pub(crate) fn rows(&self, root: usize, compared: bool) -> Vec<Row> {
        let all = self.nodes[root].now.bytes.max(1);
        let mut rows = Vec::new();
        let mut open: Vec<(usize, usize)> =
            self.nodes[root].parts.iter().rev().map(|&part| (part, 0)).collect();
        while let Some((place, depth)) = open.pop() {
            let node = &self.nodes[place];
            let mut cells = vec![
                Cell::Text(node.name.clone()),
                Cell::Bytes(Bytes(node.now.bytes)),
                Cell::Share(node.now.bytes as f64 / all as f64),
                Cell::Count(node.now.blocks),
            ];
            if compared {
                cells.extend([Cell::Change(node.change()), Cell::Bytes(Bytes(node.then.bytes))]);
            }
            rows.push(Row { id: node.id, depth, cells });
            open.extend(node.parts.iter().rev().map(|&part| (part, depth + 1)));
        }
        rows
    }
}

fn joined(whole: &str, part: &str) -> Text {
    let name = format!("{whole}{THEN}{part}");
    Text::new(&name[name.ceil_char_boundary(name.len().saturating_sub(NAME))..])
}

fn id(parent: u64, name: &Text) -> u64 {
    let mut hasher = DefaultHasher::new();
    parent.hash(&mut hasher);
    name.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(text: &str) -> Vec<Text> {
        text.split('/').map(Text::new).collect()
    }

    fn sum(bytes: u64) -> BlockSum {
        BlockSum { bytes, blocks: 1 }
    }

    fn shown(tree: &OwnerTree) -> Vec<(usize, String, u64)> {
        let rows = tree.rows(0, false);
        let name = |row: &Row| row.cells[0].to_string();
        let bytes = |row: &Row| row.cells[1].number().unwrap() as u64;
        rows.iter().map(|row| (row.depth, name(row), bytes(row))).collect()
    }

    #[test]
    fn sums_go_up_and_the_largest_part_comes_first() {
        let mut tree = OwnerTree::default();
        tree.add(&path("vae"), ComparedAt::Now, sum(5));
        tree.add(&path("unet/up"), ComparedAt::Now, sum(3));
        tree.add(&path("unet/down/0"), ComparedAt::Now, sum(4));
        tree.add(&path("unet"), ComparedAt::Now, sum(1));
        tree.add(&path("unet/down/0"), ComparedAt::Then, sum(10));
        let tree = tree.finish();
        let expected = [(0, "unet", 8), (1, "down › 0", 4), (1, "up", 3), (0, "vae", 5)];
        assert_eq!(shown(&tree), expected.map(|(depth, name, bytes)| (depth, name.to_owned(), bytes)));
        assert_eq!((tree.whole().now.bytes, tree.whole().change()), (13, 3));
        let down = tree.find(tree.rows(0, true)[1].id).unwrap();
        assert_eq!(tree.node(down).change(), -6);
        assert!(tree.rows(down, true).is_empty());
    }

    #[test]
    fn too_many_nodes_count_for_what_they_are_below() {
        let mut tree = OwnerTree::default();
        for n in 0..NODES {
            tree.add(&path(&format!("top/{n}")), ComparedAt::Now, sum(1));
        }
        let tree = tree.finish();
        assert_eq!((tree.nodes.len(), tree.merged), (NODES, 2));
        assert_eq!(tree.node(1).now, BlockSum { bytes: NODES as u64, blocks: NODES as u64 });
    }

    proptest! {
        /// No byte is lost or counted twice, whatever is below what.
        #[test]
        fn every_node_is_at_least_its_parts(
            paths in prop::collection::vec((prop::collection::vec(0u8..4, 0..5), 1u64..100, any::<bool>()), 0..60),
        ) {
            let mut tree = OwnerTree::default();
            let (mut now, mut then) = (0, 0);
            for (path, bytes, is_now) in &paths {
                let path: Vec<Text> = path.iter().map(|name| Text::new(name.to_string())).collect();
                tree.add(&path, if *is_now { ComparedAt::Now } else { ComparedAt::Then }, sum(*bytes));
                *(if *is_now { &mut now } else { &mut then }) += bytes;
            }
            let tree = tree.finish();
            prop_assert_eq!((tree.whole().now.bytes, tree.whole().then.bytes), (now, then));
            let mut open = vec![0];
            while let Some(place) = open.pop() {
                let node = tree.node(place);
                let parts: u64 = node.parts.iter().map(|&part| tree.node(part).now.bytes).sum();
                prop_assert!(parts <= node.now.bytes);
                open.extend(&node.parts);
            }
        }
    }
}
