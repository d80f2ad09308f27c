//! The engine around [`fuzz::influxql`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::influxql(bytes));
