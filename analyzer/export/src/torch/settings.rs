//! The allocator's settings, out of the marks that an import makes of them.

use std::io::{self, Write};

use memtrace_analysis::allocator_model::SETTING;

use super::pickle::{Item, Pickle, Remembered};

/// The most settings; PyTorch has some twenty.
const MOST: usize = 256;

/// Settings with their values, as an import writes them.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings(Vec<(String, String)>);

impl Settings {
    /// Takes a mark's name, if it is a setting.
    pub(super) fn add(&mut self, text: &str) {
        let setting = text.strip_prefix(SETTING).and_then(|setting| setting.split_once('='));
        if let Some((key, value)) = setting.filter(|_| self.0.len() < MOST) {
            self.0.push((key.to_owned(), value.to_owned()));
        }
    }

    pub(super) fn write<W: Write>(&self, pickle: &mut Pickle<W>) -> io::Result<Remembered> {
        let mut entries = Vec::new();
        for (key, value) in &self.0 {
            let nested = value.strip_prefix('{').and_then(|value| value.strip_suffix('}'));
            let item = match nested {
                None => item(value),
                Some(nested) => {
                    let pairs = nested.split(',').filter_map(|pair| pair.split_once(':'));
                    let pairs: Vec<_> = pairs.map(|(key, value)| (key, item(value))).collect();
                    Item::Remembered(pickle.dict_of_texts(&pairs)?)
                }
            };
            entries.push((key.as_str(), item));
        }
        pickle.dict_of_texts(&entries)
    }
}

fn item(value: &str) -> Item<'_> {
    match value {
        "none" => return Item::None,
        "true" => return Item::Bool(true),
        "false" => return Item::Bool(false),
        _ => {}
    }
    if let Ok(number) = value.parse() {
        return Item::Signed(number);
    }
    if let Ok(number) = value.parse() {
        return Item::Number(number);
    }
    value.parse().map_or(Item::Text(value), Item::Float)
}
