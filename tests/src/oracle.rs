//! Compares what programs know of themselves with the analyzer's report (as JSON).

use std::{collections::BTreeMap, fmt};

use serde_json::Value;

/// One figure, from both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// What it is of.
    pub what: String,
    /// What the program, or its driver, says.
    pub oracle: u64,
    /// What the report says; `None` if it says nothing.
    pub ours: Option<u64>,
    /// It is one of very many, such as those of each module.
    pub detail: bool,
}

impl Figure {
    /// Whether both sides agree.
    pub fn agrees(&self) -> bool {
        self.ours == Some(self.oracle)
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, oracle, ours, .. } = self;
        let ours = ours.map_or_else(|| "-".to_owned(), |ours| ours.to_string());
        let verdict = if self.agrees() { "same" } else { "DIFFERENT" };
        write!(f, "{what:<44} {oracle:>16} {ours:>16}  {verdict}")
    }
}

/// Which program's books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// `examples/diffusion --json`.
    Diffusion,
    /// `examples/cudarc`.
    Cudarc,
    /// `examples/c`.
    C,
}

impl Program {
    /// The program of this name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "diffusion" => Some(Self::Diffusion),
            "cudarc" => Some(Self::Cudarc),
            "c" => Some(Self::C),
            _ => None,
        }
    }

    /// All figures that the books and the report have in common.
    pub fn figures(self, books: &Value, report: &Value) -> Vec<Figure> {
        let mut figures = Figures { books, report, figures: Vec::new() };
        figures.add("events lost", 0, &report["trace"]["dropped"]["total"]);
        figures.add("damaged chunks", 0, &report["trace"]["damaged_chunks"]);
        match self {
            Self::Diffusion => figures.diffusion(),
            Self::Cudarc => figures.cudarc(),
            Self::C => figures.c(),
        }
        figures.figures
    }
}

struct Figures<'a> {
    books: &'a Value,
    report: &'a Value,
    figures: Vec<Figure>,
}

impl<'a> Figures<'a> {
    fn add(&mut self, what: impl Into<String>, oracle: u64, ours: &Value) {
        self.push(what.into(), oracle, ours.as_u64(), false);
    }

    fn push(&mut self, what: String, oracle: u64, ours: Option<u64>, detail: bool) {
        self.figures.push(Figure { what, oracle, ours, detail });
    }

    /// Figures under the same words on both sides: what, where in the books, where in the report.
    fn add_all(&mut self, places: &[(&str, &str, &str)]) {
        for (what, book, told) in places {
            let (books, report) = (self.books, self.report);
            self.add(*what, number(at(books, book)), at(report, told));
        }
    }

    fn cudarc(&mut self) {
        self.add_all(&[
            ("allocs", "/allocs", "/heaps/0/allocs"),
            ("frees", "/frees", "/heaps/0/frees"),
            ("out of memory", "/ooms", "/ooms_total"),
            ("peak allocated bytes", "/peak_allocated_bytes", "/heaps/0/peak/allocated_bytes"),
            ("allocated bytes at the end", "/final_allocated_bytes", "/heaps/0/end/allocated_bytes"),
            ("host to device, copies", "/host_to_device/count", "/transfers/by_direction/h2d/count"),
            ("host to device, bytes", "/host_to_device/bytes", "/transfers/by_direction/h2d/bytes"),
            ("device to host, copies", "/device_to_host/count", "/transfers/by_direction/d2h/count"),
            ("device to host, bytes", "/device_to_host/bytes", "/transfers/by_direction/d2h/bytes"),
            ("within the device, copies", "/within_device/count", "/transfers/by_direction/d2d/count"),
            ("within the device, bytes", "/within_device/bytes", "/transfers/by_direction/d2d/bytes"),
        ]);
        if let Some(high) = self.books["driver"]["pool_used_high_bytes"].as_u64() {
            let peak = at(self.report, "/heaps/0/peak/allocated_bytes");
            self.add("the driver's pool, most bytes in use", high, peak);
        }
    }

    fn c(&mut self) {
        self.add_all(&[
            ("allocs", "/allocs", "/heaps/0/allocs"),
            ("frees", "/frees", "/heaps/0/frees"),
            ("out of memory", "/ooms", "/ooms_total"),
            ("peak allocated bytes", "/peak_allocated_bytes", "/heaps/0/peak/allocated_bytes"),
            ("requested bytes at the peak", "/requested_at_peak_bytes", "/heaps/0/peak/requested_bytes"),
            ("allocated bytes at the end", "/final_allocated_bytes", "/heaps/0/end/allocated_bytes"),
            ("loads", "/loads", "/transfers/by_direction/h2d/count"),
            ("loaded bytes", "/loaded_bytes", "/transfers/by_direction/h2d/bytes"),
            ("evictions", "/evictions", "/transfers/by_direction/d2h/count"),
            ("evicted bytes", "/evicted_bytes", "/transfers/by_direction/d2h/bytes"),
            ("swaps", "/evictions", "/swaps/count"),
        ]);
        let forwards = list(&self.report["modules"]).map(|module| number(&module["forwards"])).sum();
        self.push("forwards".to_owned(), number(&self.books["forwards"]), Some(forwards), false);
    }

