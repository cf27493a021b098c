//! The text format of Prometheus, version 0.0.4.

use super::histogram::{BOUNDS, Histogram};
use std::fmt::{Display, Write as _};

/// What a Prometheus server reads: families of samples, each family once.
#[derive(Debug, Default)]
pub struct Page(String);

/// The samples of one family.
pub struct Samples<'p> {
    text: &'p mut String,
    name: &'static str,
}

impl Page {
    /// Its `Content-Type`.
    pub const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";

    /// A family of what only rises; `name` ends in `_total`.
    pub fn counter(&mut self, name: &'static str, help: &str) -> Samples<'_> {
        self.family(name, help, "counter")
    }

    /// A family of what rises and falls.
    pub fn gauge(&mut self, name: &'static str, help: &str) -> Samples<'_> {
        self.family(name, help, "gauge")
    }

    /// A family of durations; `name` ends in `_seconds`.
    pub fn histogram(&mut self, name: &'static str, help: &str) -> Samples<'_> {
        self.family(name, help, "histogram")
    }

    fn family(&mut self, name: &'static str, help: &str, kind: &str) -> Samples<'_> {
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        Samples { text: &mut self.0, name }
    }

    /// All of it.
    pub fn into_text(self) -> String {
        self.0
    }
}

impl Samples<'_> {
    /// One value.
    pub fn value(&mut self, labels: &[(&str, &str)], value: impl Display) -> &mut Self {
        self.line("", labels, None, value);
        self
    }

    /// One histogram.
    pub fn durations(&mut self, labels: &[(&str, &str)], histogram: &Histogram) -> &mut Self {
        let (counts, sum_seconds) = histogram.cumulative();
        let bounds = BOUNDS.iter().map(|(_, bound)| *bound).chain(["+Inf"]);
        for (bound, count) in bounds.zip(counts) {
            self.line("_bucket", labels, Some(("le", bound)), count);
        }
        self.line("_sum", labels, None, sum_seconds);
        self.line("_count", labels, None, counts[BOUNDS.len()]);
        self
    }

    fn line(&mut self, suffix: &str, labels: &[(&str, &str)], last: Option<(&str, &str)>, value: impl Display) {
        let (text, mut before) = (&mut *self.text, '{');
        let _ = write!(text, "{}{suffix}", self.name);
        for (name, value) in labels.iter().copied().chain(last) {
            let _ = write!(text, "{before}{name}=\"");
            value.chars().for_each(|character| match character {
                '\\' => text.push_str("\\\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str("\\n"),
                other => text.push(other),
            });
            text.push('"');
            before = ',';
        }
        if before == ',' {
            text.push('}');
        }
        let _ = writeln!(text, " {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::{Histogram, Page};
    use std::time::Duration;

    #[test]
    fn writes_what_prometheus_reads() {
        let mut page = Page::default();
        page.counter("a_total", "As.").value(&[("b", "c\"\\\n"), ("d", "e")], 7).value(&[], 1.5);
        page.gauge("g", "Gs.");
        assert_eq!(
            page.into_text(),
            "# HELP a_total As.\n# TYPE a_total counter\na_total{b=\"c\\\"\\\\\\n\",d=\"e\"} 7\na_total 1.5\n\
             # HELP g Gs.\n# TYPE g gauge\n"
        );
    }

    #[test]
    fn a_histogram_is_cumulative() {
        let histogram = Histogram::default();
        for microseconds in [1, 500, 501, 60_000_000] {
            histogram.observe(Duration::from_micros(microseconds));
        }
        let mut page = Page::default();
        page.histogram("h_seconds", "Hs.").durations(&[("a", "b")], &histogram);
        let text = page.into_text();
        for line in [
            "h_seconds_bucket{a=\"b\",le=\"0.0005\"} 2\n",
            "h_seconds_bucket{a=\"b\",le=\"0.001\"} 3\n",
            "h_seconds_bucket{a=\"b\",le=\"30\"} 3\n",
            "h_seconds_bucket{a=\"b\",le=\"+Inf\"} 4\n",
            "h_seconds_sum{a=\"b\"} 60.001002\n",
            "h_seconds_count{a=\"b\"} 4\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
