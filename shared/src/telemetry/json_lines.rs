//! One JSON object a line: the event's fields and those of its spans side by side. Written for speed, since every
//! request writes one.

use super::batched_writer::BatchedWriter;
use std::cell::RefCell;
use std::fmt::{self, Write as _};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// The layer that writes.
pub(super) struct JsonLines(BatchedWriter);

impl JsonLines {
    pub(super) fn new(writer: BatchedWriter) -> Self {
        Self(writer)
    }
}

/// A span's fields, ready to be copied into a line.
struct SpanFields(String);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for JsonLines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = SpanFields(String::new());
        attributes.record(&mut Fields(&mut fields.0));
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<SpanFields>() {
            values.record(&mut Fields(&mut fields.0));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        thread_local! {
            static LINE: RefCell<String> = const { RefCell::new(String::new()) };
        }
        LINE.with(|line| {
            // A field whose Debug logs something itself gets a line of its own.
            let mut nested = String::new();
            let mut borrowed = line.try_borrow_mut();
            let line = borrowed.as_deref_mut().unwrap_or(&mut nested);
            line.clear();
            write_line(line, event, &context);
            self.0.push(line.as_bytes());
        });
    }
}

fn write_line<S: Subscriber + for<'a> LookupSpan<'a>>(line: &mut String, event: &Event<'_>, context: &Context<'_, S>) {
    line.push_str("{\"timestamp\":\"");
    let _ = SystemTime.format_time(&mut Writer::new(line));
    let _ = write!(line, "\",\"level\":\"{}\",\"target\":", event.metadata().level());
    push_string(line, event.metadata().target());
    event.record(&mut Fields(line));
    for span in context.event_scope(event).into_iter().flatten() {
        if let Some(fields) = span.extensions().get::<SpanFields>() {
            line.push_str(&fields.0);
        }
    }
    line.push_str("}\n");
}

/// Appends `,"name":value` for each field.
struct Fields<'a>(&'a mut String);

impl Fields<'_> {
    fn name(&mut self, field: &Field) {
        self.0.push(',');
        push_string(self.0, field.name());
        self.0.push(':');
    }

    fn plain(&mut self, field: &Field, value: impl fmt::Display) {
        self.name(field);
        let _ = write!(self.0, "{value}");
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.name(field);
        push_string(self.0, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no infinity.
        if value.is_finite() { self.plain(field, value) } else { self.record_debug(field, &value) }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.name(field);
        self.0.push('"');
        let _ = write!(Escaped(self.0), "{value:?}");
        self.0.push('"');
    }
}

fn push_string(line: &mut String, text: &str) {
    line.push('"');
    let _ = Escaped(line).write_str(text);
    line.push('"');
}

/// Writes the inside of a JSON string (RFC 8259 §7).
struct Escaped<'a>(&'a mut String);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut plain_from = 0;
        for (position, byte) in text.bytes().enumerate() {
            if byte >= 0x20 && byte != b'"' && byte != b'\\' {
                continue;
            }
            self.0.push_str(&text[plain_from..position]);
            plain_from = position + 1;
            match byte {
                b'"' => self.0.push_str("\\\""),
                b'\\' => self.0.push_str("\\\\"),
                b'\n' => self.0.push_str("\\n"),
                other => write!(self.0, "\\u{other:04x}")?,
            }
        }
        self.0.push_str(&text[plain_from..]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::push_string;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_survives(text: String) {
            let mut line = String::new();
            push_string(&mut line, &text);
            prop_assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
        }
    }
}
