//! Answers over HTTP/2 that wait for the other side's leave (flow control, RFC 9113 §5.2), and since when.
//!
//! hyper and h2 take an answer long before it is sent, and let go of its body. So an answer waits for as long as one of its pieces is in
//! memory, and moves when bytes of a piece are written.

use super::guarded_io::Progress;
use bytes::{Buf, Bytes};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// A patience has this many steps: what waits is noticed at most so much of it late.
const STEPS: u32 = 8;
/// Counts for two patiences. An answer that nobody looked at for longer passes for a newer one, and is noticed that much later.
const COUNTS: usize = 2 * STEPS as usize;
/// Of an answer's state: the pieces above, the step below.
const ONE_PIECE: u64 = 1 << 32;

/// The answers of one connection that wait, counted by the step of time in which they moved last: the oldest is found without a list of them.
#[derive(Debug)]
pub(super) struct WithheldAnswers {
    step_milliseconds: u64,
    counts: [AtomicU32; COUNTS],
    /// The step in which any of them moved last, or began to wait.
    last_moved: AtomicU32,
}

impl WithheldAnswers {
    /// None, on a connection that waits so long for an answer to move.
    pub(super) fn new(patience: Duration) -> Self {
        let step = u64::try_from((patience / STEPS).as_millis()).unwrap_or(u64::MAX);
        Self { step_milliseconds: step.max(1), counts: Default::default(), last_moved: AtomicU32::new(0) }
    }

    /// When the answer that waits longest moved last, in milliseconds as `now` counts them; `None` when none waits.
    pub(super) fn oldest_milliseconds(&self, now: impl FnOnce() -> u64) -> Option<u64> {
        let counts = self.counts.each_ref().map(|count| count.load(Ordering::Acquire));
        if counts.iter().all(|count| *count == 0) {
            return None;
        }
        // Read after the counts, so that it is behind none of them.
        let now = self.step(now());
        let oldest = (0..COUNTS).rev().find_map(|age| {
            let step = now.checked_sub(u32::try_from(age).ok()?)?;
            (counts[slot(step)] > 0).then_some(step)
        });
        // It moved at some time within its step.
        oldest.map(|step| self.end_of(step))
    }

    /// When any answer moved last, in milliseconds.
    pub(super) fn last_moved_milliseconds(&self) -> u64 {
        self.end_of(self.last_moved.load(Ordering::Relaxed))
    }

    fn step(&self, milliseconds: u64) -> u32 {
        u32::try_from(milliseconds / self.step_milliseconds).unwrap_or(u32::MAX)
    }

    fn end_of(&self, step: u32) -> u64 {
        (u64::from(step) + 1) * self.step_milliseconds
    }

    fn enter(&self, step: u32) {
        self.last_moved.store(step, Ordering::Relaxed);
        self.counts[slot(step)].fetch_add(1, Ordering::Release);
    }

    fn leave(&self, step: u32) {
        self.counts[slot(step)].fetch_sub(1, Ordering::Release);
    }
}

fn slot(step: u32) -> usize {
    step as usize % COUNTS
}

/// What the pieces of one answer share: how many there are, and when the last bytes were taken.
#[derive(Debug)]
pub(super) struct Answer {
    progress: Arc<Progress>,
    state: AtomicU64,
}

impl Answer {
    /// The answer to a request of `progress`' connection.
    pub(super) fn new(progress: Arc<Progress>) -> Arc<Self> {
        Arc::new(Self { progress, state: AtomicU64::new(0) })
    }

    /// Something of it waits from now on, until what is returned is dropped.
    pub(super) fn wait(self: &Arc<Self>) -> Waiting {
        self.wait_from(self.now())
    }

