//! The engine around [`fuzz::line_protocol`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::line_protocol(bytes));
