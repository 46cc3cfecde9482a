//! The paths of scopes that were open, as a prefix tree.

use hashbrown::HashMap;
use memtrace_format::NameId;

use crate::{Text, source::Definitions};

/// Between two scopes, the inner one last.
pub const BETWEEN_SCOPES: &str = " / ";

/// Scopes nested deeper than this count as their parents: it is a recursion without end, or a file made to do harm.
const DEPTH: u16 = 256;

/// The most paths that are told apart; one beyond counts as its parent.
const KEPT: usize = 1 << 18;

/// A path longer than this many bytes is not followed further out.
const SHOWN: usize = 1_000;

/// A path of open scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScopeId(u32);

impl ScopeId {
    /// Outside of all scopes.
    pub const NONE: Self = Self(0);
}

/// Every path that was open at some time.
#[derive(Clone, Debug, Default)]
pub struct ScopeTree {
    nodes: Vec<Node>,
    children: HashMap<(ScopeId, NameId), ScopeId>,
    left_out: u64,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    parent: ScopeId,
    name: NameId,
    depth: u16,
}

impl ScopeTree {
    /// The path one deeper.
    pub(crate) fn enter(&mut self, parent: ScopeId, name: NameId) -> ScopeId {
        let depth = self.node(parent).map_or(0, |node| node.depth) + 1;
        if depth > DEPTH {
            return parent;
        }
        if let Some(&known) = self.children.get(&(parent, name)) {
            return known;
        }
        if self.nodes.len() == KEPT {
            self.left_out += 1;
            return parent;
        }
        self.nodes.push(Node { parent, name, depth });
        let scope = ScopeId(self.nodes.len() as u32);
        self.children.insert((parent, name), scope);
        scope
    }

    /// How often a path was entered that is one of too many.
    pub(crate) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The path in words: `a / b / c`, or `(none)`.
    pub fn render(&self, scope: ScopeId, definitions: &Definitions) -> Text {
        let mut names = Vec::new();
        let mut length = 0;
        let mut next = scope;
        while let Some(node) = self.node(next) {
            if length > SHOWN {
                names.push(Text::new("…"));
                break;
            }
            let name = definitions.name(node.name);
            length += name.recorded().len() + BETWEEN_SCOPES.len();
            names.push(name);
            next = node.parent;
        }
        if names.is_empty() {
            return Text::new("(none)");
        }
        let names: Vec<_> = names.iter().rev().map(Text::recorded).collect();
        Text::new(names.join(BETWEEN_SCOPES))
    }

    fn node(&self, scope: ScopeId) -> Option<&Node> {
        self.nodes.get((scope.0 as usize).checked_sub(1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_beyond_the_most_are_their_parents() {
        let mut scopes = ScopeTree::default();
        let job = scopes.enter(ScopeId::NONE, NameId(1));
        for name in 0..2 * KEPT as u32 {
            scopes.enter(job, NameId(name));
        }
        assert_eq!(scopes.nodes.len(), KEPT);
        assert_eq!(scopes.left_out(), KEPT as u64 + 1);
        assert_eq!(scopes.enter(job, NameId(u32::MAX)), job);
        assert_ne!(scopes.enter(job, NameId(0)), job);
    }
}
