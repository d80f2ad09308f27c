//! A log in a directory, for tests.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use watershed_model::{Counter, Epoch};
use watershed_wal::{Error, Outcome, Recovery, Settings, Wal, open};

/// A running log whose handler sends on the numbers of each group.
pub(crate) struct Log {
    pub(crate) wal: Wal<()>,
    groups: Receiver<Vec<u64>>,
}

impl Log {
    pub(crate) fn start(recovery: Recovery, epoch: u64, min_next: u64) -> Self {
        let (sender, groups) = channel();
        let on_group = move |outcome: Outcome<()>| {
            let Outcome::Durable(durable) = outcome else {
                panic!("{outcome:?}")
            };
            sender
                .send(durable.iter().map(|d| d.counter.get()).collect())
                .unwrap();
        };
        let wal = recovery
            .start(Epoch::new(epoch), Counter::new(min_next), on_group)
            .unwrap();
        Self { wal, groups }
    }

    /// Appends a record as a group of its own and returns its number.
    pub(crate) fn append(&self, record: &[u8]) -> u64 {
        self.wal.try_submit(record.to_vec(), ()).unwrap();
        let group = self.groups.recv().unwrap();
        assert_eq!(group.len(), 1);
        group[0]
    }
}

pub(crate) fn start(dir: &Path, settings: Settings, epoch: u64) -> Log {
    Log::start(open(dir, settings).unwrap(), epoch, 1)
}

/// Segments of one group each.
pub(crate) fn tiny_segments() -> Settings {
    Settings {
        segment_bytes_max: 1,
        ..Settings::default()
    }
}

/// Number, epoch and bytes of every record.
pub(crate) fn records(recovery: &Recovery) -> Vec<(u64, u64, Vec<u8>)> {
    let mut records = Vec::new();
    let visited = recovery.replay(|record| {
        records.push((
            record.counter.get(),
            record.epoch.get(),
            record.bytes.to_vec(),
        ));
        Ok::<_, Error>(())
    });
    visited.unwrap();
    records
}

/// The texts of all records.
pub(crate) fn texts(dir: &Path) -> Vec<String> {
    let records = records(&open(dir, Settings::default()).unwrap());
    records
        .into_iter()
        .map(|(_, _, bytes)| String::from_utf8(bytes).unwrap())
        .collect()
}

/// The segment files, oldest first.
pub(crate) fn segments(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|e| e == "wal"))
        .collect();
    paths.sort();
    paths
}
