//! Reading single claims of a verified payload.

use super::{JwtRefusal, Members};
use crate::clock::UnixSeconds;
use serde_json::Value;

/// Later times are no times: the year 9999 ends here.
const NUMERIC_DATE_MAX: UnixSeconds = 253_402_300_799;

/// A claim that must be one string.
pub(super) fn text<'a>(payload: &'a Members, name: &'static str) -> Result<&'a str, JwtRefusal> {
    payload.get(name).and_then(Value::as_str).ok_or(JwtRefusal::Claim(name))
}

/// A NumericDate (RFC 7519 §2), absent or right; a fraction of a second is cut off.
///
/// # Errors
/// [`JwtRefusal::Claim`] when it is no number, before 1970 or after the year 9999.
pub fn time_claim(payload: &Members, name: &'static str) -> Result<Option<UnixSeconds>, JwtRefusal> {
    let Some(value) = payload.get(name) else { return Ok(None) };
    let whole = value.as_i64().or_else(|| whole_seconds(value.as_f64()?));
    whole.filter(|time| (0..=NUMERIC_DATE_MAX).contains(time)).map(Some).ok_or(JwtRefusal::Claim(name))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "cutting off the fraction is the purpose, and the range is checked before"
)]
#[expect(clippy::cast_precision_loss, reason = "the limit is far below 2^53")]
fn whole_seconds(time: f64) -> Option<UnixSeconds> {
    (0.0..=NUMERIC_DATE_MAX as f64).contains(&time).then_some(time as UnixSeconds)
}

#[cfg(test)]
mod tests {
    use super::{JwtRefusal, Members, time_claim};
    use serde_json::json;

    #[test]
    fn times_may_be_fractions_but_not_text_or_nonsense() {
        let read = |value: serde_json::Value| {
            let payload = json!({"exp": value}).to_string();
            time_claim(&Members::parse(payload.as_bytes()).expect("members"), "exp")
        };
        assert_eq!(read(json!(12)), Ok(Some(12)));
        assert_eq!(read(json!(12.9)), Ok(Some(12)));
        assert_eq!(read(json!(1.2e9)), Ok(Some(1_200_000_000)));
        for bad in [json!(null), json!("12"), json!(-1), json!(-0.5), json!(1e300), json!(u64::MAX), json!([12])] {
            assert_eq!(read(bad), Err(JwtRefusal::Claim("exp")));
        }
        assert_eq!(time_claim(&Members::default(), "exp"), Ok(None));
    }
}
