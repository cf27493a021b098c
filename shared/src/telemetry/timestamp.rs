//! When a line was written. The date is worked out once a second; only the microseconds differ from line to line.

use crate::clock::unix_nanoseconds;
use std::fmt::Write as _;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};

/// `2026-11-26T10:34:49.`, which the microseconds and a `Z` follow.
const SECOND_CHARACTERS: usize = 20;

/// The second of the line before.
#[derive(Default)]
pub(super) struct Timestamp {
    unix_seconds: u64,
    text: String,
}

impl Timestamp {
    /// Appends the time of now.
    pub(super) fn write_now(&mut self, line: &mut String) {
        self.write(unix_nanoseconds(), line, |line| {
            let _ = SystemTime.format_time(&mut Writer::new(line));
        });
    }

    /// `work_out` appends the time of now, too, perhaps of the next second.
    fn write(&mut self, unix_nanoseconds: u64, line: &mut String, work_out: impl FnOnce(&mut String)) {
        let (seconds, nanoseconds) = (unix_nanoseconds / 1_000_000_000, unix_nanoseconds % 1_000_000_000);
        if self.unix_seconds == seconds && self.text.len() == SECOND_CHARACTERS {
            line.push_str(&self.text);
            let _ = write!(line, "{:06}Z", nanoseconds / 1_000);
            return;
        }
        let from = line.len();
        work_out(line);
        self.text.clear();
        self.text.extend(line.get(from..from + SECOND_CHARACTERS));
        let is_same = self.text.get(17..19).and_then(|text| text.parse().ok()) == Some(seconds % 60);
        self.unix_seconds = if is_same { seconds } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    /// 2026-11-26T10:34:49Z.
    const SECONDS: u64 = 1_795_689_289;

    #[test]
    fn remembers_a_second_and_no_other() {
        let mut timestamp = Timestamp::default();
        let mut write = |seconds: u64, microseconds: u64, worked_out: &str| {
            let mut line = "{".to_owned();
            let now = seconds * 1_000_000_000 + microseconds * 1_000;
            timestamp.write(now, &mut line, |line| line.push_str(worked_out));
            line
        };
        assert_eq!(write(SECONDS, 7, "2026-11-26T10:34:49.000008Z"), "{2026-11-26T10:34:49.000008Z");
        assert_eq!(write(SECONDS, 9, "not asked"), "{2026-11-26T10:34:49.000009Z");
        assert_eq!(write(SECONDS, 999_999, "not asked"), "{2026-11-26T10:34:49.999999Z");
        let next = "2026-11-26T10:34:51.000000Z";
        assert_eq!(write(SECONDS + 1, 999_999, next), format!("{{{next}"), "the second turned meanwhile");
        assert_eq!(write(SECONDS + 1, 999_999, next), format!("{{{next}"), "and is not taken for the one before");
        assert_eq!(write(SECONDS + 2, 0, next), format!("{{{next}"));
        assert_eq!(write(SECONDS + 2, 1, "not asked"), "{2026-11-26T10:34:51.000001Z");
    }
}
