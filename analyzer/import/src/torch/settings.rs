//! The allocator's settings, as marks that say `allocator_settings.max_split_size=-1`.

use memtrace_analysis::allocator_model::SETTING;

use super::keys::ALLOCATOR_SETTINGS;
use super::schema::Dict;
use crate::pickle::{Arena, Value, View};

/// The most characters of a value: what a reader makes of settings is short.
const SHOWN: usize = 1_000;

/// The texts of all settings.
pub(super) fn texts(root: Option<Dict<'_>>) -> Vec<String> {
    let Some(root) = root else { return Vec::new() };
    let Some(View::Dict(settings)) = root.view(ALLOCATOR_SETTINGS) else { return Vec::new() };
    let arena = root.arena;
    let text = |(key, value)| format!("{SETTING}{}={}", text(arena, key), nested(arena, value));
    arena.entries(settings).map(text).collect()
}

/// A value; a dict's entries are shown, those of dicts in it are not.
fn nested(arena: &Arena, value: Value) -> String {
    let View::Dict(dict) = arena.view(value) else { return text(arena, value) };
    let entries: Vec<String> = arena
        .entries(dict)
        .map(|(key, value)| format!("{}:{}", text(arena, key), text(arena, value)))
        .collect();
    format!("{{{}}}", entries.join(","))
}

fn text(arena: &Arena, value: Value) -> String {
    match arena.view(value) {
        View::None => "none".to_owned(),
        View::Bool(truth) => truth.to_string(),
        View::Integer(number) => number.to_string(),
        View::Large(number) => number.to_string(),
        View::Float(number) => number.to_string(),
        View::String(id) => String::from_utf8_lossy(arena.string(id)).chars().take(SHOWN).collect(),
        View::List(_) | View::Tuple(_) | View::Dict(_) => "…".to_owned(),
    }
}
