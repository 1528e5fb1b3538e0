//! The log on stderr. Nobody waits for it: a thread of its own writes the lines, and when it cannot
//! keep up, because of a full pipe or a paused terminal, lines are dropped and counted.

mod format;

use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use env_logger::{Builder, Env, Target, WriteStyle};
use log::{Level, LevelFilter};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

pub(crate) use self::format::Format;
use self::format::Style;

/// The most that is queued, in bytes: some ten thousand lines.
const QUEUE_BYTES: usize = 1024 * 1024;

/// How long the process waits at its end for a stderr that takes no more.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// How many times as long it waits where stderr would take more: on a busy machine the writer may not
/// have had its turn.
const MAX_FLUSHES: usize = 10;

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
pub(crate) struct Log {
    queue: Arc<Queue>,
    style: Style,
}

impl Log {
    /// How many lines were dropped.
    pub(crate) fn dropped(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.queue.dropped)
    }

    /// Says why the program ends, whatever is logged, after the lines before.
    pub(crate) fn fail(&self, message: &str) {
        self.queue.push(self.style.line(Level::Error, message).into_bytes());
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let (done, flushed) = bounded(1);
        let _ = self.queue.items.send(Item::Flush(done));
        for _ in 0..MAX_FLUSHES {
            let timed_out = flushed.recv_timeout(FLUSH_TIMEOUT) == Err(RecvTimeoutError::Timeout);
            if !timed_out || !stderr_takes_more(Some(&Timespec::default())) {
                break;
            }
        }
    }
}

/// Starts to log in `format` what this program says from `level` on, unless `RUST_LOG` says otherwise,
/// until the result is dropped.
///
/// # Errors
///
/// When there is no thread to be had.
pub(crate) fn start(level: LevelFilter, format: Format) -> io::Result<Log> {
    let style = Style::of(format);
    // Bounded by its bytes.
    let (items, lines) = unbounded();
    let queue = Queue { items, bytes: AtomicUsize::new(0), dropped: Arc::default() };
    let queue = Arc::new(queue);
    let writer = Arc::clone(&queue);
    thread::Builder::new().name("log".to_owned()).spawn(move || write(&lines, &writer, style))?;

    let colours = match AutoStream::choice(&io::stderr()) {
        ColorChoice::Never => WriteStyle::Never,
        _ => WriteStyle::Always,
    };
    // Not what our dependencies say: at `-vv` mio has a line for each registration.
    let ours = format!("{}={level}", env!("CARGO_CRATE_NAME"));
    let mut builder = Builder::from_env(Env::default().default_filter_or(ours));
    style.apply(&mut builder);
    builder.write_style(colours).target(Target::Pipe(Box::new(Logger(Arc::clone(&queue))))).init();
    Ok(Log { queue, style })
}

fn write(items: &Receiver<Item>, queue: &Queue, style: Style) {
    let mut reported = 0;
    for item in items {
        match item {
            Item::Line(line) => {
                if write_to_stderr(&line).is_err() {
                    queue.dropped.fetch_add(1, Ordering::Relaxed);
                }
                queue.bytes.fetch_sub(line.len(), Ordering::Relaxed);
            }
            Item::Flush(done) => drop(done.send(())),
        }
        let dropped = queue.dropped.load(Ordering::Relaxed);
        if dropped > reported {
            let count = dropped - reported;
            // Not through the queue, which may be full again.
            let message = format!("{count} log lines were dropped: stderr did not take them");
            if write_to_stderr(style.line(Level::Warn, &message).as_bytes()).is_ok() {
                reported = dropped;
            }
        }
    }
}

/// Writes all of `bytes`, however long it takes, also where whoever shares stderr has made it
/// nonblocking.
///
/// # Errors
///
/// Those that time does not mend, as that of a full disk.
fn write_to_stderr(mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match io::stderr().write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                stderr_takes_more(None);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Waits until it does, for at most `timeout`.
fn stderr_takes_more(timeout: Option<&Timespec>) -> bool {
    let stderr = io::stderr();
    poll(&mut [PollFd::new(&stderr, PollFlags::OUT)], timeout).is_ok_and(|ready| ready > 0)
}
