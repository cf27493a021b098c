//! The issuer's public keys, cached: one fetch in flight, stale while revalidating with a bound, an unknown key fetched
//! at once but not over and over. Without usable keys nothing can be judged: that is 503, never 401.

use super::{
    discovery::Discovery,
    fetch::{FetchError, Fetcher, patiently},
};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH},
};
use shared::{
    clock::{SharedClock, UnixSeconds},
    http::carried,
    metrics::{Counter, Page},
    protocol::{
        jwk::JwkSet,
        jwt::{FUTURE_TOLERANCE_SECONDS, VerificationKeys},
    },
};
use std::sync::{Arc, PoisonError, RwLock};

/// Keys are used at most this long without asking again: a key that is withdrawn is noticed then, whatever the issuer says of caching.
pub const FRESH_SECONDS: i64 = 300;
/// And at least this long.
pub const FRESH_MIN_SECONDS: i64 = 60;
/// Keys that cannot be renewed are used this long, then no more.
pub const USABLE_SECONDS: i64 = 6 * 60 * 60;
/// A token that names an unknown key makes us ask again at most this often.
pub const COOL_DOWN_SECONDS: i64 = 10;
/// After a failure nobody asks again for this long.
pub const FAILURE_PAUSE_SECONDS: i64 = 1;
/// For so long after a key was revoked an unknown key may be its replacement, which an instance of the issuer that answered us did not know
/// yet: it is asked for again every second, and meanwhile nothing is said about its tokens.
pub const UNSETTLED_SECONDS: i64 = 60;
const UNSETTLED_COOL_DOWN_SECONDS: i64 = 1;
/// So far an issuer's clock may be behind ours.
const ISSUER_CLOCK_TOLERANCE_SECONDS: i64 = 5;
/// A longer ETag is not sent back.
const ETAG_MAX_BYTES: usize = 256;
/// So many keys that the issuer no longer publishes are remembered.
const WITHDRAWN_MAX_KEYS: usize = 64;

/// There are no usable keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoKeys;

/// What there is to say of a key that a snapshot does not have.
#[derive(Debug, Clone)]
pub enum Unknown {
    /// Look here: it was fetched since.
    Newer(Arc<Snapshot>),
    /// The issuer published it once, and just now did not: it was revoked, or everything it signed has ended.
    Withdrawn,
    /// The issuer did not know it when it was asked just now, and the token is no older than that: a key may have come with it.
    NotYet,
    /// The issuer was asked just now, and after the token was made, and does not know it.
    Nonsense,
}

/// Keys as they were fetched.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// None until the first fetch succeeded.
    pub keys: Option<VerificationKeys>,
    /// Rises with every successful fetch.
    pub generation: u64,
    fetched_at: UnixSeconds,
    fresh_seconds: i64,
    etag: Option<HeaderValue>,
    failed_at: Option<UnixSeconds>,
    revoked_at: Option<UnixSeconds>,
    revoked: Vec<String>,
    withdrawn: Vec<String>,
}

/// Where an issuer's keys are.
pub enum KeySource {
    /// There: those of our own issuer, which signs with none that it did not publish long before.
    At(String),
    /// Where the metadata of a foreign one says, which may sign with a key at once.
    Discovered(Arc<Discovery>),
}

/// What a fetch brought.
struct Published {
    keys: VerificationKeys,
    fresh_seconds: i64,
    etag: Option<HeaderValue>,
}

impl Snapshot {
    /// What the issuer published after this, fetched at `now`.
    fn followed_by(&self, published: Published, now: UnixSeconds) -> Self {
        let Published { keys, fresh_seconds, etag } = published;
        let before = self.keys.iter().flat_map(VerificationKeys::ids).chain(self.withdrawn.iter().map(String::as_str));
        let withdrawn = before.filter(|kid| !keys.contains(kid)).take(WITHDRAWN_MAX_KEYS).map(str::to_owned).collect();
        Self {
            keys: Some(keys),
            generation: self.generation + 1,
            fetched_at: now,
            fresh_seconds,
            etag,
            failed_at: None,
            revoked_at: self.revoked_at,
            revoked: self.revoked.clone(),
            withdrawn,
        }
    }

