//! What an imported recording says of PyTorch's allocator: its settings, of which most are as they always are.

use memtrace_format::well_known::ALLOCATOR_SETTING;

use super::Mark;
use crate::Text;

/// The settings that differ from PyTorch's defaults, in a line; none if no setting is recorded.
pub fn allocator_settings(marks: &[Mark]) -> Option<Text> {
    let setting = |mark: &Mark| {
        let (name, value) = mark.name.recorded().strip_prefix(ALLOCATOR_SETTING)?.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    };
    let settings: Vec<(String, String)> = marks.iter().filter_map(setting).collect();
    if settings.is_empty() {
        return None;
    }
    let differ: Vec<String> = settings
        .iter()
        .filter(|(name, value)| !is_default(name, value))
        .map(|(name, value)| format!("{name}={}", told(value)))
        .collect();
    Some(Text::new(if differ.is_empty() { "PyTorch's defaults".to_owned() } else { differ.join(", ") }))
}

fn is_default(name: &str, value: &str) -> bool {
    // Every other number counts something that is off.
    if name == "pinned_num_register_threads" {
        return value == "1";
    }
    let is_off = |value: &str| matches!(value, "" | "0" | "-1" | "false" | "none" | "{}");
    is_off(value) || entries(value).is_some_and(|mut entries| entries.all(|(_, value)| is_off(value)))
}

/// A dict's entries that are not zero.
fn told(value: &str) -> String {
    let Some(entries) = entries(value) else { return value.to_owned() };
    let entries: Vec<_> = entries.filter(|(_, value)| *value != "0").collect();
    match &entries[..] {
        // One value for every size.
        [(_, first), others @ ..] if others.len() > 1 && others.iter().all(|(_, value)| value == first) => {
            (*first).to_owned()
        }
        entries => entries.iter().map(|(key, value)| format!("{key}:{value}")).collect::<Vec<_>>().join(","),
    }
}

fn entries(value: &str) -> Option<impl Iterator<Item = (&str, &str)>> {
    let inside = value.strip_prefix('{')?.strip_suffix('}')?;
    Some(inside.split(',').filter_map(|entry| entry.rsplit_once(':')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Nanos;

    fn line(settings: &[&str]) -> Option<String> {
        let mark = |text: &&str| Mark {
            name: Text::new(format!("{ALLOCATOR_SETTING}{text}")),
            count: 1,
            first_ns: Nanos(0),
            last_ns: Nanos(0),
        };
        let marks: Vec<Mark> = settings.iter().map(mark).collect();
        allocator_settings(&marks).map(|line| line.to_string())
    }

    #[test]
    fn only_what_differs_from_the_defaults_is_told() {
        let defaults = [
            "PYTORCH_CUDA_ALLOC_CONF=",
            "max_split_size=-1",
            "garbage_collection_threshold=0",
            "expandable_segments=false",
            "pinned_num_register_threads=1",
            "roundup_power2_divisions={1:0,2:0,4:0}",
        ];
        assert_eq!(line(&defaults).as_deref(), Some("PyTorch's defaults"));
        assert_eq!(line(&[]), None);
        let others = [
            "max_split_size=134217728",
            "expandable_segments=true",
            "roundup_power2_divisions={1:0,2:8,4:4}",
        ];
        assert_eq!(
            line(&[&defaults[..], &others[..]].concat()).as_deref(),
            Some("max_split_size=134217728, expandable_segments=true, roundup_power2_divisions=2:8,4:4")
        );
        assert_eq!(
            line(&["roundup_power2_divisions={1:8,2:8,4:8}"]).as_deref(),
            Some("roundup_power2_divisions=8")
        );
    }
}
