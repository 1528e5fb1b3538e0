//! The log on stderr. Nobody waits for it: a thread of its own writes the lines, and when it cannot
//! keep up, because of a full pipe or a paused terminal, lines are dropped and counted.

use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use env_logger::{Builder, Env, Target, WriteStyle};
use log::LevelFilter;
use rustix::event::{self, PollFd, PollFlags};

use crate::NAME;

/// The most that is queued, in bytes: some ten thousand lines.
const QUEUE_BYTES: usize = 1024 * 1024;

/// How long the process waits at its end for the last lines to be written.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

enum Item {
    Line(Vec<u8>),
    Flush(Sender<()>),
}

/// What waits for the writer.
struct Queue {
    items: Sender<Item>,
    /// Of all lines in it.
    bytes: AtomicUsize,
    /// Lines, ever.
    dropped: Arc<AtomicU64>,
}

impl Queue {
    fn push(&self, line: Vec<u8>) {
        self.bytes.fetch_add(line.len(), Ordering::Relaxed);
        let _ = self.items.send(Item::Line(line));
    }
}

/// Where loggers put their lines.
struct Logger(Arc<Queue>);

impl Write for Logger {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // Only this thread adds: env_logger holds a lock.
        if self.0.bytes.load(Ordering::Relaxed) + line.len() > QUEUE_BYTES {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        } else {
            self.0.push(line.to_vec());
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes what is left, when it is dropped.
pub(crate) struct Log(Arc<Queue>);

impl Log {
    /// How many lines were dropped.
    pub(crate) fn dropped(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.0.dropped)
    }

    /// Prints `line`, which is not a log line, after those before it.
    pub(crate) fn print(&self, line: String) {
        self.0.push(line.into_bytes());
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let (done, flushed) = bounded(1);
        let _ = self.0.items.send(Item::Flush(done));
        let _ = flushed.recv_timeout(FLUSH_TIMEOUT);
    }
}

/// Starts to log from `level` on, unless `RUST_LOG` says otherwise, until the result is dropped.
///
/// # Errors
///
/// When there is no thread to be had.
pub(crate) fn start(level: LevelFilter) -> io::Result<Log> {
    // Bounded by its bytes.
    let (items, lines) = unbounded();
    let queue = Queue { items, bytes: AtomicUsize::new(0), dropped: Arc::default() };
    let queue = Arc::new(queue);
    let writer = Arc::clone(&queue);
    thread::Builder::new().name("log".to_owned()).spawn(move || write(&lines, &writer))?;

    let style = match AutoStream::choice(&io::stderr()) {
        ColorChoice::Never => WriteStyle::Never,
        _ => WriteStyle::Always,
    };
    Builder::from_env(Env::default().default_filter_or(level.as_str()))
        .format_target(false)
        .write_style(style)
        .target(Target::Pipe(Box::new(Logger(Arc::clone(&queue)))))
        .init();
    Ok(Log(queue))
}

fn write(items: &Receiver<Item>, queue: &Queue) {
    let mut reported = 0;
    for item in items {
        match item {
            Item::Line(line) => {
                write_to_stderr(&line);
                queue.bytes.fetch_sub(line.len(), Ordering::Relaxed);
            }
            Item::Flush(done) => drop(done.send(())),
        }
        let dropped = queue.dropped.load(Ordering::Relaxed);
        if dropped > reported {
            let count = dropped - reported;
            reported = dropped;
            // Not through the queue, which may be full again.
            write_to_stderr(
                format!("{NAME}: {count} log lines were dropped: stderr did not take them\n")
                    .as_bytes(),
            );
        }
    }
}

/// Writes all of `bytes`, however long it takes, also where whoever shares stderr has made it
/// nonblocking.
fn write_to_stderr(mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match io::stderr().write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let stderr = io::stderr();
                let _ = event::poll(&mut [PollFd::new(&stderr, PollFlags::OUT)], None);
            }
            // Without stderr there is nobody to tell.
            Err(_) => return,
        }
    }
}
