//! Axes: where a value lies, where the ticks are, how numbers are written.

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use std::ops::Range;

/// What the numbers of an axis are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// How many: `950`, `12k`, `1.5M`.
    Count,
    /// Microseconds: `0.5 us`, `20 ms`, `3 s`.
    Micros,
    /// How many times: `0.8x`, `12x`.
    Ratio,
}

impl Unit {
    /// `value` for people, with three digits.
    pub fn text(self, value: f64) -> String {
        match self {
            Self::Count => scaled(value, &[(1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, "")]),
            Self::Micros => scaled(value, &[(1e6, " s"), (1e3, " ms"), (1.0, " us")]),
            Self::Ratio => format!("{}x", digits(value)),
        }
    }
}

/// An axis of values.
#[derive(Clone, Debug)]
pub struct Axis {
    /// What the values are.
    pub label: String,
    /// How they are written.
    pub unit: Unit,
    /// Whether equal factors take equal room; only values above 0 are shown then.
    pub log: bool,
}

/// An axis with its ends. Its places are the values, or their logarithms.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    log: bool,
    unit: Unit,
    pub(super) from: f64,
    pub(super) to: f64,
    ticks: Vec<f64>,
}

impl Scale {
    /// An axis on which all `values` have room that can be shown.
    pub(super) fn new(axis: &Axis, values: impl Iterator<Item = f64>) -> Self {
        let shown = values.filter(|value| shows(axis.log, *value));
        let (low, high) = shown.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        let (low, high) = if low > high { (1.0, 1.0) } else { (low, high) };
        let ticks = if axis.log { log_ticks(low, high) } else { linear_ticks(low, high) };
        let (from, to) = (ticks[0], ticks[ticks.len() - 1]);
        Self { log: axis.log, unit: axis.unit, from, to, ticks }
    }

    /// Where `value` lies, if it can be shown.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        shows(self.log, value).then(|| if self.log { value.log10() } else { value })
    }

    /// An axis of seconds that ends with the last of them.
    pub(super) fn of_seconds(seconds: impl Iterator<Item = f64> + Clone) -> Self {
        let axis = Axis { label: String::new(), unit: Unit::Count, log: false };
        let mut scale = Self::new(&axis, seconds.clone());
        let last = seconds.filter_map(|second| scale.place(second)).fold(0.0, f64::max);
        if last > scale.from {
            scale.to = last;
            scale.ticks.retain(|tick| *tick <= last);
        }
        scale
    }

    /// The same with more room behind its end, as a share of its length.
    pub(super) fn widened(&self, share: f64) -> Self {
        Self { to: self.to + share * (self.to - self.from), ..self.clone() }
    }

    /// What is written at `place`.
    fn label(&self, place: f64) -> String {
        self.unit.text(if self.log { 10_f64.powf(place) } else { place })
    }
}

/// As a drawing sees it: the places are even, and the ticks are ours.
impl Ranged for Scale {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    #[expect(clippy::cast_possible_truncation, reason = "pixels; the cast stops at the ends")]
    fn map(&self, place: &f64, limit: (i32, i32)) -> i32 {
        let share = (place - self.from) / (self.to - self.from);
        limit.0 + (f64::from(limit.1 - limit.0) * share).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.from..self.to
    }
}

impl ValueFormatter<f64> for Scale {
    fn format_ext(&self, place: &f64) -> String {
        self.label(*place)
    }
}

fn shows(log: bool, value: f64) -> bool {
    // Beyond these no clock and no counter goes, and within them no step rounds to nothing.
    value.is_finite() && value.abs() <= 1e18 && (!log || value >= 1e-9)
}

/// Five or so even steps from 0, or from below the least value if that is less, to above the most.
fn linear_ticks(low: f64, high: f64) -> Vec<f64> {
    let (low, high) = (low.min(0.0), high.max(0.0));
    let step = round_up(((high - low) / 5.0).max(1e-9));
    let (first, last) = ((low / step).floor(), (high / step).ceil().max(1.0));
    whole_numbers(first, last).map(|count| count * step).collect()
}

/// Logarithms of powers of ten, and of 2 and 5 times those where there is room.
fn log_ticks(low: f64, high: f64) -> Vec<f64> {
    let (first, last) = (round_down(low).log10(), round_up(high * 1.000_1).log10());
    let between = whole_numbers(first.floor(), last.ceil());
    let factors = if last - first <= 2.0 { &[1.0_f64, 2.0, 5.0][..] } else { &[1.0] };
    let mut ticks: Vec<_> = between
        .flat_map(|power| factors.iter().map(move |factor| power + factor.log10()))
        .filter(|tick| *tick > first + 1e-6 && *tick < last - 1e-6)
        .collect();
    ticks.insert(0, first);
    ticks.push(last);
    ticks
}

