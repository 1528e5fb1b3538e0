//! What a server has to say to what it has read, decided without `hello-proto`.

use hello_proto::Framing;

use crate::kernel::Limits;

/// How a session has ended, as far as the client can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Exit,
    Eof,
    TooLong,
    Idle,
    Shutdown,
}

#[derive(Debug)]
pub(crate) struct Oracle {
    pub(crate) limits: Limits,
    /// All that has to be written, from the welcome on.
    pub(crate) replies: Vec<u8>,
    pub(crate) messages: u64,
    pub(crate) end: Option<End>,
    partial: Vec<u8>,
}

impl Oracle {
    pub(crate) fn new(limits: Limits) -> Self {
        let (replies, partial) = (Vec::new(), Vec::new());
        let mut oracle = Self { limits, replies, messages: 0, end: None, partial };
        oracle.owe(b"Welcome!");
        oracle
    }

    /// One read has returned `bytes`.
    pub(crate) fn receive(&mut self, mut bytes: &[u8]) {
        while self.end.is_none() && !bytes.is_empty() {
            match self.limits.framing {
                Framing::Line => self.line(&mut bytes),
                Framing::Length => self.counted(&mut bytes),
                Framing::Raw => {
                    let count = bytes.len().min(self.limits.max_message);
                    self.message(bytes.split_off(..count).unwrap_or_default());
                }
            }
        }
    }

    fn line(&mut self, bytes: &mut &[u8]) {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let part = bytes.split_off(..end.unwrap_or(bytes.len())).unwrap_or_default();
        self.partial.extend(part);
        if bytes.split_off_first().is_some() {
            let line = std::mem::take(&mut self.partial);
            self.message(line.strip_suffix(b"\r").unwrap_or(&line));
        } else {
            let line = self.partial.strip_suffix(b"\r").unwrap_or(&self.partial);
            if line.len() > self.limits.max_message {
                self.too_long();
            }
        }
    }

    fn counted(&mut self, bytes: &mut &[u8]) {
        let length = self.partial.first_chunk().map(|length| u32::from_be_bytes(*length) as usize);
        let missing = 4 + length.unwrap_or(0) - self.partial.len();
        self.partial.extend(bytes.split_off(..missing.min(bytes.len())).unwrap_or_default());
        let Some((length, message)) = self.partial.split_first_chunk() else { return };
        let length = u32::from_be_bytes(*length) as usize;
        if length > self.limits.max_message {
            self.too_long();
        } else if message.len() == length {
            let whole = std::mem::take(&mut self.partial);
            self.message(&whole[4..]);
        }
    }

    /// A read has said that nothing more comes.
    pub(crate) fn finish(&mut self) {
        if self.end.is_some() {
            return;
        }
        if self.limits.framing == Framing::Line && !self.partial.is_empty() {
            let last = std::mem::take(&mut self.partial);
            self.message(&last);
        }
        self.end = self.end.or(Some(End::Eof));
    }

    fn message(&mut self, message: &[u8]) {
        if self.end.is_some() {
        } else if message.len() > self.limits.max_message {
            self.too_long();
        } else if message == b"exit" {
            self.end = Some(End::Exit);
        } else {
            self.messages += 1;
            self.owe(&[b"Hello, ", message, b"!"].concat());
        }
    }

    fn too_long(&mut self) {
        self.end = Some(End::TooLong);
        let limit = self.limits.max_message;
        self.owe(format!("Error: message longer than {limit} bytes").as_bytes());
    }

    /// The server adds `error` to all that it owed, which ends the session.
    pub(crate) fn close(&mut self, error: &[u8]) -> End {
        let idle = self.limits.idle_timeout as f64 / 1e9;
        let idle = format!("Error: no complete message for {idle} s");
        let end = if error == self.framed(b"Error: server is shutting down") {
            End::Shutdown
        } else if error == self.framed(idle.as_bytes()) {
            End::Idle
        } else {
            panic!("the server writes \"{}\", which nobody asked for", error.escape_ascii())
        };
        assert!(self.end.is_none(), "ended for {:?}, and then for {end:?}", self.end);
        self.end = Some(end);
        self.replies.extend(error);
        end
    }

    /// Whether these are the first and last words to a client that is rejected.
    pub(crate) fn is_rejection(&self, bytes: &[u8]) -> bool {
        let reasons: [&[u8]; 3] = [
            b"Error: server is full",
            b"Error: too many sessions from your address",
            b"Error: server is shutting down",
        ];
        reasons.iter().any(|reason| self.framed(reason) == bytes)
    }

    fn owe(&mut self, reply: &[u8]) {
        let reply = self.framed(reply);
        self.replies.extend(reply);
    }

    fn framed(&self, bytes: &[u8]) -> Vec<u8> {
        frame(self.limits.framing, bytes)
    }
}

/// A message as it is on the wire.
pub(crate) fn frame(framing: Framing, bytes: &[u8]) -> Vec<u8> {
    match framing {
        Framing::Line => [bytes, b"\n"].concat(),
        Framing::Length => [&(bytes.len() as u32).to_be_bytes(), bytes].concat(),
        Framing::Raw => bytes.to_vec(),
    }
}
