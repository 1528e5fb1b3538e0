//! The threads of a server: each reports its end, so that none can be missing unnoticed.

use std::any::Any;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::thread;

use crossbeam_channel::{Receiver, Sender, unbounded};

/// How one thread ended: as it was told to, or with what went wrong.
#[derive(Debug)]
pub(crate) struct ThreadExit {
    pub(crate) name: String,
    pub(crate) outcome: Result<(), String>,
}

/// Starts threads, and receives their exits.
#[derive(Debug)]
pub(crate) struct Threads {
    report: Sender<ThreadExit>,
    pub(crate) exits: Receiver<ThreadExit>,
    pub(crate) running: usize,
}

impl Threads {
    pub(crate) fn new() -> Self {
        // Each thread reports once, so the number of threads bounds it.
        let (report, exits) = unbounded();
        Self { report, exits, running: 0 }
    }

    pub(crate) fn spawn(
        &mut self,
        name: String,
        run: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        let report = self.report.clone();
        thread::Builder::new().name(name.clone()).spawn(move || {
            // What a panic leaves behind is not used again: the process ends.
            let outcome = match panic::catch_unwind(AssertUnwindSafe(run)) {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(error.to_string()),
                Err(panic) => Err(format!("panicked: {}", message(&*panic))),
            };
            // Nobody receives it once the grace is over.
            let _ = report.send(ThreadExit { name, outcome });
        })?;
        self.running += 1;
        Ok(())
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