    /// Whether this key, which is not among the keys, was one of the issuer's: it was revoked by name, or published once and then withdrawn.
    ///
    /// # Errors
    /// [`NoKeys`] shortly after a revocation: whichever instance answered may not have known the replacement yet.
    pub fn was_withdrawn(&self, kid: &str, now: UnixSeconds) -> Result<bool, NoKeys> {
        let names = |list: &[String]| list.iter().any(|each| each == kid);
        match (names(&self.revoked), self.is_unsettled(now)) {
            (true, _) => Ok(true),
            (false, true) => Err(NoKeys),
            (false, false) => Ok(names(&self.withdrawn)),
        }
    }

    /// Whether this was asked for before `now`.
    pub fn is_older_than(&self, now: UnixSeconds) -> bool {
        self.fetched_at < now
    }

    /// Whether a token of this `iat` may be signed with a key that was published since.
    fn may_precede(&self, issued_at: UnixSeconds, now: UnixSeconds) -> bool {
        issued_at + ISSUER_CLOCK_TOLERANCE_SECONDS >= self.fetched_at && issued_at <= now + FUTURE_TOLERANCE_SECONDS
    }

    fn is_unsettled(&self, now: UnixSeconds) -> bool {
        self.revoked_at.is_some_and(|at| (0..UNSETTLED_SECONDS).contains(&(now - at)))
    }
}

/// The cache.
pub struct JwksCache {
    fetcher: Fetcher,
    source: KeySource,
    clock: SharedClock,
    current: RwLock<Arc<Snapshot>>,
    in_flight: tokio::sync::Mutex<()>,
    fetched: Counter,
    failed: Counter,
}

impl JwksCache {
    /// An empty cache of the keys at `source`.
    pub fn new(fetcher: Fetcher, source: KeySource, clock: SharedClock) -> Self {
        Self {
            fetcher,
            source,
            clock,
            current: RwLock::default(),
            in_flight: tokio::sync::Mutex::default(),
            fetched: Counter::default(),
            failed: Counter::default(),
        }
    }

    /// Keys to verify with now. Old ones are renewed behind the caller's back; the caller waits only when there are none, or when nobody
    /// knows how old they are because the clock was set back.
    ///
    /// # Errors
    /// [`NoKeys`] when there are none and none can be fetched.
    pub async fn keys(self: &Arc<Self>) -> Result<Arc<Snapshot>, NoKeys> {
        let snapshot = self.current();
        let now = self.clock.now();
        let age = now - snapshot.fetched_at;
        if snapshot.keys.is_none() || !(0..USABLE_SECONDS).contains(&age) {
            let fetched = self.fetch_after(snapshot.generation).await;
            return if fetched.keys.is_some() && fetched.generation > snapshot.generation {
                Ok(fetched)
            } else {
                Err(NoKeys)
            };
        }
        if age >= snapshot.fresh_seconds && self.in_flight.try_lock().is_ok() && !paused(&snapshot, now) {
            let (cache, generation) = (self.clone(), snapshot.generation);
            tokio::spawn(carried(async move { cache.fetch_alone(generation).await }));
        }
        Ok(snapshot)
    }

    /// What became of the key `kid`, which a token made at `issued_at`, as it claims, names and `seen` does not have. The issuer is asked again,
    /// but not over and over: whoever invents keys makes nobody else wait longer than [`COOL_DOWN_SECONDS`].
    ///
    /// # Errors
    /// [`NoKeys`] when the issuer cannot be asked, or may not know yet what it will answer: the token may be good.
    pub async fn look_for(
        self: &Arc<Self>,
        kid: &str,
        issued_at: Option<UnixSeconds>,
        seen: &Snapshot,
        now: UnixSeconds,
    ) -> Result<Unknown, NoKeys> {
        let snapshot = self.current();
        if snapshot.generation > seen.generation {
            return Ok(Unknown::Newer(snapshot));
        }
        let unsettled = snapshot.is_unsettled(now);
        let cool_down = if unsettled { UNSETTLED_COOL_DOWN_SECONDS } else { COOL_DOWN_SECONDS };
        if (0..cool_down).contains(&(now - snapshot.fetched_at)) && snapshot.failed_at.is_none() {
            // Asked just now: a withdrawn key is asked for again later, too, because an instance that lags behind may have left out a new one.
            if snapshot.was_withdrawn(kid, now)? {
                return Ok(Unknown::Withdrawn);
            }
            let may_be_new = matches!(self.source, KeySource::Discovered(_));
            let is_new = issued_at.is_some_and(|issued_at| may_be_new && snapshot.may_precede(issued_at, now));
            return Ok(if is_new { Unknown::NotYet } else { Unknown::Nonsense });
        }
        let fetched = self.fetch_after(seen.generation).await;
        if fetched.generation > seen.generation { Ok(Unknown::Newer(fetched)) } else { Err(NoKeys) }
    }

