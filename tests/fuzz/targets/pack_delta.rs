//! See `segue_conformance::bad_input::pack_delta`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| segue_conformance::bad_input::pack_delta(data));
