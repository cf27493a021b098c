//! Times as people write and read them.

use super::CommandError;
use chrono::{DateTime, NaiveDate, SecondsFormat};
use shared::{
    clock::UnixSeconds,
    config::{DurationSeconds, Given, SettingValue as _},
};

/// A date, an RFC 3339 time, or so long before `now`.
///
/// # Errors
/// It is none of them; the text shows one of each.
pub(super) fn read(text: &str, now: UnixSeconds) -> Result<UnixSeconds, CommandError> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.timestamp());
    }
    if let Some(midnight) = text.parse::<NaiveDate>().ok().and_then(|date| date.and_hms_opt(0, 0, 0)) {
        return Ok(midnight.and_utc().timestamp());
    }
    let ago = DurationSeconds::parse(&Given::Text(text.to_owned())).map(|ago| now - ago.seconds());
    ago.map_err(|_| {
        let example = rfc3339(now);
        let date = example.split('T').next().unwrap_or(&example);
        CommandError::refused(format!(
            "{text:?} is no date, no RFC 3339 time and no length of time; write {date}, {example} or 24h"
        ))
    })
}

/// RFC 3339 in UTC.
pub(super) fn rfc3339(at: UnixSeconds) -> String {
    DateTime::from_timestamp(at, 0).map_or_else(|| at.to_string(), |at| at.to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// What stands in tables for people: RFC 3339, and the unix seconds that JSON has.
pub(super) fn both(at: UnixSeconds) -> String {
    format!("{} ({at})", rfc3339(at))
}

#[cfg(test)]
mod tests {
    use super::{both, read, rfc3339};

    #[test]
    fn times_are_dates_times_or_ago() {
        let read = |text| read(text, 1_800_000_000).map_err(|error| error.to_string());
        assert_eq!(read("2027-01-15"), Ok(1_799_971_200));
        assert_eq!(read("2027-01-15T08:00:00+00:00"), Ok(1_800_000_000));
        assert_eq!(read("2027-01-15T09:00:00+01:00"), Ok(1_800_000_000));
        assert_eq!(read("24h"), Ok(1_800_000_000 - 86_400));
        for wrong in ["", "yesterday", "2027-02-30", "-1h"] {
            let told = read(wrong).expect_err(wrong);
            assert!(told.ends_with("write 2027-01-15, 2027-01-15T08:00:00Z or 24h"), "{told}");
        }
        assert_eq!(rfc3339(1_800_000_000), "2027-01-15T08:00:00Z");
        assert_eq!(both(1_800_000_000), "2027-01-15T08:00:00Z (1800000000)");
    }
}
