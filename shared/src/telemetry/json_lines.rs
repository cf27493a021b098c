//! One JSON object a line: the event's fields, those of its spans and what there is to say of its request, side by side. Written for speed,
//! since every request writes one.

use super::batched_writer::BatchedWriter;
use super::correlation;
use super::timestamp::Timestamp;
use std::cell::RefCell;
use std::fmt::{self, Write as _};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
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
            static LINE: RefCell<Line> = RefCell::default();
        }
        LINE.with(|line| {
            // A field whose Debug logs something itself gets a line of its own.
            let mut nested = Line::default();
            let mut borrowed = line.try_borrow_mut();
            let line = borrowed.as_deref_mut().unwrap_or(&mut nested);
            line.write(event, &context);
            self.0.push(line.text.as_bytes());
        });
    }
}

/// What a thread writes its lines in, one after another.
#[derive(Default)]
struct Line {
    text: String,
    timestamp: Timestamp,
}

impl Line {
    fn write<S: Subscriber + for<'a> LookupSpan<'a>>(&mut self, event: &Event<'_>, context: &Context<'_, S>) {
        let (line, metadata) = (&mut self.text, event.metadata());
        line.clear();
        line.push_str("{\"timestamp\":\"");
        self.timestamp.write_now(line);
        line.push_str("\",\"level\":\"");
        line.push_str(metadata.level().as_str());
        line.push_str("\",\"target\":");
        push_string(line, metadata.target());
        event.record(&mut Fields(line));
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<SpanFields>() {
                line.push_str(&fields.0);
            }
        }
        correlation::each(|name, value| Fields(line).plain_text(name, value));
        line.push_str("}\n");
    }
}

/// Appends `,"name":value` for each field.
struct Fields<'a>(&'a mut String);

impl Fields<'_> {
    fn name(&mut self, field: &Field) {
        self.push_name(field.name());
    }

    fn push_name(&mut self, name: &str) {
        self.0.push(',');
        push_string(self.0, name);
        self.0.push(':');
    }

    /// A value whose text needs no escaping.
    fn plain_text(&mut self, name: &str, value: impl fmt::Display) {
        self.push_name(name);
        let _ = write!(self.0, "\"{value}\"");
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
        self.name(field);
        self.0.push_str(itoa::Buffer::new().format(value));
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

fn needs_escape(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

/// Writes the inside of a JSON string (RFC 8259 §7).
struct Escaped<'a>(&'a mut String);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Nearly every text is plain: it is looked through without a branch a byte, and copied whole.
        if !text.bytes().fold(false, |found, byte| found | needs_escape(byte)) {
            self.0.push_str(text);
            return Ok(());
        }
        let mut plain_from = 0;
        for (position, byte) in text.bytes().enumerate() {
            if !needs_escape(byte) {
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
