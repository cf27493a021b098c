//! Requests by route and how they ended.

use super::{Counter, Histogram, Page};
use std::collections::HashMap;
use std::time::Duration;

/// The label of requests that matched no route.
const UNMATCHED: &str = "none";
/// The label of refusals whose reason was not announced.
pub const OTHER_REASON: &str = "other";
/// The classes of statuses; the last one is that of callers who went away before the answer.
const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "gone"];
const GONE: usize = CLASSES.len() - 1;

/// What one server counts of its requests.
#[derive(Debug)]
pub struct RequestMetrics {
    /// By the pattern of the route.
    routes: HashMap<Box<str>, Route>,
    unmatched: Route,
    refusals: Vec<(&'static str, Counter)>,
}

#[derive(Debug, Default)]
struct Route {
    answers: [Counter; CLASSES.len()],
    durations: Histogram,
}

impl RequestMetrics {
    /// For a server with these routes that refuses for these reasons.
    pub fn new(routes: impl IntoIterator<Item = impl Into<Box<str>>>, reasons: &[&'static str]) -> Self {
        let reasons = reasons.iter().copied().chain([OTHER_REASON]);
        Self {
            routes: routes.into_iter().map(|route| (route.into(), Route::default())).collect(),
            unmatched: Route::default(),
            refusals: reasons.map(|reason| (reason, Counter::default())).collect(),
        }
    }

    /// A request ended with `status`, or its caller went away (`None`), after so long.
    pub fn count(&self, route: Option<&str>, status: Option<u16>, took: Duration) {
        let route = route.and_then(|route| self.routes.get(route)).unwrap_or(&self.unmatched);
        let class = status.map_or(GONE, |status| usize::from((status / 100).clamp(1, 5)) - 1);
        route.answers[class].increment();
        route.durations.observe(took);
    }

    /// A request was refused for `reason`.
    pub fn count_refusal(&self, reason: &'static str) {
        let place = self.refusals.iter().position(|(known, _)| *known == reason).unwrap_or(self.refusals.len() - 1);
        self.refusals[place].1.increment();
    }

    /// Writes what was counted. Routes that nobody asked for are left out.
    pub fn write(&self, page: &mut Page) {
        let mut routes: Vec<_> = self.routes.iter().map(|(name, route)| (&**name, route)).collect();
        routes.sort_unstable_by_key(|(name, _)| *name);
        routes.push((UNMATCHED, &self.unmatched));
        routes.retain(|(_, route)| route.durations.count() > 0);
        let mut requests = page.counter("postern_http_requests_total", "Requests by route and class of status.");
        for (name, route) in &routes {
            for (class, counter) in CLASSES.iter().zip(&route.answers).filter(|(_, counter)| counter.get() > 0) {
                requests.value(&[("route", name), ("status", class)], counter.get());
            }
        }
        let mut durations =
            page.histogram("postern_http_request_duration_seconds", "From a request's head to its answer's.");
        for (name, route) in &routes {
            durations.durations(&[("route", name)], &route.durations);
        }
        let mut refusals = page.counter("postern_refusals_total", "Refused requests by reason.");
        for (reason, counter) in &self.refusals {
            refusals.value(&[("reason", reason)], counter.get());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Page, RequestMetrics};
    use std::time::Duration;

    #[test]
    fn what_is_not_known_makes_no_series_of_its_own() {
        let metrics = RequestMetrics::new(["/a/{id}", "/b"], &["rate_limited"]);
        for (route, status) in
            [(Some("/a/{id}"), Some(200)), (Some("/a/7"), Some(404)), (None, Some(999)), (None, None)]
        {
            metrics.count(route, status, Duration::from_millis(1));
        }
        metrics.count_refusal("rate_limited");
        metrics.count_refusal("never announced");
        let mut page = Page::default();
        metrics.write(&mut page);
        let text = page.into_text();
        for line in [
            "postern_http_requests_total{route=\"/a/{id}\",status=\"2xx\"} 1\n",
            "postern_http_requests_total{route=\"none\",status=\"4xx\"} 1\n",
            "postern_http_requests_total{route=\"none\",status=\"5xx\"} 1\n",
            "postern_http_requests_total{route=\"none\",status=\"gone\"} 1\n",
            "postern_refusals_total{reason=\"rate_limited\"} 1\n",
            "postern_refusals_total{reason=\"other\"} 1\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert!(!text.contains("/b") && !text.contains("/a/7"), "{text}");
    }
}
