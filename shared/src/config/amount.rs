//! Amounts with units, and the bounds that a setting puts on them.

use super::value::{Given, Kind, SettingValue};
use std::fmt;
use std::time::Duration;

/// A length of time in whole seconds: `900`, `"900s"`, `"15m"`, `"12h"`, `"7d"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DurationSeconds(u32);

impl DurationSeconds {
    /// That many seconds.
    pub const fn new(seconds: u32) -> Self {
        Self(seconds)
    }

    /// The seconds, to add to a [`crate::clock::UnixSeconds`].
    pub const fn seconds(self) -> i64 {
        self.0 as i64
    }

    /// For timers.
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.0 as u64)
    }
}

impl fmt::Display for DurationSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0)
    }
}

impl SettingValue for DurationSeconds {
    const KIND: Kind = Kind::Number;
    const EXAMPLE: &'static str = "60";

    fn expected() -> String {
        "seconds as a whole number, or with a unit: \"90s\", \"15m\", \"12h\", \"7d\"".to_owned()
    }

    fn parse(given: &Given) -> Result<Self, String> {
        let text = given.scalar()?;
        let units = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];
        let seconds = amount(&text, &units).and_then(|seconds| u32::try_from(seconds).ok());
        seconds.map(Self).ok_or_else(|| format!("{text:?} is not a length of time"))
    }
}

/// A number of bytes: `65536`, `"64KiB"`, `"16MiB"`, `"1GiB"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

impl ByteSize {
    /// That many bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The bytes; more than fits into memory is as much as fits.
    pub fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0)
    }
}

impl SettingValue for ByteSize {
    const KIND: Kind = Kind::Number;
    const EXAMPLE: &'static str = "\"64KiB\"";

    fn expected() -> String {
        "bytes as a whole number, or with a unit: \"64KiB\", \"16MiB\", \"1GiB\"".to_owned()
    }

    fn parse(given: &Given) -> Result<Self, String> {
        let text = given.scalar()?;
        let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)];
        amount(&text, &units).map(Self).ok_or_else(|| format!("{text:?} is not a number of bytes"))
    }
}

fn amount(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start();
    let factor = if unit.is_empty() { 1 } else { units.iter().find(|(name, _)| *name == unit)?.1 };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// What a setting demands of its value beyond its type. A function `fn(&T) -> Result<(), String>` is one.
pub trait Check<T> {
    /// Refuses an unusable or weak value.
    ///
    /// # Errors
    /// What is wrong and what would be right, in words.
    fn check(&self, value: &T) -> Result<(), String>;

    /// The rule in a few words for the reference; empty where the comment says it.
    fn rule(&self) -> String {
        String::new()
    }
}

impl<T, F: Fn(&T) -> Result<(), String>> Check<T> for F {
    fn check(&self, value: &T) -> Result<(), String> {
        self(value)
    }
}

/// Bounds, both included; made by [`between`].
#[derive(Debug, Clone, Copy)]
pub struct Between {
    least: u64,
    most: u64,
}

/// From `least` to `most`, both included, in the unit of the value: seconds, bytes, or plain numbers.
pub const fn between(least: u64, most: u64) -> Between {
    Between { least, most }
}

/// A value that can be bounded.
pub trait Amount {
    /// The number to compare.
    fn amount(&self) -> u64;
    /// The unit after a number, with a leading space; empty for plain numbers.
    const UNIT: &'static str = "";
}

impl Amount for DurationSeconds {
    const UNIT: &'static str = " seconds";

    fn amount(&self) -> u64 {
        u64::from(self.0)
    }
}

impl Amount for ByteSize {
    const UNIT: &'static str = " bytes";

    fn amount(&self) -> u64 {
        self.0
    }
}

impl Amount for u64 {
    fn amount(&self) -> u64 {
        *self
    }
}

impl Amount for u32 {
    fn amount(&self) -> u64 {
        u64::from(*self)
    }
}

impl<T: Amount> Check<T> for Between {
    fn check(&self, value: &T) -> Result<(), String> {
        let amount = value.amount();
        if (self.least..=self.most).contains(&amount) {
            return Ok(());
        }
        Err(format!("{amount}{} is out of bounds: {}", T::UNIT, Check::<T>::rule(self)))
    }

    fn rule(&self) -> String {
        format!("from {} to {}{}", self.least, self.most, T::UNIT)
    }
}

#[cfg(test)]
mod tests {
    use super::{ByteSize, Check as _, DurationSeconds, between};
    use crate::config::value::{Given, SettingValue as _};

    fn duration(text: &str) -> Result<i64, String> {
        DurationSeconds::parse(&Given::Text(text.to_owned())).map(DurationSeconds::seconds)
    }

    #[test]
    fn durations_have_units() {
        let cases = [("0", 0), ("900", 900), ("90s", 90), ("15m", 900), ("12 h", 43_200), ("7d", 604_800)];
        for (text, seconds) in cases {
            assert_eq!(duration(text), Ok(seconds), "{text}");
        }
        for text in ["", "m", "-1", "1.5h", "1h30m", "15min", "1 000", "99999999999999999999", "100000d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [("1", 1), ("64KiB", 65_536), ("16 MiB", 16 << 20), ("1GiB", 1 << 30), ("7B", 7)] {
            assert_eq!(ByteSize::parse(&Given::Text(text.to_owned())).unwrap().bytes(), bytes, "{text}");
        }
        for text in ["64K", "64kb", "1MB", "99999999999GiB"] {
            assert!(ByteSize::parse(&Given::Text(text.to_owned())).is_err(), "{text}");
        }
    }

    #[test]
    fn bounds_are_both_included_and_say_the_unit() {
        let bounds = between(60, 900);
        assert!(bounds.check(&DurationSeconds::new(60)).is_ok() && bounds.check(&DurationSeconds::new(900)).is_ok());
        let refused = bounds.check(&DurationSeconds::new(901)).unwrap_err();
        assert_eq!(refused, "901 seconds is out of bounds: from 60 to 900 seconds");
        assert!(bounds.check(&59_u64).is_err());
    }
}
