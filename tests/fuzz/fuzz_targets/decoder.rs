#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../../hello-proto/tests/replay/decoder.rs"]
mod decoder;

fuzz_target!(|input: &[u8]| decoder::holds(input));
