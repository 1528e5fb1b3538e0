#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../../hello-proto/tests/replay/datagram.rs"]
mod datagram;

fuzz_target!(|input: &[u8]| datagram::holds(input));
