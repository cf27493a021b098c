//! Times for people who read a page: in UTC, for a page without scripts cannot know where its reader is.

use chrono::DateTime;
use shared::clock::UnixSeconds;

/// Such as `15 January 2027, 08:00 UTC`.
pub(super) fn in_words(at: UnixSeconds) -> String {
    DateTime::from_timestamp(at, 0).map_or_else(String::new, |at| at.format("%-d %B %Y, %H:%M UTC").to_string())
}

#[cfg(test)]
mod tests {
    use super::in_words;

    #[test]
    fn a_time_is_a_date_and_an_hour() {
        assert_eq!(in_words(1_800_000_000), "15 January 2027, 08:00 UTC");
    }
}
