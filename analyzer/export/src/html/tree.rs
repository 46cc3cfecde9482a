//! Bytes by names that have parts, as a tree to open.

use maud::{Markup, html};
use memtrace_analysis::{
    Text,
    report::{Share, is_nobody},
};
use memtrace_format::Bytes;

/// A name's last part, what is of it and what is of names that begin with it.
#[derive(Debug, Default)]
pub(super) struct Tree {
    bytes: u64,
    parts: Vec<(Text, Self)>,
}

impl Tree {
    /// Names fall into parts at `between`.
    pub(super) fn new(shares: &[Share], between: &str) -> Self {
        let mut root = Self::default();
        for share in shares {
            let name = share.name.recorded();
            let parts: Vec<&str> =
                if is_nobody(&share.name) { vec![name] } else { name.split(between).collect() };
            root.add(&parts, share.bytes.0);
        }
        root.sort();
        root
    }

    fn add(&mut self, path: &[&str], bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
        let Some((first, rest)) = path.split_first() else { return };
        let known = self.parts.iter().position(|(name, _)| name.recorded() == *first);
        let index = known.unwrap_or_else(|| {
            self.parts.push((Text::new(*first), Self::default()));
            self.parts.len() - 1
        });
        self.parts[index].1.add(rest, bytes);
    }

    fn sort(&mut self) {
        self.parts.sort_by_key(|(_, part)| std::cmp::Reverse(part.bytes));
        self.parts.iter_mut().for_each(|(_, part)| part.sort());
    }

    /// All parts, each with its share of `whole`.
    pub(super) fn draw(&self, whole: Bytes) -> Markup {
        html! {
            ul .tree {
                @for (name, part) in &self.parts {
                    li {
                        @if part.parts.is_empty() { div { (part.line(name, whole)) } }
                        @else {
                            details open[part.bytes.saturating_mul(4) >= whole.0] {
                                summary { (part.line(name, whole)) }
                                (part.draw(whole))
                            }
                        }
                    }
                }
            }
        }
    }

    fn line(&self, name: &Text, whole: Bytes) -> Markup {
        let percent = self.bytes as f64 * 100.0 / whole.0.max(1) as f64;
        html! {
            span .name { (name) }
            meter min="0" max="100" value=(format!("{percent:.1}")) {}
            span .bytes { (Bytes(self.bytes)) " " small { (format!("{percent:.1}%")) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_a_part_is_of_the_whole() {
        let share = |name: &str, bytes| Share { name: Text::new(name), bytes: Bytes(bytes) };
        let shares = [share("unet", 10), share("vae", 25), share("unet.in.0", 20), share("unet.in.1", 5)];
        let tree = Tree::new(&shares, ".");
        assert_eq!(tree.bytes, 60);
        let names: Vec<_> = tree.parts.iter().map(|(name, part)| (name.recorded(), part.bytes)).collect();
        assert_eq!(names, [("unet", 35), ("vae", 25)]);
        let inner = &tree.parts[0].1.parts[0].1;
        assert_eq!(inner.parts.iter().map(|(_, part)| part.bytes).collect::<Vec<_>>(), [20, 5]);
        let drawn = tree.draw(Bytes(60)).into_string();
        assert!(drawn.contains("58.3%") && drawn.contains("33.3%"), "{drawn}");
    }
}