    /// Newer keys than `seen` has, whatever its age: the issuer itself used one that it does not have.
    ///
    /// # Errors
    /// [`NoKeys`] when the issuer cannot be asked.
    pub async fn refetch(self: &Arc<Self>, seen: &Snapshot) -> Result<Arc<Snapshot>, NoKeys> {
        let fetched = self.fetch_after(seen.generation).await;
        if fetched.generation > seen.generation { Ok(fetched) } else { Err(NoKeys) }
    }

    /// Fetches now, whatever the age: keys were revoked, those of these ids among them, and others have taken their place.
    pub async fn renew(self: &Arc<Self>, revoked: impl Iterator<Item = &str>) {
        let generation = {
            // A fetch under way would put its own snapshot over this one.
            let _flight = self.in_flight.lock().await;
            let before = self.current();
            let revoked = revoked.map(str::to_owned).chain(before.revoked.iter().cloned());
            let revoked = revoked.take(WITHDRAWN_MAX_KEYS).collect();
            let marked = Snapshot { revoked_at: Some(self.clock.now()), revoked, ..(*before).clone() };
            self.replace(marked).generation
        };
        self.fetch_after(generation).await;
    }

    fn current(&self) -> Arc<Snapshot> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits, but not for ever, for a fetch since `generation`; answers what is current then.
    async fn fetch_after(self: &Arc<Self>, generation: u64) -> Arc<Snapshot> {
        let cache = self.clone();
        let fetched = patiently(async move { cache.fetch_alone(generation).await }).await;
        fetched.unwrap_or_else(|| self.current())
    }

    /// Fetches unless somebody else did since `generation`, or just failed to; answers what is current then.
    async fn fetch_alone(&self, generation: u64) -> Arc<Snapshot> {
        let _flight = self.in_flight.lock().await;
        let now = self.clock.now();
        let before = self.current();
        if before.generation > generation || paused(&before, now) {
            return before;
        }
        let after = match self.fetch(&before).await {
            Ok(published) => {
                self.fetched.increment();
                if before.failed_at.is_some() {
                    tracing::info!(issuer = self.name(), "the issuer's keys can be fetched again");
                }
                before.followed_by(published, now)
            }
            Err(cause) => {
                self.failed.increment();
                if before.failed_at.is_none() {
                    tracing::warn!(issuer = self.name(), %cause, "the issuer's keys cannot be fetched");
                }
                Snapshot { failed_at: Some(self.clock.now()), ..(*before).clone() }
            }
        };
        self.replace(after)
    }

    fn replace(&self, snapshot: Snapshot) -> Arc<Snapshot> {
        let snapshot = Arc::new(snapshot);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = snapshot.clone();
        snapshot
    }

    /// The issuer, or where its keys are, for the log.
    fn name(&self) -> &str {
        match &self.source {
            KeySource::At(url) => url,
            KeySource::Discovered(discovery) => discovery.issuer().as_str(),
        }
    }

