//! What has to hold for any bytes whatsoever, one function a target.
//!
//! 1. A function takes bytes and panics when something does not hold.
//! 2. `targets/` puts libFuzzer around each: `cargo xtask fuzz` builds them with coverage and runs them.
//! 3. The test in this file runs the checked-in inputs, `corpus/NAME/`, through the same functions, with
//!    any compiler and in every run of the tests.
//!
//! An input that once made a function panic is checked in when the fault is gone, named after what was
//! wrong.

mod batch_codec;
mod influxql;
mod line_protocol;
// The parser's own twin: the grammar once more, without any thought of speed.
#[path = "../../crates/watershed-line-protocol/tests/it/twin.rs"]
mod twin;
mod wal_replay;

pub use batch_codec::batch_codec;
pub use influxql::influxql;
pub use line_protocol::line_protocol;
pub use wal_replay::wal_replay;

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Runs every checked-in input of a target. A panic names the file.
    #[track_caller]
    fn run_corpus(name: &str, target: fn(&[u8])) {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("corpus")
            .join(name);
        let mut count = 0;
        for entry in std::fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            let outcome = std::panic::catch_unwind(|| target(&bytes));
            assert!(outcome.is_ok(), "{}", path.display());
            count += 1;
        }
        assert!(count >= 10, "{} has {count} inputs", dir.display());
        target(b"");
    }

    #[test]
    fn line_protocol() {
        run_corpus("line_protocol", super::line_protocol);
    }

    #[test]
    fn batch_codec() {
        run_corpus("batch_codec", super::batch_codec);
    }

    #[test]
    fn wal_replay() {
        run_corpus("wal_replay", super::wal_replay);
    }

    #[test]
    fn influxql() {
        run_corpus("influxql", super::influxql);
    }
}
