//! Measurements of one thing, a value a round, and their statistics.

/// Values of one thing, one for each round.
#[derive(Clone, Debug)]
pub struct Samples {
    /// What was measured.
    pub name: String,
    /// Its value in each round.
    pub values: Vec<f64>,
}

/// A median and its 95% confidence interval.
#[derive(Clone, Copy, Debug)]
pub struct Interval {
    /// The median.
    pub median: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Samples {
    /// No values yet.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), values: Vec::new() }
    }

    /// The same values under another name.
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// Takes the values of later rounds over.
    pub fn extend(&mut self, later: Self) {
        self.values.extend(later.values);
    }

    /// The median of the values.
    pub fn interval(&self) -> Interval {
        Interval::of(self.values.clone())
    }

    /// The value that the fraction `part` of all values does not exceed.
    pub fn quantile(&self, part: f64) -> f64 {
        let mut values = self.values.clone();
        values.sort_by(f64::total_cmp);
        values[((values.len() - 1) as f64 * part).round() as usize]
    }

    /// The median of the rounds' ratios to another thing.
    pub fn ratio_to(&self, other: &Self) -> Interval {
        Interval::of(self.zip(other, |mine, its| mine / its).values)
    }

    /// What this is above another thing, round by round.
    pub fn above(&self, other: &Self) -> Self {
        self.zip(other, |mine, its| mine - its)
    }

    /// This, `factor` times as large.
    pub fn times(&self, factor: f64) -> Self {
        Self { values: self.values.iter().map(|value| value * factor).collect(), ..self.clone() }
    }

    /// Both things' values of each round, taken together. Rounds that only one of them has are left out.
    pub fn zip(&self, other: &Self, together: impl Fn(f64, f64) -> f64) -> Self {
        let pairs = self.values.iter().zip(&other.values);
        Self { name: self.name.clone(), values: pairs.map(|(&mine, &its)| together(mine, its)).collect() }
    }
}

impl Interval {
    /// The median of at least one value. The interval is that of the sign test: it assumes nothing of how the values are
    /// distributed. With fewer than six values it is the range of all of them, and less certain.
    fn of(mut values: Vec<f64>) -> Self {
        assert!(!values.is_empty(), "a median is of something");
        values.sort_by(f64::total_cmp);
        let count = values.len() as f64;
        // Of n values, the number below the true median is binomial: n/2 on average, with a deviation of √n/2.
        let rank = (count / 2.0 - 1.96 * count.sqrt() / 2.0).floor().max(0.0) as usize;
        let last = values.len() - 1;
        Self {
            median: (values[last / 2] + values[values.len() / 2]) / 2.0,
            low: values[rank],
            high: values[last - rank],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_ratios_is_that_of_pairs() {
        let of = |values: &[f64]| Samples { name: String::new(), values: values.to_vec() };
        let ratio = of(&[2.0, 40.0, 600.0]).ratio_to(&of(&[1.0, 20.0, 200.0]));
        assert_eq!((ratio.low, ratio.median, ratio.high), (2.0, 2.0, 3.0));
    }

    #[test]
    fn the_interval_of_a_hundred_values_leaves_forty_out_on_each_side() {
        let interval = Interval::of((1..=100).map(f64::from).collect());
        assert_eq!((interval.low, interval.median, interval.high), (41.0, 50.5, 60.0));
    }
}
