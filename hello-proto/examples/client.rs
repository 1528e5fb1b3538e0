//! A hello client over `std::net`: says its arguments in one session, and checks every reply.
//!
//!     cargo run -p hello-proto --example client -- 127.0.0.1:9999 Michael Tracy Sarah
//!
//! Everything is sent at once, and what comes back is read in whatever pieces the network makes of it:
//! [`ClientSession`] knows which replies are pending, and compares each of their bytes.

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use std::{env, str};

use hello_proto::{ClientSession, DEFAULT_MAX_MESSAGE, Framing, greeting};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:9999".to_owned());
    let messages: Vec<_> = arguments.collect();

    let mut session = ClientSession::new(Framing::Line, DEFAULT_MAX_MESSAGE);
    let mut out = Vec::new();
    for message in &messages {
        session.send(message.as_bytes(), &mut out)?;
    }
    session.exit(&mut out);

    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(&out)?;

    let mut buffer = [0; 4096];
    loop {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            break session.receive_end()?;
        }
        let mut input = &buffer[..length];
        while session.receive(&mut input)? > 0 {}
    }
    for message in &messages {
        println!("{}", str::from_utf8(&greeting(message.as_bytes()))?);
    }
    Ok(())
}
