use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

/// The server's side of a stream.
pub(super) trait Wire: Read + Write {
    /// Writes these bytes.
    fn says(&mut self, bytes: &[u8]) {
        self.write_all(bytes).unwrap();
    }

    /// Reads exactly these bytes.
    fn hears(&mut self, bytes: &[u8]) {
        let mut heard = vec![0; bytes.len()];
        self.read_exact(&mut heard).unwrap();
        assert_eq!(heard.escape_ascii().to_string(), bytes.escape_ascii().to_string());
    }
}

impl<S: Read + Write> Wire for S {}

/// A server for one session, and its endpoint.
pub(super) fn server(session: impl FnOnce(&mut dyn Wire) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    thread::spawn(move || session(&mut listener.accept().unwrap().0));
    endpoint
}
