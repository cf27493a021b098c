//! Log lines leave in batches from a thread of their own: a request never waits for a pipe, and many lines cost one
//! system call.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// How long a line may wait for company.
const BATCH_TIME: Duration = Duration::from_millis(20);
/// A batch of this size leaves at once.
const BATCH_BYTES: usize = 64 * 1024;
/// When the reader of the logs has stalled that far, lines are dropped and counted instead of filling the memory.
const MOST_BYTES: usize = 8 * 1024 * 1024;

#[derive(Default)]
struct Pending {
    lines: Vec<u8>,
    dropped: u64,
    closed: bool,
}

#[derive(Default)]
struct Queue {
    pending: Mutex<Pending>,
    changed: Condvar,
}

impl Queue {
    /// No line is pushed half, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where lines are put; cheap to clone.
#[derive(Clone)]
pub(super) struct BatchedWriter(Arc<Queue>);

/// Writes what is left when dropped.
pub(super) struct WriterGuard {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for WriterGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WriterGuard").finish_non_exhaustive()
    }
}

impl BatchedWriter {
    /// Starts the thread.
    pub(super) fn start(output: impl Write + Send + 'static) -> io::Result<(Self, WriterGuard)> {
        let queue = Arc::new(Queue::default());
        let thread = {
            let queue = Arc::clone(&queue);
            Builder::new().name("log writer".to_owned()).spawn(move || write_batches(&queue, output))?
        };
        Ok((Self(Arc::clone(&queue)), WriterGuard { queue, thread: Some(thread) }))
    }

    /// Takes a whole line, its end included.
    pub(super) fn push(&self, line: &[u8]) {
        let mut pending = self.0.lock();
        if pending.lines.len() + line.len() > MOST_BYTES {
            pending.dropped += 1;
            return;
        }
        let before = pending.lines.len();
        pending.lines.extend_from_slice(line);
        let wake = before == 0 || (before < BATCH_BYTES && pending.lines.len() >= BATCH_BYTES);
        drop(pending);
        if wake {
            self.0.changed.notify_one();
        }
    }
}

impl Drop for WriterGuard {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn write_batches(queue: &Queue, mut output: impl Write) {
    let mut batch = Vec::new();
    loop {
        let pending = queue.lock();
        let waits_for_lines = |pending: &mut Pending| pending.lines.is_empty() && !pending.closed;
        let pending = queue.changed.wait_while(pending, waits_for_lines).unwrap_or_else(PoisonError::into_inner);
        let waits_for_company = |pending: &mut Pending| pending.lines.len() < BATCH_BYTES && !pending.closed;
        let waited = queue.changed.wait_timeout_while(pending, BATCH_TIME, waits_for_company);
        let mut pending = waited.unwrap_or_else(PoisonError::into_inner).0;
        std::mem::swap(&mut batch, &mut pending.lines);
        let (dropped, closed) = (std::mem::take(&mut pending.dropped), pending.closed);
        drop(pending);
        // Whoever reads the logs may be gone; that is no reason to stop serving.
        let _ = output.write_all(&batch);
        if dropped > 0 {
            let _ =
                writeln!(output, "{{\"level\":\"WARN\",\"message\":\"log lines were dropped\",\"lines\":{dropped}}}");
        }
        let _ = output.flush();
        batch.clear();
        if closed {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BatchedWriter, MOST_BYTES};
    use std::io::{self, Write};
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
    use std::time::Duration;

    /// Hands each batch over and waits until it is taken.
    struct Handed(SyncSender<Vec<u8>>);

    impl Write for Handed {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn start() -> (BatchedWriter, super::WriterGuard, Receiver<Vec<u8>>) {
        let (sender, receiver) = sync_channel(0);
        let (writer, guard) = BatchedWriter::start(Handed(sender)).unwrap();
        (writer, guard, receiver)
    }

    fn next(receiver: &Receiver<Vec<u8>>) -> String {
        String::from_utf8(receiver.recv_timeout(Duration::from_secs(20)).unwrap()).unwrap()
    }

    #[test]
    fn lines_leave_in_order_without_being_asked_and_the_rest_at_the_end() {
        let (writer, guard, receiver) = start();
        writer.push(b"one\n");
        writer.push(b"two\n");
        let mut written = next(&receiver);
        while written != "one\ntwo\n" {
            written.push_str(&next(&receiver));
        }
        writer.push(b"three\n");
        let ending = std::thread::spawn(move || drop(guard));
        assert_eq!(next(&receiver), "three\n");
        ending.join().unwrap();
    }

    #[test]
    fn a_reader_that_stalls_costs_lines_and_says_how_many() {
        let (writer, guard, receiver) = start();
        let line = vec![b'x'; 1 << 20];
        // The first may be in the thread's hands, so that more than one has to be too many.
        let pushed = MOST_BYTES / line.len() * 2 + 2;
        for _ in 0..pushed {
            writer.push(&line);
        }
        let ending = std::thread::spawn(move || drop(guard));
        let mut written = String::new();
        while !written.contains("dropped") || !written.ends_with('\n') {
            written.push_str(&next(&receiver));
        }
        drop(receiver);
        ending.join().unwrap();
        let report = &written[written.find('{').unwrap()..written.rfind('}').unwrap() + 1];
        let dropped = serde_json::from_str::<serde_json::Value>(report).unwrap()["lines"].as_u64().unwrap();
        assert!(dropped > 0 && dropped < pushed as u64, "{dropped} of {pushed}");
    }

    #[test]
    fn a_reader_that_is_gone_stops_nothing() {
        let (writer, guard, receiver) = start();
        drop(receiver);
        writer.push(b"one\n");
        drop(guard);
        writer.push(b"two\n");
    }
}
