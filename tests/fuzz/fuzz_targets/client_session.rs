#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../../hello-proto/tests/replay/client_session.rs"]
mod client_session;

fuzz_target!(|input: &[u8]| client_session::holds(input));
