//! Waiting without guessing: look again until it is so, or until a deadline.

use std::fmt::Display;
use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::bail;

/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks until `look` returns something, for `within` at most.
///
/// # Errors
/// Says what was waited for when the deadline passes.
pub async fn until<T, F, L>(what: impl Display, within: Duration, mut look: F) -> anyhow::Result<T>
where
    F: FnMut() -> L,
    L: Future<Output = Option<T>>,
{
    let started = Instant::now();
    loop {
        if let Some(found) = look().await {
            return Ok(found);
        }
        if started.elapsed() > within {
            bail!("waited {} s in vain: {what}", within.as_secs_f32());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_looks_until_it_is_so() {
        let mut looks = 0;
        let found = until("three looks", Duration::from_secs(5), || {
            looks += 1;
            let seen = looks;
            async move { (seen == 3).then_some(seen) }
        });
        assert_eq!(found.await.unwrap(), 3);
    }

    #[tokio::test]
    async fn it_gives_up_and_says_on_what() {
        let never = until("a miracle", Duration::from_millis(30), || async { None::<()> });
        assert!(never.await.unwrap_err().to_string().contains("a miracle"));
    }
}
