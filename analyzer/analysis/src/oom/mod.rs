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
mod need;
mod pins;
mod remedies;
mod requesters;
mod verdict;

pub(crate) use models::{Agreement, Failure, Rehearsal};
pub(crate) use need::{Need, NeedOf, greatest};
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

/// Why it is not said that a request failed for its layout.
const NOT_EXAMINED: &str =
    "side by side there would have been enough; whether a layout could have had it so was not examined";
const NOTHING_PROVED: &str = "side by side there would have been enough, and nothing that was tried is proved to have brought that about";

/// What is known of a failed request.
#[derive(Clone, Debug)]
pub(crate) struct Diagnosis {
    pub(crate) context: OomContext,
    /// What the job needed beyond it.
    pub(crate) needs: Vec<Need>,
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
    pub(crate) in_vain: Vec<InVain>,
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
    /// Whether everything that lives stays alive, on the same device with the same others beside: only the layout is another.
    pub(crate) keeps_what_lives: bool,
}

/// What would not have let a request through, or is not known to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InVain {
    pub(crate) what: String,
    pub(crate) why: String,
    /// A model followed the whole course with it, and refused the request too.
    pub(crate) refuted_by_course: bool,
}

impl InVain {
    fn new(what: impl Into<String>, why: String) -> Self {
        Self { what: what.into(), why, refuted_by_course: false }
    }
}

impl Remedy {
    /// In the recorded state.
    fn of_state(what: impl Into<String>, bytes: u64) -> Self {
        Self { what: what.into(), bytes, proof: Proof::State, keeps_what_lives: false }
    }
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
        needs: Vec<Need>,
        (pool, heap): (PoolId, &HeapState),
        rules: &HeapRules,
        differs: bool,
        effort: &mut Effort,
    ) -> Self {
        let pieces = heap.pieces_to_walk();
        let requester = rules.requester(pool);
        let worth_it = context.segmented && differs && effort.affords(pieces);
        // The heap may show more of its settings than marks say.
        let inventory = worth_it.then(|| Inventory::of(heap, &rules.with(context.rules.clone())));
        let usable = inventory.as_ref().map(|inventory| inventory.largest_hole(requester, &context));
        let (verdict, evidence, why) = verdict::judge(&context, usable, &needs);
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
        Self { context, needs, verdict, evidence, why, examination }
    }

    /// The last word, once it is known what the job needed and what models of the whole course did. `before` is the last word on a
    /// request like this one, which was examined in its place.
    pub(crate) fn conclude(&mut self, before: Option<&Self>) {
        let usable = self.examination.as_ref().map(|examination| examination.usable);
        (self.verdict, self.evidence, self.why) = verdict::judge(&self.context, usable, &self.needs);
        if let Some(examination) = &mut self.examination {
            // What was proved of the whole course comes first: it helps from the beginning on.
            examination.fits.sort_by_key(|remedy| remedy.proof == Proof::State);
        }
        if self.verdict == Verdict::Fragmentation {
            let examined =
                self.examination.as_ref().or(before.and_then(|before| before.examination.as_ref()));
            (self.verdict, self.why) = match examined {
                Some(examination) => examination.bears_out_fragmentation(&self.context),
                None => (Verdict::Unknown, Some(NOT_EXAMINED)),
            };
            if self.verdict == Verdict::Capacity {
                self.evidence.push_str("; every setting of the allocator that was tried fails too");
            }
        }
    }
}

impl Examination {
    /// Whether it was the layout: something helped that leaves as much live as there was. If everything that was tried over the whole
    /// course failed too, no layout helps, and the device is too small.
    fn bears_out_fragmentation(&self, context: &OomContext) -> (Verdict, Option<&'static str>) {
        let pins: u64 = self.pins.iter().map(|pin| pin.bytes).sum();
        let moved = !self.pins.is_empty() && pins < context.block();
        if moved || self.fits.iter().any(|remedy| remedy.keeps_what_lives) {
            return (Verdict::Fragmentation, None);
        }
        if self.in_vain.iter().any(|tried| tried.refuted_by_course) {
            return (Verdict::Capacity, None);
        }
        (Verdict::Unknown, Some(NOTHING_PROVED))
    }
}

/// A number of bytes in words.
fn bytes(bytes: u64) -> Bytes {
    Bytes(bytes)
}
