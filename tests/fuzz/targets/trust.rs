//! See `segue_conformance::bad_input::trust`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| segue_conformance::bad_input::trust(data));