    fn wait_from(self: &Arc<Self>, now: u32) -> Waiting {
        let one_more = |state| Some(if pieces(state) == 0 { ONE_PIECE | u64::from(now) } else { state + ONE_PIECE });
        let before = self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).unwrap_or_default();
        if pieces(before) == 0 {
            self.progress.withheld.enter(now);
        }
        Waiting(Arc::clone(self))
    }

    fn now(&self) -> u32 {
        self.progress.withheld.step(self.progress.milliseconds())
    }

    fn moved(&self, now: u32) {
        let withheld = &self.progress.withheld;
        let moved = |state| (step(state) != now).then_some((pieces(state) * ONE_PIECE) | u64::from(now));
        if let Ok(before) = self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, moved) {
            withheld.enter(now);
            withheld.leave(step(before));
        }
    }
}

fn pieces(state: u64) -> u64 {
    state >> 32
}

fn step(state: u64) -> u32 {
    (state & u64::from(u32::MAX)) as u32
}

/// Something of an answer that waits.
#[derive(Debug)]
pub(super) struct Waiting(Arc<Answer>);

impl Drop for Waiting {
    fn drop(&mut self) {
        let before = self.0.state.fetch_sub(ONE_PIECE, Ordering::Relaxed);
        if pieces(before) == 1 {
            self.0.progress.idle_from_now();
            self.0.progress.withheld.leave(step(before));
        }
    }
}

/// Bytes of an answer, which know when they are written and when they are gone.
#[derive(Debug)]
pub(super) struct Piece {
    bytes: Bytes,
    /// `None` over HTTP/1.1, where what is not taken is a write that waits.
    waiting: Option<Waiting>,
}

impl Piece {
    /// `bytes` of the answer that `waiting` belongs to.
    pub(super) fn new(bytes: Bytes, waiting: Option<Waiting>) -> Self {
        Self { bytes, waiting }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        if let Some(waiting) = &self.waiting {
            waiting.0.moved(waiting.0.now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, COUNTS};
    use crate::http::guarded_io::Progress;
    use std::sync::Arc;
    use std::time::Duration;

    /// Steps are milliseconds.
    fn progress() -> Arc<Progress> {
        Arc::new(Progress::new(Duration::from_millis(8), false))
    }

    fn oldest(progress: &Progress, now: u32) -> Option<u64> {
        progress.withheld.oldest_milliseconds(|| now.into())
    }

    #[test]
    fn the_oldest_answer_counts_whatever_the_others_do() {
        let progress = progress();
        assert_eq!(oldest(&progress, 0), None);
        let old = Answer::new(progress.clone()).wait_from(100);
        for now in 101..107 {
            let lively = Answer::new(progress.clone()).wait_from(now);
            lively.0.moved(now + 1);
            assert_eq!(oldest(&progress, now + 1), Some(101));
        }
        assert_eq!(progress.withheld.last_moved_milliseconds(), 108);
        drop(old);
        assert_eq!(oldest(&progress, 108), None);
    }

    #[test]
    fn an_answer_moves_with_any_of_its_pieces_and_waits_until_the_last_is_gone() {
        let progress = progress();
        let answer = Answer::new(progress.clone());
        let (first, second) = (answer.wait_from(100), answer.wait_from(103));
        assert_eq!(oldest(&progress, 103), Some(101));
        first.0.moved(105);
        first.0.moved(105);
        assert_eq!(oldest(&progress, 105), Some(106), "the second waits for the first alone");
        drop((first, answer));
        assert_eq!(oldest(&progress, 107), Some(106));
        second.0.moved(110);
        assert_eq!(oldest(&progress, 111), Some(111));
        drop(second);
        assert_eq!(oldest(&progress, 111), None);
    }

    #[test]
    fn who_was_not_looked_at_for_long_is_noticed_later() {
        let progress = progress();
        let answer = Answer::new(progress.clone()).wait_from(100);
        let next_round = 100 + COUNTS as u32;
        assert_eq!(oldest(&progress, next_round - 1), Some(101));
        assert_eq!(oldest(&progress, next_round), Some(117));
        drop(answer);
        assert_eq!(oldest(&progress, next_round), None);
    }
}
