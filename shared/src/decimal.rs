//! Numbers as text, for what every request writes: the machinery of `Display` costs several times as much.

/// The digits of `u64::MAX`.
const MOST_DIGITS: usize = 20;

/// A number in decimal.
pub(crate) struct Decimal {
    digits: [u8; MOST_DIGITS],
    from: usize,
}

impl Decimal {
    /// The digits of `number`.
    pub(crate) fn of(mut number: u64) -> Self {
        let (mut digits, mut from) = ([b'0'; MOST_DIGITS], MOST_DIGITS);
        loop {
            from -= 1;
            digits[from] += u8::try_from(number % 10).unwrap_or_default();
            number /= 10;
            if number == 0 {
                return Self { digits, from };
            }
        }
    }

    /// As text.
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// As ASCII.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.digits[self.from..]
    }
}

#[cfg(test)]
mod tests {
    use super::Decimal;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_what_display_says(number: u64, small in 0..1_000_u64) {
            for number in [number, small, 0, u64::MAX] {
                let decimal = Decimal::of(number);
                prop_assert_eq!(decimal.as_str(), number.to_string());
            }
        }
    }
}
