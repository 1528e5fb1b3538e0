//! The messages of a session: where they come from, and whether they can be sent.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Seek, SeekFrom};
use std::iter::Peekable;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use hello_proto::{DecodeError, Decoder, Framing, MessageError};

use crate::error::{Error, advise};
use crate::options::{SayOptions, Target};

/// Messages that can be sent, one after the other.
///
/// What can be read twice has been checked to its end before the first message is given.
pub(super) struct Script<'a> {
    /// The messages, or why the next one cannot be read.
    messages: Peekable<Box<dyn Iterator<Item = Result<Vec<u8>, String>>>>,
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

    /// The next message, if there is one; a last `exit` is left out, since the client sends it anyway.
    ///
    /// # Errors
    ///
    /// A usage error that names the message, if it cannot be read or cannot be sent.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        self.taken += 1;
        let message = self.messages.next().transpose();
        let Some(message) = message.map_err(|why| self.error(&why))? else { return Ok(None) };
        match self.target.check(&message) {
            Ok(()) => Ok(Some(message)),
            // A person who typed `exit` is not asked for more.
            Err(MessageError::Exit) if self.is_terminal || self.messages.peek().is_none() => {
                Ok(None)
            }
            Err(error) => Err(self.error(&advise(error))),
        }
    }

    fn of_messages(messages: Vec<Vec<u8>>, target: &'a Target) -> Result<Self, Error> {
        let script = |messages: Vec<_>| {
            Self::new(messages.into_iter().map(Ok), "MESSAGE".to_owned(), false, target)
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
            Self::new(Lines::new(file, target.limit), format!("{name}, line"), is_terminal, target)
        };
        if metadata.is_file() {
            let start = file.stream_position().map_err(failed)?;
            script(file.try_clone().map_err(failed)?).check()?;
            file.seek(SeekFrom::Start(start)).map_err(failed)?;
        }
        Ok(script(file))
    }

    fn new(
        messages: impl Iterator<Item = Result<Vec<u8>, String>> + 'static,
        label: String,
        is_terminal: bool,
        target: &'a Target,
    ) -> Self {
        let messages: Box<dyn Iterator<Item = _>> = Box::new(messages);
        Self { messages: messages.peekable(), label, taken: 0, is_terminal, target }
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

/// Lines as the protocol's line framing has them, read with memory for one.
struct Lines {
    file: BufReader<File>,
    decoder: Decoder,
}

impl Lines {
    /// The lines of `file`, each of at most `limit` bytes.
    fn new(file: File, limit: usize) -> Self {
        Self { file: BufReader::new(file), decoder: Decoder::new(Framing::Line, limit) }
    }

    /// The next line, without its end.
    fn read(&mut self) -> Result<Option<Vec<u8>>, String> {
        let invalid = |error: DecodeError| format!("it is {error} (--max-message)");
        loop {
            let mut input = match self.file.fill_buf() {
                Ok(b"") => break,
                Ok(input) => input,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.to_string()),
            };
            let available = input.len();
            let line = self.decoder.decode(&mut input).map_err(invalid)?.map(<[u8]>::to_vec);
            let used = available - input.len();
            self.file.consume(used);
            if line.is_some() {
                return Ok(line);
            }
        }
        Ok(self.decoder.finish().map_err(invalid)?.map(<[u8]>::to_vec))
    }
}

impl Iterator for Lines {
    type Item = Result<Vec<u8>, String>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

#[cfg(test)]
mod tests;
