//! What the fuzzer checks of any input, checked of the inputs that it found interesting: one file
//! an input under `replay/inputs/TARGET`. See CONTRIBUTING.md for how to look for more.

#[path = "replay/client_session.rs"]
mod client_session;
#[path = "replay/decoder.rs"]
mod decoder;
#[path = "replay/endpoint.rs"]
mod endpoint;
#[path = "replay/server_session.rs"]
mod server_session;

use std::fs;
use std::path::Path;

fn replay(target: &str, holds: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/replay/inputs").join(target);
    let mut inputs = 0;
    for entry in fs::read_dir(&folder).expect("the target has a folder of inputs") {
        let path = entry.expect("the folder can be listed").path();
        println!("{}", path.display());
        holds(&fs::read(path).expect("an input can be read"));
        inputs += 1;
    }
    assert!(inputs > 0, "{} is empty", folder.display());
}

#[test]
fn decoders_hold_for_every_interesting_input() {
    replay("decoder", decoder::holds);
}

#[test]
fn the_servers_session_holds_for_every_interesting_input() {
    replay("server_session", server_session::holds);
}

#[test]
fn the_clients_session_holds_for_every_interesting_input() {
    replay("client_session", client_session::holds);
}

#[test]
fn endpoints_hold_for_every_interesting_input() {
    replay("endpoint", endpoint::holds);
}
