//! The engine around [`fuzz::batch_codec`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::batch_codec(bytes));
