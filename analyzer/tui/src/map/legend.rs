//! The letters of block owners. A letter stays with its owner while both last, so that the map is not repainted at every event.

use hashbrown::HashMap;
use memtrace_analysis::{
    Definitions, Nanos, Text,
    snapshot::{HeapSnapshot, LiveBlock, LiveHeap, Owner},
};
use memtrace_format::Bytes;

use super::strip::{OTHERS, TINTS};

/// The property that colours blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Colouring {
    /// The module that owns it.
    #[default]
    Module,
    /// The scopes in which it was asked for.
    Scope,
    /// The line of code that asked for it.
    Site,
    /// The age of a block.
    Age,
}

impl Colouring {
    /// Returns its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Module => "module",
            Self::Scope => "scope",
            Self::Site => "call site",
            Self::Age => "age",
        }
    }

    /// The one after it, around the end.
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Module => Self::Scope,
            Self::Scope => Self::Site,
            Self::Site => Self::Age,
            Self::Age => Self::Module,
        }
    }
}

/// The meaning of a map's letters.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Legend {
    /// The names with letters, the largest first.
    pub(crate) entries: Vec<LegendEntry>,
    /// Blocks without a letter of their own.
    pub(crate) others: Option<LegendEntry>,
}

/// A letter's line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LegendEntry {
    /// The colour and letter.
    pub(crate) tint: u8,
    /// The owner of the blocks.
    pub(crate) name: Text,
    /// All of them.
    pub(crate) bytes: Bytes,
    /// The number of blocks.
    pub(crate) blocks: u64,
}

/// The ages, from the youngest: blocks are younger than this.
const AGES: [(Nanos, &str); 8] = [
    (Nanos(1_000_000), "< 1 ms"),
    (Nanos(10_000_000), "< 10 ms"),
    (Nanos(100_000_000), "< 100 ms"),
    (Nanos(1_000_000_000), "< 1 s"),
    (Nanos(10_000_000_000), "< 10 s"),
    (Nanos(100_000_000_000), "< 100 s"),
    (Nanos(1_000_000_000_000), "< 1000 s"),
    (Nanos(u64::MAX), "older"),
];

/// Hands letters out.
#[derive(Clone, Debug, Default)]
pub(crate) struct LegendLetters {
    /// The owner of each letter, from the first one, for this heap and this colouring.
    held: [Option<Text>; TINTS - 1],
    of: Option<(Text, Colouring)>,
}

/// The letter of each block.
pub(crate) enum Tints {
    /// By the index of its owner.
    Owners(Vec<u8>),
    /// By its age at this time.
    Ages(Nanos),
}

impl Tints {
    /// The block's.
    pub(crate) fn of(&self, block: &LiveBlock) -> u8 {
        match self {
            Self::Owners(tints) => tints.get(block.owner.0 as usize).copied().unwrap_or(OTHERS),
            Self::Ages(now) => age(now.since(block.born_ns)),
        }
    }
}

impl LegendLetters {
    /// Gives letters to what owns most of the heap, and keeps those that were given while their names matter.
    pub(crate) fn hand_out(
        &mut self,
        colouring: Colouring,
        instant: &HeapSnapshot,
        heap: &LiveHeap,
        definitions: &Definitions,
    ) -> (Tints, Legend) {
        if colouring == Colouring::Age {
            let tints = Tints::Ages(instant.time_ns);
            let legend = ages(heap, &tints);
            return (tints, legend);
        }
        let of = (heap.name.clone(), colouring);
        if self.of.as_ref() != Some(&of) {
            *self = Self { of: Some(of), ..Self::default() };
        }
        let mut by_owner = vec![(0_u64, 0_u64); instant.owners.len()];
        for block in &heap.blocks {
            if let Some((bytes, blocks)) = by_owner.get_mut(block.owner.0 as usize) {
                *bytes = bytes.saturating_add(block.bytes.0);
                *blocks += 1;
            }
        }
        let names: Vec<Option<Text>> = instant
            .owners
            .iter()
            .zip(&by_owner)
            .map(|(owner, (_, blocks))| (*blocks > 0).then(|| name(colouring, owner, definitions)))
            .collect();
        let mut by_name: HashMap<&Text, (u64, u64)> = HashMap::new();
        for (name, (bytes, blocks)) in names.iter().zip(&by_owner) {
            let Some(name) = name else { continue };
            let sum = by_name.entry(name).or_default();
            *sum = (sum.0.saturating_add(*bytes), sum.1 + blocks);
        }
        let mut ranking: Vec<(&Text, (u64, u64))> = by_name.into_iter().collect();
        ranking.sort_unstable_by(|a, b| (b.1.0, a.0).cmp(&(a.1.0, b.0)));
        self.assign(&ranking);
        let tint_of = |name: &Text| {
            let place = self.held.iter().position(|held| held.as_ref() == Some(name));
            place.map_or(OTHERS, |place| place as u8 + 1)
        };
        let legend = legend(&ranking, tint_of);
        let tints = names.iter().map(|name| name.as_ref().map_or(OTHERS, tint_of)).collect();
        (Tints::Owners(tints), legend)
    }

