//! W3C Trace Context: the ids that one call carries from process to process.

use std::fmt;

/// Where in which trace something happens (W3C Trace Context §3.2: `traceparent`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// The whole call, through all processes.
    pub trace_id: TraceId,
    /// The step that is under way.
    pub span_id: SpanId,
    /// Whether its steps are recorded.
    pub sampled: bool,
}

/// 16 bytes, not all of them zero.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceId(pub(super) [u8; 16]);

/// 8 bytes, not all of them zero.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SpanId(pub(super) [u8; 8]);

/// `00-<32 hex digits>-<16 hex digits>-<2 hex digits>`.
const LENGTH: usize = 55;

impl TraceContext {
    /// Reads a `traceparent`; `None` for anything that is none, which is to be ignored (§3.2.4). A later version is read as far as this one goes.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        let dashes = text.len() >= LENGTH && [2, 35, 52].iter().all(|place| text[*place] == b'-');
        if !dashes || text.get(LENGTH).is_some_and(|byte| *byte != b'-') {
            return None;
        }
        let ([version], [flags]) = (bytes::<1>(&text[..2])?, bytes::<1>(&text[53..LENGTH])?);
        if version == 0xff || (version == 0 && text.len() != LENGTH) {
            return None;
        }
        let (trace_id, span_id) = (bytes::<16>(&text[3..35])?, bytes::<8>(&text[36..52])?);
        let named = trace_id != [0; 16] && span_id != [0; 8];
        named.then_some(Self { trace_id: TraceId(trace_id), span_id: SpanId(span_id), sampled: flags & 1 == 1 })
    }
}

/// The bytes of lower-case hexadecimal text.
fn bytes<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (place, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *place = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace_id, self.span_id, u8::from(self.sampled))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::TraceContext;
    use proptest::prelude::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn reads_what_the_recommendation_shows() {
        for (flags, sampled) in [("01", true), ("00", false), ("03", true), ("fe", false)] {
            let context = TraceContext::parse(&format!("00-{TRACE}-{SPAN}-{flags}")).unwrap();
            assert_eq!((context.trace_id.to_string(), context.span_id.to_string()), (TRACE.into(), SPAN.into()));
            assert_eq!(context.sampled, sampled, "{flags}");
        }
        for later in ["cc-{}-01", "cc-{}-01-what-the-future-will-be-like"] {
            assert!(TraceContext::parse(&later.replace("{}", &format!("{TRACE}-{SPAN}"))).is_some(), "{later}");
        }
    }

    #[test]
    fn what_is_none_is_ignored() {
        let (no_trace, no_span) = ("0".repeat(32), "0".repeat(16));
        for text in [
            String::new(),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("cc-{TRACE}-{SPAN}-01.more"),
            format!("00-{no_trace}-{SPAN}-01"),
            format!("00-{TRACE}-{no_span}-01"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00_{TRACE}_{SPAN}_01"),
            format!("00-{TRACE}-{SPAN}-0é"),
        ] {
            assert_eq!(TraceContext::parse(&text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_ignored_and_what_is_read_is_written_back(text: String, trace: u128, span: u64, sampled: bool) {
            let _ = TraceContext::parse(&text);
            let written = format!("00-{trace:032x}-{span:016x}-{:02x}", u8::from(sampled));
            let read = TraceContext::parse(&written);
            prop_assert_eq!(read.is_some(), trace != 0 && span != 0);
            prop_assert!(read.is_none_or(|read| read.to_string() == written));
        }
    }
}
