//! A hello server over `std::net`: a thread for each client, with blocking reads and writes.
//!
//!     cargo run -p hello-proto --example server -- 127.0.0.1:9999
//!
//! What a message is, what answers it, and when a session is over is decided by [`ServerSession`]
//! alone. It never sees the socket, so the same code serves here, where a thread blocks for each
//! client, in `hello-server`, where a few threads serve thousands and never block, and in tests,
//! which have no socket at all. `hello-server` adds what this program lacks: bounds, and a stop.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;
use std::{env, thread};

use hello_proto::{DEFAULT_MAX_MESSAGE, Framing, ServerSession};

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9999".to_owned());
    let listener = TcpListener::bind(address)?;
    println!("listening on tcp://{}", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        thread::spawn(move || {
            if let Err(error) = serve(stream) {
                eprintln!("a session was lost: {error}");
            }
        });
    }
    Ok(())
}

fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut session = ServerSession::new(Framing::Line, DEFAULT_MAX_MESSAGE);
    let mut buffer = [0; 4096];
    let mut out = Vec::new();
    session.start(&mut out);
    stream.write_all(&out)?;
    while !session.is_closed() {
        out.clear();
        let length = stream.read(&mut buffer)?;
        let mut input = &buffer[..length];
        if length == 0 {
            session.receive_end(&mut out);
        }
        // A loop, since a session stops when it has much to send: its output is bounded, too.
        while !input.is_empty() {
            session.receive(&mut input, &mut out);
            stream.write_all(&out)?;
            out.clear();
        }
        stream.write_all(&out)?;
    }
    Ok(())
}
