//! Random records, sizes and restarts against a plain list.

use crate::log::{records, segments, start};
use proptest::prelude::*;
use std::ops::Range;
use tempfile::TempDir;
use watershed_model::Counter;
use watershed_wal::{Error, Found, Settings, inspect, open, salvage};

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

/// Damage to one place of one segment.
#[derive(Debug, Clone)]
enum Damage {
    Flip {
        segment: usize,
        at: usize,
    },
    Zero {
        segment: usize,
        at: usize,
        bytes: usize,
    },
    Truncate {
        segment: usize,
        at: usize,
    },
}

fn damage() -> impl Strategy<Value = Damage> {
    let place = || (0..3_usize, 0..1_000_usize);
    prop_oneof![
        place().prop_map(|(segment, at)| Damage::Flip { segment, at }),
        (place(), 1..200_usize).prop_map(|((segment, at), bytes)| Damage::Zero {
            segment,
            at,
            bytes
        }),
        place().prop_map(|(segment, at)| Damage::Truncate { segment, at }),
    ]
}

impl Damage {
    fn apply(&self, files: &mut [Vec<u8>]) {
        match *self {
            Self::Flip { segment, at } => {
                let bytes = &mut files[segment];
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 0x40;
                }
            }
            Self::Zero { segment, at, bytes } => {
                let all = &mut files[segment];
                let (from, to) = (at.min(all.len()), (at + bytes).min(all.len()));
                all[from..to].fill(0);
            }
            Self::Truncate { segment, at } => files[segment].truncate(at),
        }
    }
}

/// Where the group of a record is: index of the segment, bytes, and the record.
type Place = (usize, Range<usize>, Vec<u8>);

/// A log of three segments with records of those sizes in each, and where each is.
fn whole_log(sizes: &[usize]) -> (TempDir, Vec<Place>) {
    let dir = TempDir::new().unwrap();
    let mut groups = Vec::new();
    for segment in 0..3 {
        let log = start(dir.path(), Settings::default(), segment as u64 + 1);
        let mut end = 64;
        for (index, bytes) in sizes.iter().enumerate() {
            let record = vec![(segment * sizes.len() + index) as u8 | 1; *bytes];
            log.append(&record);
            let begin = end;
            end += 32 + 4 + bytes;
            groups.push((segment, begin..end, record));
        }
    }
    (dir, groups)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..<_>::default() })]

    #[test]
    fn salvage_finds_every_group_that_is_whole_and_invents_none(
        sizes in prop::collection::vec(0..120_usize, 1..8),
        damages in prop::collection::vec(damage(), 0..4),
    ) {
        let (dir, groups) = whole_log(&sizes);
        let paths = segments(dir.path());
        let whole: Vec<_> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
        let mut files = whole.clone();
        damages.iter().for_each(|damage| damage.apply(&mut files));
        for (path, bytes) in paths.iter().zip(&files) {
            std::fs::write(path, bytes).unwrap();
        }
        let mut found = Vec::new();
        let inspection = salvage(dir.path(), |what| {
            if let Found::Record { record, .. } = what {
                found.push((record.counter.get(), record.bytes.to_vec()));
            }
            Ok::<_, Error>(())
        });
        let inspection = inspection.unwrap();
        prop_assert_eq!(&inspect(dir.path()).unwrap(), &inspection);
        let expected: Vec<_> = (1..)
            .zip(&groups)
            .filter(|(_, (segment, range, _))| {
                files[*segment].get(range.clone()) == whole[*segment].get(range.clone())
            })
            .map(|(number, (_, _, record))| (number, record.clone()))
            .collect();
        prop_assert_eq!(found, expected);
        prop_assert_eq!(inspection.is_intact(), open(dir.path(), Settings::default()).is_ok());
    }
}
