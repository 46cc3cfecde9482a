//! The factor between the real models' sizes and this run's.

use std::fmt;
use std::str::FromStr;

use crate::quantity::Bytes;

/// A factor above 0 and at most 1 that weights and activations alike are multiplied with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale(f64);

impl Scale {
    /// A real size, scaled; never nothing, and even, as two-byte floats are.
    pub(crate) fn of(self, real: Bytes) -> Bytes {
        Bytes(((real.0 as f64 * self.0 / 2.0) as u64).max(1) * 2)
    }
}

impl FromStr for Scale {
    type Err = String;

    /// Reads `1/32` and `0.03125`.
    fn from_str(text: &str) -> Result<Scale, String> {
        let number = |text: &str| text.trim().parse::<f64>().ok();
        let factor = match text.split_once('/') {
            Some((above, below)) => number(above).zip(number(below)).map(|(a, b)| a / b),
            None => number(text),
        };
        match factor {
            Some(factor) if factor > 0.0 && factor <= 1.0 => Ok(Scale(factor)),
            _ => Err(format!("'{text}' is not a factor above 0 and up to 1; try 1/32 or 0.05")),
        }
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let below = 1.0 / self.0;
        if self.0 < 1.0 && below.fract() == 0.0 {
            f.pad(&format!("1/{below}"))
        } else {
            f.pad(&self.0.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_read_as_fractions_and_decimals() {
        assert_eq!("1/32".parse::<Scale>(), "0.03125".parse());
        assert_eq!("1/32".parse::<Scale>().unwrap().to_string(), "1/32");
        for text in ["0", "2", "-1", "1/0", "x", "nan", "1/2/3"] {
            assert!(text.parse::<Scale>().is_err(), "{text}");
        }
    }

    #[test]
    fn nothing_is_scaled_away() {
        assert_eq!("1/64".parse::<Scale>().unwrap().of(Bytes(3)), Bytes(2));
    }
}
