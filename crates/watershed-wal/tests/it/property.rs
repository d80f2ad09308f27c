//! Random records, sizes and restarts against a plain list.

use crate::log::{records, start};
use proptest::prelude::*;
use tempfile::TempDir;
use watershed_model::Counter;
use watershed_wal::{Settings, open};

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<u8>),
    Restart,
    TruncateBefore(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => prop::collection::vec(any::<u8>(), 0..2_000).prop_map(Step::Append),
        1 => Just(Step::Restart),
        1 => (0..40_u64).prop_map(Step::TruncateBefore),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..<_>::default() })]

    #[test]
    fn replay_gives_what_was_appended(
        steps in prop::collection::vec(step(), 1..40),
        segment_bytes_max in 1..8_000_u64,
    ) {
        let dir = TempDir::new().unwrap();
        let settings = Settings { segment_bytes_max, ..Settings::default() };
        let mut expected = Vec::new();
        let (mut epoch, mut truncated_before) = (1, 1);
        let mut log = start(dir.path(), settings, epoch);
        for step in steps {
            match step {
                Step::Append(bytes) => {
                    let number = log.append(&bytes);
                    prop_assert_eq!(number, expected.len() as u64 + 1);
                    expected.push((number, epoch, bytes));
                }
                Step::Restart => {
                    drop(log);
                    epoch += 1;
                    log = start(dir.path(), settings, epoch);
                }
                Step::TruncateBefore(counter) => {
                    log.wal.truncate_before(Counter::new(counter)).unwrap();
                    truncated_before = truncated_before.max(counter);
                }
            }
        }
        drop(log);
        let recovery = open(dir.path(), settings).unwrap();
        let found = records(&recovery);
        prop_assert_eq!(recovery.next_counter().get(), expected.len() as u64 + 1);
        // What is below the truncation may be there, what is not below it must.
        let kept = expected.len() - found.len();
        prop_assert_eq!(&found, &expected[kept..]);
        let must = expected.iter().filter(|(number, ..)| *number >= truncated_before).count();
        prop_assert!(found.len() >= must);
    }
}
