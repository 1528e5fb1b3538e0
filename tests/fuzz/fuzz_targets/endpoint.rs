#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../../hello-proto/tests/replay/endpoint.rs"]
mod endpoint;

fuzz_target!(|input: &[u8]| endpoint::holds(input));
