//! The output of a process, line by line, as it comes.

use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Instant;

use super::DEADLINE;

/// One of a process's outputs.
pub(crate) struct Output {
    incoming: Receiver<Vec<u8>>,
    seen: Vec<u8>,
}

impl Output {
    pub(crate) fn of(source: impl Read + Send + 'static) -> Self {
        let (sender, incoming) = mpsc::channel();
        thread::spawn(move || {
            let mut source = BufReader::new(source);
            loop {
                let mut line = Vec::new();
                match source.read_until(b'\n', &mut line) {
                    Ok(1..) if sender.send(line).is_ok() => {}
                    _ => break,
                }
            }
        });
        Self { incoming, seen: Vec::new() }
    }

    /// The next line, without its end; `None` at the end of the output.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Option<String> {
        let line = self.receive(Instant::now() + DEADLINE)?;
        Some(String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned())
    }

    /// The next line that contains `words`.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, words: &str) -> String {
        let deadline = Instant::now() + DEADLINE;
        while let Some(line) = self.receive(deadline) {
            let line = String::from_utf8_lossy(&line);
            if line.contains(words) {
                return line.into_owned();
            }
        }
        panic!("no line with '{words}' in:\n{}", self.text());
    }

    /// All of the output, once it has ended.
    #[track_caller]
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let deadline = Instant::now() + DEADLINE;
        while self.receive(deadline).is_some() {}
        std::mem::take(&mut self.seen)
    }

    #[track_caller]
    fn receive(&mut self, deadline: Instant) -> Option<Vec<u8>> {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.incoming.recv_timeout(left) {
            Ok(line) => {
                self.seen.extend_from_slice(&line);
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                panic!("nothing more within {DEADLINE:?} after:\n{}", self.text())
            }
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }
}
