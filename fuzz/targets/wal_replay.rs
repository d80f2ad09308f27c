//! The engine around [`fuzz::wal_replay`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::wal_replay(bytes));