/// From `first` to `last`, both whole and near each other.
fn whole_numbers(first: f64, last: f64) -> impl Iterator<Item = f64> {
    std::iter::successors(Some(first), move |number| (number + 1.0 <= last).then_some(number + 1.0))
}

/// The next of 1, 2, 5, 10, .. that is not less.
fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .map(|factor| factor * power)
        .into_iter()
        .find(|round| *round >= value * 0.999_999)
        .unwrap_or(value)
}

/// The next of 1, 2, 5, 10, .. that is not more.
fn round_down(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    [5.0, 2.0, 1.0]
        .map(|factor| factor * power)
        .into_iter()
        .find(|round| *round <= value * 1.000_001)
        .unwrap_or(value)
}

/// `value` in the first of the units, from large to small, that leaves something before the point.
fn scaled(value: f64, units: &[(f64, &str)]) -> String {
    let fits = |unit: &&(f64, &str)| value.abs() >= unit.0 * 0.999_5;
    let Some((size, name)) = units.iter().find(fits).or(units.last()) else { return digits(value) };
    format!("{}{name}", digits(value / size))
}

/// Three digits or all before the point, no zeros at the end.
fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        small if small < 9.995 => 2,
        small if small < 99.95 => 1,
        _ => 0,
    };
    let text = format!("{value:.decimals$}");
    if decimals == 0 {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(unit: Unit, log: bool, values: &[f64]) -> String {
        let scale = Scale::new(&Axis { label: String::new(), unit, log }, values.iter().copied());
        assert!(scale.ticks.is_sorted() && scale.from < scale.to, "{scale:?}");
        for place in values.iter().filter_map(|value| scale.place(*value)) {
            assert!((scale.from..=scale.to).contains(&place), "{place} in {scale:?}");
        }
        let labels: Vec<_> = scale.ticks.iter().map(|tick| scale.label(*tick)).collect();
        labels.join(" ")
    }

    #[test]
    fn ticks_are_round_and_hold_all_values() {
        use Unit::{Count, Micros, Ratio};
        assert_eq!(ticks(Count, false, &[0.0, 93.0]), "0 20 40 60 80 100");
        assert_eq!(ticks(Count, false, &[310_000.0]), "0 100k 200k 300k 400k");
        assert_eq!(ticks(Count, false, &[]), "0 0.2 0.4 0.6 0.8 1");
        assert_eq!(ticks(Count, false, &[0.0, 0.0]), "0 0");
        assert_eq!(ticks(Ratio, true, &[0.7, 1.3]), "0.5x 1x 2x");
        assert_eq!(ticks(Ratio, true, &[1.0]), "1x 2x");
        assert_eq!(ticks(Micros, true, &[1.5, 30_000.0]), "1 us 10 us 100 us 1 ms 10 ms 50 ms");
        assert_eq!(ticks(Micros, true, &[]), "1 us 2 us");
    }

    #[test]
    fn time_ends_with_its_last_second() {
        let scale = Scale::of_seconds([0.5, 12.3].into_iter());
        assert_eq!((scale.from, scale.to), (0.0, 12.3));
        assert_eq!(scale.ticks, [0.0, 5.0, 10.0]);
        let none = Scale::of_seconds(std::iter::empty());
        assert_eq!((none.from, none.to), (0.0, 1.0));
    }

    #[test]
    fn what_cannot_be_shown_has_no_place() {
        let ticks = ticks(Unit::Count, true, &[0.0, -1.0, f64::NAN, f64::INFINITY, 1e300, 3.0]);
        assert_eq!(ticks, "2 5");
        let wide = [1e-300, -1e18, 1e18, f64::NEG_INFINITY];
        assert_eq!(self::ticks(Unit::Count, false, &wide).split(' ').count(), 5);
    }

    #[test]
    fn numbers_have_three_digits() {
        for (value, text) in [(0.0, "0"), (0.254, "0.25"), (9.999, "10"), (99.96, "100")] {
            assert_eq!(Unit::Count.text(value), text);
        }
        for (value, text) in [(999.7, "1k"), (1234.0, "1.23k"), (5.6e6, "5.6M"), (2e10, "20G")] {
            assert_eq!(Unit::Count.text(value), text);
        }
        assert_eq!(Unit::Micros.text(0.31), "0.31 us");
        assert_eq!(Unit::Micros.text(1_500_000.0), "1.5 s");
        assert_eq!(Unit::Ratio.text(12.345), "12.3x");
    }
}
