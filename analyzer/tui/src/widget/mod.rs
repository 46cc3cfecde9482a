//! Pieces of a screen that know nothing of traces.

mod bar;
mod dots;
mod fit;
mod number;
mod section;
mod spark;

pub(crate) use bar::bar;
pub(crate) use dots::Dots;
pub(crate) use fit::{fit, fit_middle, fit_name, fit_names, fit_tail, put, width, wrap};
pub(crate) use number::{count, percent, plural};
pub(crate) use section::{Section, height, render};
pub(crate) use spark::{spark, spark_ends};
