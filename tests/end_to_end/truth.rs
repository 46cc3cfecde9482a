use std::{collections::BTreeMap, ffi::OsString};

use memtrace_analyzer::report::Report;
use serde_json::Value;

use crate::programs;

/// Every tier of both models, alone and with streams that share the device.
#[test]
fn every_tier_is_told_as_its_own_books_tell_it() {
    for model in ["sd15", "sdxl"] {
        for tier in ["none", "medvram", "medvram-sdxl", "lowvram"] {
            for threads in ["1", "3"] {
                let run = Run::of(&["--model", model, "--tier", tier, "--threads", threads, "--steps", "3"]);
                run.assert_told();
            }
        }
    }
}

/// Images come in as well as out, several at a time, of another shape.
#[test]
fn encode_and_batches_are_told() {
    Run::of(&["--tier", "lowvram", "--from-image", "--batch", "2", "--width", "768", "--steps", "2"])
        .assert_told();
}

/// Checkpoints that come and go, and what stays behind when something keeps them.
#[test]
fn switches_and_the_leak_are_told() {
    let switches = ["--tier", "medvram", "--checkpoints", "2", "--switches", "4", "--steps", "2"];
    let sound = Run::of(&switches);
    sound.assert_told();
    let leaking = Run::of(&[&switches[..], &["--leak"]].concat());
    leaking.assert_told();
    let left = |run: &Run| run.book_of_heap("device:0")["final_allocated_bytes"].as_u64().unwrap();
    assert_eq!(left(&sound), 0);
    assert!(left(&leaking) > 0, "the leak leaves something behind");
}

/// A device that is too small: requests fail, jobs are given up, and the books still agree.
#[test]
fn running_out_of_memory_is_told() {
    let run =
        Run::of(&["--tier", "lowvram", "--capacity", "2MiB", "--jobs", "3", "--keep-going", "--steps", "2"]);
    run.assert_told();
    let failed = run.book_of_heap("device:0")["ooms"].as_u64().unwrap();
    assert!(failed > 0, "the capacity is too small for this run");
    assert_eq!(run.report.ooms_total, failed);
    assert_eq!(run.report.ooms.len() as u64, failed);
    assert!(run.report.ooms.iter().all(|oom| oom.heap.recorded() == "device:0" && oom.requested_bytes.0 > 0));
}

/// A recorded run of the engine: what it says itself, and what the analyzer says.
pub(crate) struct Run {
    arguments: String,
    pub(crate) books: Value,
    pub(crate) report: Report,
}

impl Run {
    /// On host memory.
    pub(crate) fn of(arguments: &[&str]) -> Self {
        Self::with(&[&["--device", "host"], arguments].concat(), &[])
    }

