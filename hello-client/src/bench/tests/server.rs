use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::thread;

/// A server whose sessions are as given, one after the other, each with its number, and its
/// endpoint.
pub(super) fn server(session: impl Fn(u64, Peer) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for number in 0.. {
            session(number, Peer::new(listener.accept().unwrap().0));
        }
    });
    endpoint
}

/// The server's side of a session.
pub(super) struct Peer {
    lines: BufReader<TcpStream>,
    writer: TcpStream,
}

impl Peer {
    pub(super) fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { writer: stream.try_clone().unwrap(), lines: BufReader::new(stream) }
    }

    pub(super) fn send(&mut self, text: &str) {
        // A client that has measured enough is gone.
        let _ = self.writer.write_all(text.as_bytes());
    }

    pub(super) fn receive(&mut self) -> Option<String> {
        let mut line = String::new();
        let length = self.lines.read_line(&mut line).unwrap_or_default();
        (length > 0).then(|| line.trim_end().to_owned())
    }

    /// Answers each message, as given for its number and text, until the client is gone.
    pub(super) fn answer(&mut self, answer: impl Fn(u64, &str) -> String) {
        self.send("Welcome!\n");
        let mut number = 0;
        while let Some(message) = self.receive() {
            self.send(&answer(number, &message));
            number += 1;
        }
    }
}

/// A server that answers datagrams by those given for the number of each and its greeting, and its
/// endpoint.
pub(super) fn relay(
    mut answers: impl FnMut(u64, Vec<u8>) -> Vec<Vec<u8>> + Send + 'static,
) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("udp://{}", socket.local_addr().unwrap());
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        for number in 0.. {
            let (length, client) = socket.recv_from(&mut buffer).unwrap();
            for answer in answers(number, hello_proto::greeting(&buffer[..length])) {
                let _ = socket.send_to(&answer, client);
            }
        }
    });
    endpoint
}
