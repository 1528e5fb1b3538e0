//! The lines of a file, of any bytes.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::ops::Range;

use hello_proto::{Decoder, Framing, TooLong};

/// Reads lines as the protocol's line framing has them, with memory for one.
#[derive(Debug)]
pub(super) struct Lines {
    file: File,
    decoder: Decoder,
    buffer: Vec<u8>,
    unread: Range<usize>,
}

impl Lines {
    /// The lines of `file`, each of at most `limit` bytes.
    pub(super) fn new(file: File, limit: usize) -> Self {
        let decoder = Decoder::new(Framing::Line, limit);
        Self { file, decoder, buffer: vec![0; 8 * 1024], unread: 0..0 }
    }

    /// The next line, without its end.
    ///
    /// # Errors
    ///
    /// A clause that says why it cannot be had, to stand behind the place of the line.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, String> {
        loop {
            let mut input = &self.buffer[self.unread.clone()];
            let line = self.decoder.decode(&mut input).map_err(too_long)?.map(<[u8]>::to_vec);
            self.unread.start = self.unread.end - input.len();
            if line.is_some() {
                return Ok(line);
            }
            match self.file.read(&mut self.buffer) {
                Ok(0) => break,
                Ok(length) => self.unread = 0..length,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(&error)),
            }
        }
        Ok(self.decoder.finish().map_err(too_long)?.map(<[u8]>::to_vec))
    }
}

/// The clause of an error in reading.
pub(super) fn unreadable(error: &io::Error) -> String {
    format!("{error}, expected messages, one a line")
}

fn too_long(TooLong { limit }: TooLong) -> String {
    format!("it is longer than {limit} bytes, expected at most that (--max-message)")
}