    async fn fetch(&self, before: &Snapshot) -> Result<Published, FetchError> {
        let url = match &self.source {
            KeySource::At(url) => url.clone(),
            KeySource::Discovered(discovery) => discovery.endpoints().await?.jwks.clone().ok_or_else(|| {
                let expected = "metadata that says where its keys are";
                FetchError::Malformed { url: discovery.issuer().to_string(), expected }
            })?,
        };
        let malformed = || FetchError::Malformed { url: url.clone(), expected: "a set of public keys" };
        let mut request = self.fetcher.get(&url);
        if let (Some(_), Some(etag)) = (&before.keys, &before.etag) {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let fetched = self.fetcher.send(&url, request).await?;
        let fresh_seconds = fresh_seconds(&fetched.headers);
        if let (StatusCode::NOT_MODIFIED, Some(keys), Some(etag)) = (fetched.status, &before.keys, &before.etag) {
            return Ok(Published { keys: keys.clone(), fresh_seconds, etag: Some(etag.clone()) });
        }
        if fetched.status != StatusCode::OK {
            return Err(super::fetch::refused(&url, &fetched));
        }
        let text = std::str::from_utf8(&fetched.body).map_err(|_| malformed())?;
        let keys = VerificationKeys::from_jwks(&JwkSet::parse_usable(text).map_err(|_| malformed())?);
        let etag = fetched.headers.get(ETAG).filter(|etag| etag.len() <= ETAG_MAX_BYTES).cloned();
        // An issuer without keys is an issuer in trouble; what we have is better.
        if keys.is_empty() { Err(malformed()) } else { Ok(Published { keys, fresh_seconds, etag }) }
    }
}

/// What the issuer says of caching (RFC 9111 §5.2.2), within bounds; the upper one when it says nothing.
pub fn fresh_seconds(headers: &HeaderMap) -> i64 {
    let directives = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let said = directives.flat_map(|value| value.split(',')).filter_map(|directive| {
        let (name, value) = directive.trim().split_once('=').unwrap_or((directive.trim(), ""));
        match name.to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => Some(0),
            "max-age" => value.trim_matches('"').parse().ok(),
            _ => None,
        }
    });
    said.min().unwrap_or(FRESH_SECONDS).clamp(FRESH_MIN_SECONDS, FRESH_SECONDS)
}

/// Writes how old the keys of each issuer are at `now`, and how fetching them went.
pub fn write_metrics(key_sets: &[Arc<JwksCache>], page: &mut Page, now: UnixSeconds) {
    let mut age = page.gauge("postern_jwks_age_seconds", "Since an issuer's keys were fetched.");
    for (set, current) in key_sets.iter().map(|set| (set, set.current())) {
        if current.keys.is_some() {
            age.value(&[("issuer", set.name())], now - current.fetched_at);
        }
    }
    let mut keys = page.gauge("postern_jwks_keys", "Keys that tokens of an issuer are verified with.");
    for (set, current) in key_sets.iter().map(|set| (set, set.current())) {
        keys.value(&[("issuer", set.name())], current.keys.as_ref().map_or(0, |keys| keys.ids().count()));
    }
    let mut fetches = page.counter("postern_jwks_fetches_total", "Fetches of an issuer's keys.");
    for set in key_sets {
        fetches.value(&[("issuer", set.name()), ("outcome", "ok")], set.fetched.get());
        fetches.value(&[("issuer", set.name()), ("outcome", "failed")], set.failed.get());
    }
}

fn paused(snapshot: &Snapshot, now: UnixSeconds) -> bool {
    snapshot.failed_at.is_some_and(|at| (0..FAILURE_PAUSE_SECONDS).contains(&(now - at)))
}

#[cfg(test)]
mod tests {
    use super::{FRESH_MIN_SECONDS, FRESH_SECONDS, fresh_seconds};
    use http::{HeaderMap, HeaderValue, header::CACHE_CONTROL};

    #[test]
    fn caching_is_as_the_issuer_says_within_bounds() {
        for (said, seconds) in [
            ("max-age=120", 120),
            ("public, Max-Age=\"90\", must-revalidate", 90),
            ("max-age=86400", FRESH_SECONDS),
            ("max-age=0", FRESH_MIN_SECONDS),
            ("max-age=-5", FRESH_MIN_SECONDS),
            ("max-age=120, no-cache", FRESH_MIN_SECONDS),
            ("no-store", FRESH_MIN_SECONDS),
            ("max-age=soon", FRESH_SECONDS),
            ("s-maxage=70", FRESH_SECONDS),
            ("", FRESH_SECONDS),
        ] {
            let headers = HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static(said))]);
            assert_eq!(fresh_seconds(&headers), seconds, "{said}");
        }
        assert_eq!(fresh_seconds(&HeaderMap::new()), FRESH_SECONDS);
    }
}