    /// `ranking` has all names, the largest first.
    fn assign(&mut self, ranking: &[(&Text, (u64, u64))]) {
        let letters = self.held.len();
        let mut places: Vec<Option<usize>> = self
            .held
            .iter()
            .map(|held| ranking.iter().take(letters * 2).position(|(name, _)| Some(*name) == held.as_ref()))
            .collect();
        for (name, _) in ranking.iter().take(letters) {
            if self
                .held
                .iter()
                .zip(&places)
                .any(|(held, place)| place.is_some() && held.as_ref() == Some(*name))
            {
                continue;
            }
            let Some(free) = places.iter().position(Option::is_none) else { break };
            self.held[free] = Some((*name).clone());
            places[free] = Some(0);
        }
        for (held, place) in self.held.iter_mut().zip(&places) {
            if place.is_none() {
                *held = None;
            }
        }
    }
}

/// Returns the name of an owner, as this colouring has it.
pub(crate) fn name(colouring: Colouring, owner: &Owner, definitions: &Definitions) -> Text {
    match colouring {
        Colouring::Scope => owner.scope.clone(),
        Colouring::Site => {
            definitions.telling_frame(owner.stack).unwrap_or_else(|| Text::new("(no stack recorded)"))
        }
        Colouring::Module | Colouring::Age => owner.module.clone(),
    }
}

fn legend(ranking: &[(&Text, (u64, u64))], tint_of: impl Fn(&Text) -> u8) -> Legend {
    let mut legend = Legend::default();
    let mut others = (0_u64, 0_u64, 0_u64);
    for (name, (bytes, blocks)) in ranking {
        match tint_of(name) {
            OTHERS => others = (others.0 + 1, others.1.saturating_add(*bytes), others.2 + blocks),
            tint => legend.entries.push(LegendEntry {
                tint,
                name: (*name).clone(),
                bytes: Bytes(*bytes),
                blocks: *blocks,
            }),
        }
    }
    legend.others = (others.0 > 0).then(|| LegendEntry {
        tint: OTHERS,
        name: Text::new(format!("{} others", others.0)),
        bytes: Bytes(others.1),
        blocks: others.2,
    });
    legend
}

fn age(age: Nanos) -> u8 {
    let class = AGES.iter().position(|(limit, _)| age < *limit).unwrap_or(AGES.len() - 1);
    class as u8 + 1
}

fn ages(heap: &LiveHeap, tints: &Tints) -> Legend {
    let mut sums = [(0_u64, 0_u64); AGES.len()];
    for block in &heap.blocks {
        let sum = &mut sums[usize::from(tints.of(block)) - 1];
        *sum = (sum.0.saturating_add(block.bytes.0), sum.1 + 1);
    }
    let entries = sums.iter().zip(AGES).zip(1..).filter(|((sum, _), _)| sum.1 > 0);
    let entries = entries.map(|(((bytes, blocks), (_, name)), tint)| LegendEntry {
        tint,
        name: Text::new(name),
        bytes: Bytes(*bytes),
        blocks: *blocks,
    });
    Legend { entries: entries.collect(), others: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(letters: &LegendLetters) -> Vec<Option<String>> {
        letters.held.iter().map(|held| held.as_ref().map(ToString::to_string)).collect()
    }

    fn assigned(letters: &mut LegendLetters, names: &[&str]) -> Vec<Option<String>> {
        let names: Vec<Text> = names.iter().copied().map(Text::new).collect();
        let ranking: Vec<(&Text, (u64, u64))> = names.iter().map(|name| (name, (1, 1))).collect();
        letters.assign(&ranking);
        held(letters)
    }

    #[test]
    fn a_letter_stays_with_its_name_while_that_matters() {
        let mut letters = LegendLetters::default();
        assert_eq!(
            assigned(&mut letters, &["unet", "vae"])[..3],
            [Some("unet".into()), Some("vae".into()), None]
        );
        let after = assigned(&mut letters, &["clip", "vae"]);
        assert_eq!(after[..3], [Some("clip".into()), Some("vae".into()), None]);
        let many: Vec<String> = (0..30).map(|n| format!("m{n}")).collect();
        let mut ranking: Vec<&str> = many.iter().map(String::as_str).collect();
        ranking.insert(12, "vae");
        let after = assigned(&mut letters, &ranking);
        assert_eq!(after[1], Some("vae".into()), "twelve are larger, and it keeps its letter");
        assert_eq!(after.iter().flatten().count(), TINTS - 1);
        ranking.retain(|name| *name != "vae");
        ranking.push("vae");
        assert!(!assigned(&mut letters, &ranking).contains(&Some("vae".into())));
    }

    #[test]
    fn ages_are_told_apart_by_decades() {
        assert_eq!(
            [0, 999_999, 1_000_000, 5_000_000_000, u64::MAX].map(|ns| age(Nanos(ns))),
            [1, 1, 2, 5, 8]
        );
    }
}
