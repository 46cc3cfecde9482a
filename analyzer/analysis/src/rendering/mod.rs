//! Findings as people and programs read them: text, JSON and Markdown. It shows what the report has and computes nothing.

mod check;
mod diff;
mod healthy;
mod json;
mod markdown;
mod processes;
mod snapshots_diff;
mod text;

pub use check::CheckText;
pub use diff::DiffText;
pub use healthy::Healthy;
pub use json::{write_json, write_json_line};
pub use markdown::Markdown;
pub use processes::ProcessesText;
pub use snapshots_diff::SnapshotsDiffText;
pub use text::{InfoText, ReportText, StateText};
pub(crate) use text::{age_words, block_table, filter_words, range_words, size_words, stack_lines};
