//! A heap followed by models of its allocator: one with the settings that were recorded, to see how far a model can be believed,
//! and one for each setting that might have helped.
//!
//! The model of the recorded settings is given every request and every release of a segment, and is told where segments lay.
//! Which block serves a request, how long it is, when a segment is reserved and how large, it has to find out for itself; what
//! it has reserved is held against the recording at every event of a block. Models of other settings are given the requests,
//! and releases that the program asked for; what memory there is to them is what the recorded allocator could have had at the
//! next failure that is examined.

use hashbrown::HashMap;
use memtrace_format::{BlockAlloc, Event, Segment};

use super::{Diagnosis, InVain, Remedy, bytes, inventory::Inventory, requesters::HeapRules};
use crate::{
    Nanos,
    allocator_model::{Allocator, BlockId, Requester, Rules},
    model::HeapKey,
    replay::{HeapState, OwnerId},
    report::{PeakBy, Proof},
};

/// The most live blocks of all models together; the last ones are given up beyond it.
const MODELED: usize = 1 << 20;

/// How a model agrees with a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Agreement {
    /// By which rules the model went.
    pub(crate) rules: String,
    /// Requests, and how many of them got a block of the recorded length.
    pub(crate) allocs: u64,
    pub(crate) sizes_agree: u64,
    /// Events of blocks, and after how many of them as much was reserved as in the recording.
    pub(crate) events: u64,
    pub(crate) reserved_agrees: u64,
    /// The largest difference of the two.
    pub(crate) most: u64,
}

/// How the model was when a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AtFailure {
    /// What the model had reserved, less what the recording had.
    pub(crate) difference: i64,
    /// Whether it refused the request too.
    pub(crate) refused: bool,
}

/// A request that failed, as the models meet it.
#[derive(Debug)]
pub(crate) struct Failure<'f> {
    /// Its number among all failed requests of the trace.
    pub(crate) number: u64,
    pub(crate) heap: HeapKey,
    pub(crate) capacity: u64,
    pub(crate) diagnosis: &'f mut Diagnosis,
}

/// A heap and the models that follow it.
#[derive(Debug)]
pub(crate) struct Rehearsal {
    pub(crate) rules: HeapRules,
    recorded: HeapState,
    /// The settings that are tried.
    settings: Vec<(String, Rules)>,
    /// With the recorded settings. None until the first event.
    model: Option<Course>,
    others: Vec<Course>,
    given_up: Vec<String>,
    capacity: u64,
    agreement: Agreement,
    /// Segments were given back, and it is not known yet whether the program asked for that or a request that found no room.
    released: bool,
}

/// A model with the blocks it handed out.
#[derive(Debug)]
struct Course {
    /// The setting that is tried.
    what: String,
    /// It is for requests of this size and more.
    least: u64,
    allocator: Allocator,
    live: HashMap<u64, BlockId>,
    /// When it refused a request that had been served.
    spoiled: Option<Nanos>,
}

impl Rehearsal {
    pub(crate) fn new(rules: HeapRules, settings: Vec<(String, Rules)>, capacity: u64) -> Self {
        let agreement = Agreement { rules: rules.rules.to_string(), ..Agreement::default() };
        Self {
            rules,
            recorded: HeapState::new(PeakBy::Allocated),
            settings,
            model: None,
            others: Vec::new(),
            given_up: Vec::new(),
            capacity,
            agreement,
            released: false,
        }
    }

    /// An event of the baseline.
    pub(crate) fn before(&mut self, event: &Event) {
        self.record(event);
    }

    pub(crate) fn set_capacity(&mut self, capacity: u64) {
        self.capacity = capacity;
        for course in &mut self.others {
            course.allocator.set_capacity(capacity);
        }
    }

    fn begin(&mut self) {
        if self.model.is_some() {
            return;
        }
        let live = self.recorded.pieces_to_walk().max(1);
        let affordable = (MODELED / live).saturating_sub(1).min(self.settings.len());
        self.given_up.extend(self.settings.drain(affordable..).map(|(what, _)| what));
        let course = |what: String, rules: &HeapRules, capacity: u64| {
            let inventory = Inventory::of(&self.recorded, rules);
            let blocks = inventory.pieces.iter().filter_map(|part| part.block);
            let live = blocks.map(|(pin, id)| (pin.address, id)).collect();
            let mut allocator = inventory.model;
            allocator.set_capacity(capacity);
            let limit = rules.rules.max_split_size;
            let least = if limit == self.rules.rules.max_split_size { 0 } else { limit };
            Course { what, least, allocator, live, spoiled: None }
        };
        self.others = std::mem::take(&mut self.settings)
            .into_iter()
            .map(|(what, rules)| course(what, &self.rules.with(rules), self.capacity))
            .collect();
        // The driver gave the recorded allocator what it reserved.
        self.model = Some(course(String::new(), &self.rules, u64::MAX));
    }

    fn record(&mut self, event: &Event) {
        let mut lost = Vec::new();
        match event {
            Event::BlockAlloc(alloc) => _ = self.recorded.alloc(alloc, OwnerId::default(), Nanos(0), 0),
            Event::BlockFree(free) | Event::BlockFreeCompleted(free) => _ = self.recorded.free(free),
            Event::BlockFreeRequested(free) => _ = self.recorded.request_free(free),
            Event::SegmentAlloc(segment) => _ = self.recorded.reserve(segment, false, &mut lost),
            Event::SegmentMap(segment) => _ = self.recorded.reserve(segment, true, &mut lost),
            Event::SegmentFree(segment) | Event::SegmentUnmap(segment) => {
                _ = self.recorded.release(segment, &mut lost);
            }
            _ => {}
        }
    }

