#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../../hello-proto/tests/replay/proxy_header.rs"]
mod proxy_header;

fuzz_target!(|input: &[u8]| proxy_header::holds(input));
