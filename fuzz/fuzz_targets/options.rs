//! libFuzzer before the target of this name in `hostile`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| hostile_fuzz::run("options", octets));
