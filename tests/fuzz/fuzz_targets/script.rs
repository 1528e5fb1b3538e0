#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../client.rs"]
mod client;

use client::*;

fuzz_target!(|input: &[u8]| say::replay::holds(input));
