//! A file for speedscope: a profile for each heap, whose samples weigh bytes.

use std::io::{self, Write};

use hashbrown::HashMap;
use serde::Serialize;

use super::Live;

/// The schema of the file, by the name that it must have.
const SCHEMA: &str = "https://www.speedscope.app/file-format-schema.json";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct File<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    name: String,
    exporter: &'static str,
    active_profile_index: usize,
    shared: Shared<'a>,
    profiles: Vec<Profile>,
}

#[derive(Serialize)]
struct Shared<'a> {
    frames: Vec<Frame<'a>>,
}

#[derive(Serialize)]
struct Frame<'a> {
    name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    #[serde(rename = "type")]
    kind: &'static str,
    name: String,
    unit: &'static str,
    start_value: u64,
    end_value: u64,
    samples: Vec<Vec<usize>>,
    weights: Vec<u64>,
}

pub(super) fn write(live: &Live, out: impl Write) -> io::Result<()> {
    let mut frames = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut profiles = Vec::new();
    for (heap, paths) in &live.heaps {
        let mut samples = Vec::new();
        for path in paths.keys() {
            let sample = path.iter().map(|name| {
                *places.entry(name).or_insert_with(|| {
                    frames.push(Frame { name });
                    frames.len() - 1
                })
            });
            samples.push(sample.collect());
        }
        let weights: Vec<u64> = paths.values().copied().collect();
        profiles.push(Profile {
            kind: "sampled",
            name: heap.to_string(),
            unit: "bytes",
            start_value: 0,
            end_value: weights.iter().fold(0, |sum, weight| sum.saturating_add(*weight)),
            samples,
            weights,
        });
    }
    let file = File {
        schema: SCHEMA,
        name: format!("live at {}", live.time),
        exporter: concat!("memtrace ", env!("CARGO_PKG_VERSION")),
        active_profile_index: 0,
        shared: Shared { frames },
        profiles,
    };
    Ok(serde_json::to_writer(out, &file)?)
}
