//! Diagnosis of failed requests: the reason, and the remedies.
//!
//! A request that fails is examined where it stands, on the state that the replay has then: nothing is copied and kept but
//! the answer. What other settings would have done from the beginning on is known only of a history that was followed with
//! them; that takes a second passage through the events, made only if requests failed ([`rehearse`](crate::passes)), so that traces
//! without failures pay nothing for it.
//!
//! Nothing is claimed that a model of the allocator did not do: each remedy was applied to it and the request made again.

mod inventory;
mod knapsack;
mod models;
mod pins;
mod remedies;
mod requesters;
mod verdict;

pub(crate) use models::{Agreement, Failure, Rehearsal};
pub(crate) use requesters::HeapRules;
pub(crate) use verdict::OomContext;

use memtrace_format::{Bytes, PoolId};

use crate::{
    replay::{HeapState, OwnerId},
    report::{Proof, Verdict},
};
use inventory::Inventory;

/// The most failed requests of a trace that are examined with a model: the first ones that differ.
const EXAMINED: usize = 8;
/// The most blocks and holes that all of these may have together.
const PIECES: usize = 1 << 21;

/// What is known of a failed request.
#[derive(Clone, Debug)]
pub(crate) struct Diagnosis {
    pub(crate) context: OomContext,
    pub(crate) verdict: Verdict,
    /// What the verdict rests on, in a sentence.
    pub(crate) evidence: String,
    /// Why there is no verdict.
    pub(crate) why: Option<&'static str>,
    /// What a model of the allocator did; none if it was not asked.
    pub(crate) examination: Option<Examination>,
}

/// What a model of the allocator did with a failed request.
#[derive(Clone, Debug)]
pub(crate) struct Examination {
    /// The largest hole in the pool that was asked.
    pub(crate) usable: u64,
    /// The smallest set of blocks that was found without which it would have been served; empty if that is not what it lacked.
    pub(crate) pins: Vec<Pin>,
    pub(crate) fits: Vec<Remedy>,
    /// What was tried, and why it does not help or is not known to.
    pub(crate) in_vain: Vec<(String, String)>,
    /// How the model of the whole course agrees with the recording; none if there was none.
    pub(crate) model: Option<(Agreement, models::AtFailure)>,
    pub(crate) model_why: Option<&'static str>,
}

/// A block that stands in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pin {
    pub(crate) address: u64,
    pub(crate) bytes: u64,
    pub(crate) owner: OwnerId,
}

/// What would have let a request through.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Remedy {
    pub(crate) what: String,
    pub(crate) bytes: u64,
    pub(crate) proof: Proof,
}

/// How much more may be examined.
#[derive(Clone, Debug, Default)]
pub(crate) struct Effort {
    examined: usize,
    pieces: usize,
}

impl Effort {
    /// Whether one more with so many blocks and holes may be, which is counted then.
    fn affords(&mut self, pieces: usize) -> bool {
        let affords = self.examined < EXAMINED && self.pieces.saturating_add(pieces) <= PIECES;
        if affords {
            self.examined += 1;
            self.pieces += pieces;
        }
        affords
    }
}

impl Diagnosis {
    /// Of a request that a pool could not serve. It is examined with a model if it `differs` from those before it and there is
    /// effort left.
    pub(crate) fn of(
        context: OomContext,
        pool: PoolId,
        heap: &HeapState,
        rules: &HeapRules,
        differs: bool,
        effort: &mut Effort,
    ) -> Self {
        let pieces = heap.pieces_to_walk();
        let requester = rules.requester(pool);
        let worth_it = context.segmented && differs && effort.affords(pieces);
        let inventory = worth_it.then(|| Inventory::of(heap, rules));
        let usable = inventory.as_ref().map(|inventory| inventory.largest_hole(requester, &context));
        let (verdict, evidence, why) = verdict::judge(&context, usable);
        let examination = inventory.map(|inventory| {
            let mut examination = Examination {
                usable: usable.unwrap_or_default(),
                pins: Vec::new(),
                fits: Vec::new(),
                in_vain: Vec::new(),
                model: None,
                model_why: None,
            };
            remedies::try_all(&context, verdict, requester, &inventory, &mut examination);
            examination
        });
        Self { context, verdict, evidence, why, examination }
    }
}

/// A number of bytes in words.
fn bytes(bytes: u64) -> Bytes {
    Bytes(bytes)
}