    pub(crate) fn follow(&mut self, time: Nanos, event: &Event) {
        self.begin();
        self.record(event);
        match event {
            Event::BlockAlloc(alloc) => self.alloc(time, alloc),
            Event::BlockFree(free) | Event::BlockFreeCompleted(free) => {
                self.program_goes_on();
                for course in self.model.iter_mut().chain(&mut self.others) {
                    course.free(free.address.0);
                }
                self.compare();
            }
            Event::SegmentAlloc(Segment { address, size, .. }) => {
                self.released = false;
                if let Some(model) = &mut self.model {
                    model.allocator.offer(address.0, size.0);
                }
            }
            Event::SegmentMap(_) => self.released = false,
            Event::SegmentFree(Segment { address, size, .. }) => {
                self.released = true;
                if let Some(model) = &mut self.model {
                    model.allocator.release_at(address.0, size.0);
                }
            }
            Event::SegmentUnmap(_) => {
                self.released = true;
                if let Some(model) = &mut self.model {
                    model.allocator.release_cached();
                }
            }
            _ => {}
        }
    }

    /// Segments that were given back without a request that needed room: the program asked for it, whatever the settings.
    fn program_goes_on(&mut self) {
        if std::mem::take(&mut self.released) {
            for course in &mut self.others {
                course.allocator.release_cached();
            }
        }
    }

    fn alloc(&mut self, time: Nanos, alloc: &BlockAlloc) {
        self.program_goes_on();
        let requester = self.rules.requester(alloc.pool);
        let (address, requested) = (alloc.address.0, alloc.requested.0);
        for course in &mut self.others {
            course.alloc(time, requester, address, requested);
        }
        if let Some(model) = &mut self.model {
            let size = model.alloc(time, requester, address, requested);
            self.agreement.allocs += 1;
            self.agreement.sizes_agree += u64::from(size == Some(alloc.size.0));
        }
        self.compare();
        let live = |course: &Course| course.live.len();
        let all: usize =
            self.model.iter().map(live).sum::<usize>() + self.others.iter().map(live).sum::<usize>();
        if all > MODELED
            && let Some(Course { what, .. }) = self.others.pop()
        {
            self.given_up.push(what);
        }
    }

    fn compare(&mut self) {
        let Some(model) = &self.model else { return };
        let difference = model.allocator.reserved().abs_diff(self.recorded.segments.reserved());
        self.agreement.events += 1;
        self.agreement.reserved_agrees += u64::from(difference == 0);
        self.agreement.most = self.agreement.most.max(difference);
    }

    /// The models meet a request that failed.
    pub(crate) fn fail(&mut self, failure: Failure<'_>, requester: Requester, requested: u64) {
        self.begin();
        // What was given back just now was given back for this request.
        self.released = false;
        let Some(examination) = &mut failure.diagnosis.examination else { return };
        let Some(model) = &mut self.model else { return };
        let reserved = model.allocator.reserved();
        let difference = i128::from(reserved) - i128::from(self.recorded.segments.reserved());
        let difference =
            i64::try_from(difference).unwrap_or(if difference < 0 { i64::MIN } else { i64::MAX });
        let refused = model.refuses(failure.capacity, requester, requested);
        model.allocator.set_capacity(u64::MAX);
        examination.model = Some((self.agreement.clone(), AtFailure { difference, refused }));
        let proven = difference == 0 && refused;
        for course in self.others.iter_mut().filter(|course| course.least <= requested) {
            let (why, refuted_by_course) = if !proven {
                (doubt(difference), false)
            } else if let Some(time) = course.spoiled {
                (format!("with it a request would have failed at {time} already"), true)
            } else if course.refuses(failure.capacity, requester, requested) {
                let most = bytes(course.allocator.reserved_peak());
                (format!("with it the request would have failed too; it reserves {most} at most"), true)
            } else {
                let left = failure.capacity.saturating_sub(course.allocator.reserved());
                examination.fits.push(Remedy {
                    what: course.what.clone(),
                    bytes: left,
                    proof: Proof::Course,
                    keeps_what_lives: true,
                });
                continue;
            };
            examination.in_vain.push(InVain { what: course.what.clone(), why, refuted_by_course });
        }
        for what in &self.given_up {
            let why = "not tried: too many blocks were live for so many models".to_owned();
            examination.in_vain.push(InVain::new(what.as_str(), why));
        }
    }
}

/// Why nothing is claimed of the course.
fn doubt(difference: i64) -> String {
    if difference == 0 {
        return "not proved: the model with the recorded settings serves the request".to_owned();
    }
    let (sign, size) = (if difference > 0 { "more" } else { "less" }, difference.unsigned_abs());
    format!(
        "not proved: by then the model with the recorded settings has {} {sign} reserved than was recorded",
        bytes(size)
    )
}

impl Course {
    fn alloc(&mut self, time: Nanos, requester: Requester, address: u64, requested: u64) -> Option<u64> {
        self.free(address);
        let Some(id) = self.allocator.allocate(requester, requested) else {
            self.spoiled.get_or_insert(time);
            return None;
        };
        self.live.insert(address, id);
        Some(self.allocator.size(id))
    }

    fn free(&mut self, address: u64) {
        if let Some(id) = self.live.remove(&address) {
            self.allocator.free(id);
        }
    }

    /// Whether a request fails where so much can be reserved. If not, what it got is given back: the program went on without.
    fn refuses(&mut self, capacity: u64, requester: Requester, requested: u64) -> bool {
        self.allocator.set_capacity(capacity);
        match self.allocator.allocate(requester, requested) {
            Some(id) => {
                self.allocator.free(id);
                false
            }
            None => true,
        }
    }
}