    pub(crate) fn with(arguments: &[&str], environment: &[(String, OsString)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let trace = folder.path().join("run.trace");
        let books = programs::run_diffusion(&trace, arguments, environment);
        let report = memtrace_analyzer::analyze(&trace).unwrap().report;
        Self { arguments: arguments.join(" "), books, report }
    }

    pub(crate) fn assert_told(&self) {
        self.assert_whole();
        for book in self.books["heaps"].as_array().unwrap() {
            self.assert_heap(book);
        }
        self.assert_transfers();
        for book in modules_by_name(&self.books).values() {
            self.assert_module(book);
        }
        assert_eq!(self.report.swaps.count, number(&self.books["swaps"]["count"]), "{}", self.arguments);
        assert_eq!(self.report.swaps.bytes.0, number(&self.books["swaps"]["bytes"]), "{}", self.arguments);
    }

    fn assert_whole(&self) {
        let trace = &self.report.trace;
        assert_eq!(trace.dropped.total, 0, "{}", self.arguments);
        assert_eq!(trace.damaged_chunks, 0, "{}", self.arguments);
        let offered: u64 =
            self.books["threads"].as_array().unwrap().iter().map(|t| number(&t["events"])).sum();
        assert_eq!(trace.events, offered, "{}", self.arguments);
    }

    pub(crate) fn book_of_heap(&self, name: &str) -> &Value {
        self.books["heaps"].as_array().unwrap().iter().find(|heap| heap["name"] == name).unwrap()
    }

    fn assert_heap(&self, book: &Value) {
        let name = book["name"].as_str().unwrap();
        let heap = self.report.heaps.iter().find(|heap| heap.name.recorded() == name).unwrap();
        let figures = &heap.peak.figures;
        let segmented = number(&book["segment_allocs"]) > 0;
        let reserved = |bytes: Option<memtrace_format::Bytes>| bytes.map_or(0, |bytes| bytes.0);
        for (key, found) in [
            ("allocs", heap.allocs),
            ("frees", heap.frees),
            ("peak_allocated_bytes", figures.allocated_bytes.0),
            ("requested_at_peak_bytes", figures.requested_bytes.0),
            ("reserved_at_peak_bytes", reserved(figures.reserved_bytes)),
            ("peak_reserved_bytes", reserved(heap.reserved_peak.map(|peak| peak.bytes))),
            ("final_allocated_bytes", heap.end.allocated_bytes.0),
            ("final_requested_bytes", heap.end.requested_bytes.0),
            ("final_reserved_bytes", reserved(heap.end.reserved_bytes)),
        ] {
            assert_eq!(found, number(&book[key]), "{key} of {name}: {}", self.arguments);
        }
        assert_eq!(heap.reserved_peak.is_some(), segmented, "{name}: {}", self.arguments);
        let owned: u64 = heap.peak.by_module.iter().map(|share| share.bytes.0).sum();
        assert_eq!(
            owned, figures.allocated_bytes.0,
            "every byte of the peak has an owner: {}",
            self.arguments
        );
    }

    fn assert_transfers(&self) {
        let directions = &self.report.transfers.by_direction;
        for (way, found) in [("disk", &directions.disk), ("h2d", &directions.h2d), ("d2h", &directions.d2h)] {
            let books = self.books["modules"].as_array().unwrap().iter().map(|module| booked(module, way));
            let expected = books.fold((0, 0), |sum, moved| (sum.0 + moved.0, sum.1 + moved.1));
            assert_eq!((found.count, found.bytes.0), expected, "{way}: {}", self.arguments);
        }
    }

    /// Modules of one name (a checkpoint that is loaded again) are one in the books.
    fn assert_module(&self, book: &Value) {
        let path = book["path"].as_str().unwrap();
        let modules: Vec<_> =
            self.report.modules.iter().filter(|module| module.name.recorded() == path).collect();
        assert_eq!(modules.len() as u64, number(&book["instances"]), "{path}: {}", self.arguments);
        let sum = |figure: fn(&memtrace_analyzer::report::Module) -> u64| -> u64 {
            modules.iter().map(|module| figure(module)).sum()
        };
        for (what, found, expected) in [
            ("forwards", sum(|module| module.forwards), number(&book["forwards"])),
            ("loads", sum(|module| module.loads), number(&book["host_to_device"]["count"])),
            ("evictions", sum(|module| module.evictions), number(&book["device_to_host"]["count"])),
        ] {
            assert_eq!(found, expected, "{what} of {path}: {}", self.arguments);
        }
        for way in ["disk", "h2d", "d2h"] {
            let moved = modules.iter().filter_map(|module| module.by_direction.get(way));
            let found =
                moved.fold((0, 0), |(count, bytes), moved| (count + moved.count, bytes + moved.bytes.0));
            assert_eq!(found, booked(book, way), "{way} of {path}: {}", self.arguments);
        }
        for module in modules {
            assert_eq!(module.bytes.map(|bytes| bytes.0), book["bytes"].as_u64(), "{path}");
            assert_eq!(module.fingerprint.as_deref(), book["fingerprint"].as_str(), "{path}");
        }
    }
}

/// Transfers of a module one way, by the books: how many, how much. What is dropped goes back to disk, and nothing moves.
fn booked(module: &Value, way: &str) -> (u64, u64) {
    let keys: &[&str] = match way {
        "disk" => &["disk_to_host", "host_to_disk"],
        "h2d" => &["host_to_device"],
        _ => &["device_to_host"],
    };
    let moves = keys.iter().map(|key| &module[key]);
    moves.fold((0, 0), |sum, moved| (sum.0 + number(&moved["count"]), sum.1 + number(&moved["bytes"])))
}

fn modules_by_name(books: &Value) -> BTreeMap<String, &Value> {
    let modules = books["modules"].as_array().unwrap().iter();
    modules.map(|module| (module["path"].as_str().unwrap().to_owned(), module)).collect()
}

pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is not a number"))
}
