#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../../hello-proto/tests/replay/server_session.rs"]
mod server_session;

fuzz_target!(|input: &[u8]| server_session::holds(input));
