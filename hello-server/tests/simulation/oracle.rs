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
    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        if self.limits.framing == Framing::Raw {
            let parts = bytes.chunks(self.limits.max_message);
            return parts.for_each(|part| self.message(part.to_vec()));
        }
        for &byte in bytes {
            if self.end.is_some() {
                return;
            }
            self.partial.push(byte);
            match self.limits.framing {
                Framing::Line => self.check_line(),
                Framing::Length | Framing::Raw => self.check_length(),
            }
        }
    }

    fn check_line(&mut self) {
        let line = &self.partial;
        if let Some(line) = line.strip_suffix(b"\n") {
            let line = line.strip_suffix(b"\r").unwrap_or(line).to_vec();
            self.partial.clear();
            self.message(line);
        } else if line.strip_suffix(b"\r").unwrap_or(line).len() > self.limits.max_message {
            self.too_long();
        }
    }

    fn check_length(&mut self) {
        let Some((length, message)) = self.partial.split_first_chunk() else { return };
        let length = u32::from_be_bytes(*length) as usize;
        if length > self.limits.max_message {
            self.too_long();
        } else if message.len() == length {
            let message = message.to_vec();
            self.partial.clear();
            self.message(message);
        }
    }

    /// A read has said that nothing more comes.
    pub(crate) fn finish(&mut self) {
        if self.end.is_some() {
            return;
        }
        if self.limits.framing == Framing::Line && !self.partial.is_empty() {
            let last = std::mem::take(&mut self.partial);
            self.message(last);
        }
        self.end = self.end.or(Some(End::Eof));
    }

    fn message(&mut self, message: Vec<u8>) {
        if self.end.is_some() {
        } else if message.len() > self.limits.max_message {
            self.too_long();
        } else if message == b"exit" {
            self.end = Some(End::Exit);
        } else {
            self.messages += 1;
            self.owe(&[b"Hello, ", &*message, b"!"].concat());
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
