//! The messages of a session: where they come from, and whether they can be sent.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Seek, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::vec;

use hello_proto::{DecodeError, Decoder, Framing, MessageError};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::error::{Error, advise};
use crate::options::{SayOptions, Target};

/// Messages that can be sent, one after the other.
///
/// What can be read twice has been checked to its end before the first message is given.
pub(super) struct Script<'a> {
    messages: Messages,
    /// What an error calls a message, before its number.
    label: String,
    /// How many messages were taken.
    taken: u64,
    is_terminal: bool,
    target: &'a Target,
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

    /// Waits until the next message is there, or all are taken; returns whether `connection` can be
    /// read before that.
    pub(super) fn is_interrupted_by(&mut self, connection: BorrowedFd<'_>) -> bool {
        match &mut self.messages {
            Messages::Given(_) => false,
            Messages::Lines(lines) => lines.is_interrupted_by(connection),
        }
    }

    /// The next message, if there is one; a last `exit` is left out, since the client sends it anyway.
    ///
    /// # Errors
    ///
    /// A usage error that names the message, if it cannot be read or cannot be sent.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        self.taken += 1;
        let message = self.messages.next().map_err(|why| self.error(&why))?;
        let Some(message) = message else { return Ok(None) };
        match self.target.check(&message) {
            Ok(()) => Ok(Some(message)),
            // A person who typed `exit` is not asked for more.
            Err(MessageError::Exit)
                if self.is_terminal || matches!(self.messages.next(), Ok(None)) =>
            {
                Ok(None)
            }
            Err(error) => Err(self.error(&advise(error))),
        }
    }

    fn of_messages(messages: Vec<Vec<u8>>, target: &'a Target) -> Result<Self, Error> {
        let script = |messages: Vec<_>| {
            let messages = Messages::Given(messages.into_iter());
            Self { messages, label: "MESSAGE".to_owned(), taken: 0, is_terminal: false, target }
        };
        script(messages.clone()).check()?;
        Ok(script(messages))
    }

    fn of_lines(opened: io::Result<File>, name: &str, target: &'a Target) -> Result<Self, Error> {
        let failed = |error: io::Error| Error::usage(format!("{name}: {error}"));
        let mut file = opened.map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        let is_terminal = file.is_terminal();
        let script = |file| {
            let messages = Messages::Lines(Lines::new(file, target.limit));
            Self { messages, label: format!("{name}, line"), taken: 0, is_terminal, target }
        };
        if metadata.is_file() {
            let start = file.stream_position().map_err(failed)?;
            script(file.try_clone().map_err(failed)?).check()?;
            file.seek(SeekFrom::Start(start)).map_err(failed)?;
        }
        Ok(script(file))
    }

    fn check(mut self) -> Result<(), Error> {
        while self.next()?.is_some() {}
        Ok(())
    }

    /// What is wrong with the message that was taken last.
    fn error(&self, why: &str) -> Error {
        Error::usage(format!("{} {}: {why}", self.label, self.taken))
    }
}

/// Where messages come from.
enum Messages {
    Given(vec::IntoIter<Vec<u8>>),
    Lines(Lines),
}

impl Messages {
    /// The next message, if there is one, or why it cannot be read.
    fn next(&mut self) -> Result<Option<Vec<u8>>, String> {
        match self {
            Self::Given(messages) => Ok(messages.next()),
            Self::Lines(lines) => lines.next(),
        }
    }
}

/// Lines as the protocol's line framing has them, read with memory for one.
struct Lines {
    file: BufReader<File>,
    decoder: Decoder,
    /// What was read while waiting for it.
    next: Option<Line>,
}

/// A line without its end, the end of the file, or why it cannot be read.
type Line = Result<Option<Vec<u8>>, String>;

impl Lines {
    /// The lines of `file`, each of at most `limit` bytes.
    fn new(file: File, limit: usize) -> Self {
        let decoder = Decoder::new(Framing::Line, limit);
        Self { file: BufReader::new(file), decoder, next: None }
    }

    fn next(&mut self) -> Line {
        loop {
            if let Some(line) = self.next.take().or_else(|| self.read()) {
                return line;
            }
        }
    }

    fn is_interrupted_by(&mut self, connection: BorrowedFd<'_>) -> bool {
        while self.next.is_none() {
            if self.file.buffer().is_empty() && is_read_first(connection, self.file.get_ref()) {
                return true;
            }
            self.next = self.read();
        }
        false
    }

    /// Reads at most once; `None` if that did not complete a line.
    fn read(&mut self) -> Option<Line> {
        let invalid = |error: DecodeError| format!("it is {error} (--max-message)");
        let mut input = match self.file.fill_buf() {
            Ok(b"") => {
                let rest = self.decoder.finish();
                return Some(rest.map(|line| line.map(<[u8]>::to_vec)).map_err(invalid));
            }
            Ok(input) => input,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return None,
            Err(error) => return Some(Err(error.to_string())),
        };
        let available = input.len();
        let line = self.decoder.decode(&mut input).map(|line| line.map(<[u8]>::to_vec));
        let used = available - input.len();
        self.file.consume(used);
        line.map(|line| line.map(Some)).map_err(invalid).transpose()
    }
}

/// Waits until one of the two can be read; returns whether `connection` can, and `file` cannot.
fn is_read_first(connection: BorrowedFd<'_>, file: &File) -> bool {
    let mut both =
        [PollFd::new(file, PollFlags::IN), PollFd::from_borrowed_fd(connection, PollFlags::IN)];
    loop {
        match poll(&mut both, None) {
            Ok(_) => return both[0].revents().is_empty(),
            Err(Errno::INTR) => {}
            // Reading the file says what is wrong with it.
            Err(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests;