    fn diffusion(&mut self) {
        let (books, report) = (self.books, self.report);
        let offered = list(&books["threads"]).map(|thread| number(&thread["events"])).sum();
        self.add("events", offered, &report["trace"]["events"]);
        for book in list(&books["heaps"]) {
            self.heap(book);
        }
        for way in ["disk", "h2d", "d2h"] {
            let (count, bytes) = sum(list(&books["modules"]).map(|module| booked(module, way)));
            let told = &report["transfers"]["by_direction"][way];
            self.add(format!("transfers {way}"), count, &told["count"]);
            self.add(format!("transfers {way}, bytes"), bytes, &told["bytes"]);
        }
        self.add_all(&[
            ("swaps", "/swaps/count", "/swaps/count"),
            ("bytes swapped", "/swaps/bytes", "/swaps/bytes"),
        ]);
        // Modules of one name (a checkpoint that is loaded again) are one in the books.
        let by_path: BTreeMap<_, _> =
            list(&books["modules"]).map(|book| (text(&book["path"]), book)).collect();
        for (path, book) in by_path {
            self.module(path, book);
        }
    }

    fn heap(&mut self, book: &Value) {
        let name = text(&book["name"]);
        let Some(heap) = list(&self.report["heaps"]).find(|heap| text(&heap["name"]) == name) else {
            return self.push(format!("{name} in the report"), 1, None, false);
        };
        for (what, key, told) in [
            ("allocs", "allocs", "/allocs"),
            ("frees", "frees", "/frees"),
            ("peak allocated bytes", "peak_allocated_bytes", "/peak/allocated_bytes"),
            ("requested at the peak", "requested_at_peak_bytes", "/peak/requested_bytes"),
            ("reserved at the peak", "reserved_at_peak_bytes", "/peak/reserved_bytes"),
            ("peak reserved bytes", "peak_reserved_bytes", "/reserved_peak/bytes"),
            ("allocated at the end", "final_allocated_bytes", "/end/allocated_bytes"),
            ("requested at the end", "final_requested_bytes", "/end/requested_bytes"),
            ("reserved at the end", "final_reserved_bytes", "/end/reserved_bytes"),
        ] {
            // The report has no reserved bytes of a heap without segments, the books have none.
            let unsegmented = what.contains("reserved") && number(&book["segment_allocs"]) == 0;
            let ours = heap.pointer(told).and_then(Value::as_u64).or(unsegmented.then_some(0));
            self.push(format!("{name} {what}"), number(&book[key]), ours, false);
        }
        let owned = list(&heap["peak"]["by_module"]).map(|share| number(&share["bytes"])).sum();
        let peak = number(&book["peak_allocated_bytes"]);
        self.push(format!("{name} bytes of the peak with an owner"), peak, Some(owned), false);
        let failed = list(&self.report["ooms"]).filter(|oom| text(&oom["heap"]) == name).count() as u64;
        self.push(format!("{name} out of memory"), number(&book["ooms"]), Some(failed), false);
    }

    fn module(&mut self, path: &str, book: &Value) {
        let modules: Vec<_> =
            list(&self.report["modules"]).filter(|module| text(&module["name"]) == path).collect();
        let told = |key: &str| Some(modules.iter().map(|module| number(&module[key])).sum());
        let mut figures = vec![
            ("instances".to_owned(), number(&book["instances"]), Some(modules.len() as u64)),
            ("forwards".to_owned(), number(&book["forwards"]), told("forwards")),
            ("loads".to_owned(), number(&book["host_to_device"]["count"]), told("loads")),
            ("evictions".to_owned(), number(&book["device_to_host"]["count"]), told("evictions")),
        ];
        for way in ["disk", "h2d", "d2h"] {
            let moved = modules.iter().filter_map(|module| module["by_direction"].get(way));
            let (count, bytes) = sum(moved.map(|moved| (number(&moved["count"]), number(&moved["bytes"]))));
            let expected = booked(book, way);
            figures.push((format!("transfers {way}"), expected.0, Some(count)));
            figures.push((format!("transfers {way}, bytes"), expected.1, Some(bytes)));
        }
        for module in modules {
            figures.push(("bytes".to_owned(), number(&book["bytes"]), module["bytes"].as_u64()));
            let same = u64::from(module["fingerprint"] == book["fingerprint"]);
            figures.push(("fingerprints that agree".to_owned(), 1, Some(same)));
        }
        for (what, oracle, ours) in figures {
            self.push(format!("{path} {what}"), oracle, ours, true);
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
    sum(keys.iter().map(|key| (number(&module[key]["count"]), number(&module[key]["bytes"]))))
}

fn sum(pairs: impl Iterator<Item = (u64, u64)>) -> (u64, u64) {
    pairs.fold((0, 0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1))
}

/// The value at a place; null if there is none, which agrees with nothing.
fn at<'a>(value: &'a Value, place: &str) -> &'a Value {
    value.pointer(place).unwrap_or(&Value::Null)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A number of the books. They are this project's own, so one that is missing is a mistake in here.
fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is not a number"))
}
