//! The paths of scopes that were open, as a prefix tree.

use hashbrown::HashMap;
use memtrace_format::NameId;

use crate::{Text, source::Definitions};

/// Scopes nested deeper than this count as their parents: it is a recursion without end, or a file made to do harm.
const DEPTH: u16 = 256;

/// A path longer than this many bytes is not followed further out.
const SHOWN: usize = 1_000;

/// A path of open scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ScopeId(u32);

impl ScopeId {
    /// Outside of all scopes.
    pub(crate) const NONE: Self = Self(0);
}

/// Every path that was open at some time.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScopeTree {
    nodes: Vec<Node>,
    children: HashMap<(ScopeId, NameId), ScopeId>,
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
        *self.children.entry((parent, name)).or_insert_with(|| {
            self.nodes.push(Node { parent, name, depth });
            ScopeId(u32::try_from(self.nodes.len()).unwrap_or(0))
        })
    }

    /// The path in words: `a / b / c`, or `(none)`.
    pub(crate) fn render(&self, scope: ScopeId, definitions: &Definitions) -> Text {
        let mut names = Vec::new();
        let mut length = 0;
        let mut next = scope;
        while let Some(node) = self.node(next) {
            if length > SHOWN {
                names.push(Text::new("…"));
                break;
            }
            let name = definitions.name(node.name);
            length += name.recorded().len() + " / ".len();
            names.push(name);
            next = node.parent;
        }
        if names.is_empty() {
            return Text::new("(none)");
        }
        let names: Vec<_> = names.iter().rev().map(Text::recorded).collect();
        Text::new(names.join(" / "))
    }

    fn node(&self, scope: ScopeId) -> Option<&Node> {
        self.nodes.get((scope.0 as usize).checked_sub(1)?)
    }
}
