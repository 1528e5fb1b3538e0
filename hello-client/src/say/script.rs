//! The messages of a session: where they come from, and whether they can be sent.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::vec;

use hello_proto::{DecodeError, Decoder, Framing, MessageError, check_datagram};

use crate::error::{Error, advise};
use crate::options::{SayOptions, Target};

/// Messages that can be sent, one after the other.
///
/// What can be read twice has been checked to its end before the first message is given.
#[derive(Debug)]
pub(super) struct Script<'a> {
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
    /// The messages that `options` name, to be sent to `target`; those of the tutorial if they name
    /// none.
    ///
    /// # Errors
    ///
    /// A usage error, if a file cannot be opened, or if it can be read twice and holds a message
    /// that cannot be sent.
    pub(super) fn open(options: &SayOptions, target: &'a Target) -> Result<Self, Error> {
        match &options.file {
            Some(file) if file == Path::new("-") => {
                let file = io::stdin().as_fd().try_clone_to_owned().map(File::from);
                Self::of_lines(file, "standard input", target)
            }
            Some(path) => {
                Self::of_lines(File::open(path), &format!("--file '{}'", path.display()), target)
            }
            None if options.message.is_empty() => {
                Self::of_messages(["Michael", "Tracy", "Sarah"].map(Vec::from).into(), target)
            }
            None => {
                let messages = options.message.iter().cloned();
                Self::of_messages(messages.map(OsStringExt::into_vec).collect(), target)
            }
        }
    }

    /// The next message, if there is one; a last `exit` is left out, since the client sends it anyway.
    ///
    /// # Errors
    ///
    /// A usage error that names the message, if it cannot be read or cannot be sent.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let Some(message) = self.take()? else { return Ok(None) };
        let number = self.taken;
        let checked = if self.target.is_datagram() {
            check_datagram(&message, self.target.limit)
        } else {
            self.target.framing.check(&message, self.target.limit)
        };
        match checked {
            Ok(()) => Ok(Some(message)),
            Err(MessageError::Exit) if self.is_last()? => Ok(None),
            Err(error) => Err(self.error(number, &advise(error))),
        }
    }

    fn of_messages(messages: Vec<Vec<u8>>, target: &'a Target) -> Result<Self, Error> {
        Self::new(Origin::Arguments(messages.clone().into_iter()), target).check()?;
        Ok(Self::new(Origin::Arguments(messages.into_iter()), target))
    }

    fn of_lines(opened: io::Result<File>, name: &str, target: &'a Target) -> Result<Self, Error> {
        let failed = |error: io::Error| Error::usage(format!("{name}: {error}"));
        let mut file = opened.map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
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

    fn check(mut self) -> Result<(), Error> {
        while self.next()?.is_some() {}
        Ok(())
    }

    fn take(&mut self) -> Result<Option<Vec<u8>>, Error> {
        self.taken += 1;
        match &mut self.origin {
            Origin::Arguments(messages) => Ok(messages.next()),
            Origin::Lines { lines, .. } => lines.next().map_err(|why| self.error(self.taken, &why)),
        }
    }

    /// Whether the message that was taken last is the last one. A person who typed `exit` is not
    /// asked for more.
    fn is_last(&mut self) -> Result<bool, Error> {
        match self.origin {
            Origin::Lines { is_terminal: true, .. } => Ok(true),
            _ => Ok(self.take()?.is_none()),
        }
    }

    fn error(&self, number: u64, why: &str) -> Error {
        Error::usage(match &self.origin {
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

/// Reads lines as the protocol's line framing has them, with memory for one.
#[derive(Debug)]
struct Lines {
    file: File,
    decoder: Decoder,
    buffer: Vec<u8>,
    unread: Range<usize>,
}

impl Lines {
    /// The lines of `file`, each of at most `limit` bytes.
    fn new(file: File, limit: usize) -> Self {
        let decoder = Decoder::new(Framing::Line, limit);
        Self { file, decoder, buffer: vec![0; 8 * 1024], unread: 0..0 }
    }

    /// The next line, without its end.
    ///
    /// # Errors
    ///
    /// Why the line cannot be read, to be displayed behind its number.
    fn next(&mut self) -> Result<Option<Vec<u8>>, String> {
        let invalid = |error: DecodeError| format!("it is {error} (--max-message)");
        loop {
            let mut input = &self.buffer[self.unread.clone()];
            let line = self.decoder.decode(&mut input).map_err(invalid)?.map(<[u8]>::to_vec);
            self.unread.start = self.unread.end - input.len();
            if line.is_some() {
                return Ok(line);
            }
            match self.file.read(&mut self.buffer) {
                Ok(0) => break,
                Ok(length) => self.unread = 0..length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(self.decoder.finish().map_err(invalid)?.map(<[u8]>::to_vec))
    }
}

#[cfg(test)]
mod tests;
