//! The messages of a session: where they come from, and whether they can be said.

mod lines;

use std::fmt::Display;
use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::vec;

use hello_proto::{Unsayable, is_exit};

use crate::config::{Source, Target};
use crate::failure::Failure;
use lines::{Lines, unreadable};

/// Messages that can be said, one after the other.
///
/// What can be read twice has been checked to its end before the first message is given.
#[derive(Debug)]
pub(crate) struct Script<'a> {
    origin: Origin,
    target: &'a Target,
    /// How many messages were taken from the origin.
    taken: u64,
}

#[derive(Debug)]
enum Origin {
    Arguments(vec::IntoIter<Vec<u8>>),
    Lines { lines: Lines, name: String, is_terminal: bool },
}

impl<'a> Script<'a> {
    /// The messages of `source`, to be said to `target`.
    ///
    /// # Errors
    ///
    /// A usage failure, if the source cannot be opened, or if it can be read twice and holds a
    /// message that cannot be said.
    pub(crate) fn open(source: &Source, target: &'a Target) -> Result<Self, Failure> {
        match source {
            Source::Arguments(messages) => {
                let script = || Self::new(Origin::Arguments(messages.clone().into_iter()), target);
                script().check()?;
                Ok(script())
            }
            Source::File(path) => {
                Self::of_lines(File::open(path), &format!("--file '{}'", path.display()), target)
            }
            Source::Stdin => {
                let file = io::stdin().as_fd().try_clone_to_owned().map(File::from);
                Self::of_lines(file, "standard input", target)
            }
        }
    }

    /// The next message, if there is one; a last `exit`, which the client says anyway, is none.
    ///
    /// # Errors
    ///
    /// A usage failure that names the message, if it cannot be read or cannot be said.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let Some(message) = self.take()? else { return Ok(None) };
        let number = self.taken;
        let sayable = match self.target.is_datagram() {
            true => within_limit(&message, self.target.limit),
            false if !is_exit(&message) => self.target.framing.check(&message, self.target.limit),
            false if self.ends_here()? => return Ok(None),
            false => Err(Unsayable::Exit),
        };
        sayable.map_err(|why| self.failure(number, &why))?;
        Ok(Some(message))
    }

    fn of_lines(opened: io::Result<File>, name: &str, target: &'a Target) -> Result<Self, Failure> {
        let failed = |error| Failure::usage(format!("{name}: {}", unreadable(&error)));
        let mut file = opened.map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(failed(ErrorKind::IsADirectory.into()));
        }
        if metadata.is_file() {
            let start = file.stream_position().map_err(failed)?;
            let again = file.try_clone().map_err(failed)?;
            Self::new(Origin::lines(again, name, target), target).check()?;
            file.seek(SeekFrom::Start(start)).map_err(failed)?;
        }
        Ok(Self::new(Origin::lines(file, name, target), target))
    }

    fn new(origin: Origin, target: &'a Target) -> Self {
        Self { origin, target, taken: 0 }
    }

    fn check(mut self) -> Result<(), Failure> {
        while self.next()?.is_some() {}
        Ok(())
    }

    fn take(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        self.taken += 1;
        match &mut self.origin {
            Origin::Arguments(messages) => Ok(messages.next()),
            Origin::Lines { lines, .. } => {
                lines.next().map_err(|why| self.failure(self.taken, &why))
            }
        }
    }

    /// Whether the message that was taken last is the last one. A person who typed `exit` is not
    /// asked for more.
    fn ends_here(&mut self) -> Result<bool, Failure> {
        match self.origin {
            Origin::Lines { is_terminal: true, .. } => Ok(true),
            _ => Ok(self.take()?.is_none()),
        }
    }

    fn failure(&self, number: u64, why: &dyn Display) -> Failure {
        Failure::usage(match &self.origin {
            Origin::Arguments(_) => format!("MESSAGE {number}: {why}"),
            Origin::Lines { name, .. } => format!("{name}, line {number}: {why}"),
        })
    }
}

impl Origin {
    fn lines(file: File, name: &str, target: &Target) -> Self {
        let is_terminal = file.is_terminal();
        Self::Lines { lines: Lines::new(file, target.limit), name: name.to_owned(), is_terminal }
    }
}

fn within_limit(message: &[u8], limit: usize) -> Result<(), Unsayable> {
    let length = message.len();
    if length > limit { Err(Unsayable::TooLong { length, limit }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
