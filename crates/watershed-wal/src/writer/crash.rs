//! Power cuts at every step of writing, on a disk that keeps any part of what was not synced.

use super::*;
use crate::files::FillFile;
use crate::queue::Entry;
use crate::{Settings, open};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tempfile::TempDir;

/// What a disk writes as a whole or not at all.
const SECTOR_BYTES: usize = 512;

/// A disk in memory. Clones are the same disk.
#[derive(Debug, Clone, Default)]
struct SimulatedDisk(Arc<Mutex<Platters>>);

#[derive(Debug, Default)]
struct Platters {
    files: BTreeMap<String, SimulatedFile>,
    /// The operations until the power goes.
    operations_left: usize,
    /// The next so many syncs fail, and what they should have made durable may be lost.
    failing_syncs: usize,
}

/// A file as programs see it and as it would be after a power cut.
#[derive(Debug, Clone, Default)]
struct SimulatedFile {
    seen: Vec<u8>,
    durable: Vec<u8>,
    dirty: BTreeSet<usize>,
}

impl SimulatedFile {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if self.seen.len() < end {
            self.seen.resize(end, 0);
        }
        self.seen[offset..end].copy_from_slice(bytes);
        self.dirty
            .extend(offset / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES));
    }

    fn sync(&mut self) {
        self.durable.clone_from(&self.seen);
        self.dirty.clear();
    }

    /// What is there after a power cut: any of the sectors, and any of the lengths on the way.
    fn after_cut(&self, random: &mut Random) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        let (short, long) = (
            bytes.len().min(self.seen.len()),
            bytes.len().max(self.seen.len()),
        );
        bytes.resize(short + random.below(long - short + 1), 0);
        for sector in &self.dirty {
            let from = sector * SECTOR_BYTES;
            let to = (from + SECTOR_BYTES).min(self.seen.len()).min(bytes.len());
            if from < to && random.below(2) == 0 {
                bytes[from..to].copy_from_slice(&self.seen[from..to]);
            }
        }
        bytes
    }
}

impl Platters {
    fn operate(&mut self) -> io::Result<()> {
        if self.operations_left == 0 {
            return Err(io::Error::other("the power is off"));
        }
        self.operations_left -= 1;
        Ok(())
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.operate()?;
        if self.failing_syncs > 0 {
            self.failing_syncs -= 1;
            return Err(io::Error::other("a bad sector"));
        }
        self.file(name).sync();
        Ok(())
    }

    fn file(&mut self, name: &str) -> &mut SimulatedFile {
        self.files.get_mut(name).unwrap()
    }
}

impl SimulatedDisk {
    fn lock(&self) -> MutexGuard<'_, Platters> {
        self.0.lock().unwrap()
    }

    /// Puts what a power cut leaves into a real directory.
    fn cut_power(&self, dir: &Path, random: &mut Random) {
        for (name, file) in &self.lock().files {
            std::fs::write(dir.join(name), file.after_cut(random)).unwrap();
        }
    }
}

impl Files for SimulatedDisk {
    fn create(
        &mut self,
        _dir: &Path,
        name: &str,
        header: &[u8],
        zeros: usize,
    ) -> io::Result<Box<dyn SegmentFile>> {
        let mut platters = self.lock();
        let unfinished = format!("{name}.new");
        platters.operate()?;
        let file = platters.files.entry(unfinished.clone()).or_default();
        *file = SimulatedFile::default();
        file.write(0, header);
        file.write(header.len(), &vec![0; zeros]);
        platters.operate()?;
        platters.file(&unfinished).sync();
        platters.operate()?;
        let file = platters.files.remove(&unfinished).unwrap();
        platters.files.insert(name.to_owned(), file);
        // The sync of the directory; the name may be there without it.
        platters.operate()?;
        drop(platters);
        Ok(Box::new(Handle {
            disk: self.clone(),
            name: name.to_owned(),
            position: header.len(),
        }))
    }
}

#[derive(Debug)]
struct Handle {
    disk: SimulatedDisk,
    name: String,
    position: usize,
}

impl SegmentFile for Handle {
    fn append(&mut self, slices: &mut [IoSlice<'_>]) -> io::Result<()> {
        let mut platters = self.disk.lock();
        for slice in slices {
            // In parts, so that the power can go in between.
            for part in slice.chunks(700) {
                platters.operate()?;
                platters.file(&self.name).write(self.position, part);
                self.position += part.len();
            }
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.lock().sync(&self.name)
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.trim(bytes)?;
        self.disk.lock().sync(&self.name)
    }

    fn trim(&mut self, bytes: u64) -> io::Result<()> {
        let mut platters = self.disk.lock();
        platters.operate()?;
        platters.file(&self.name).seen.truncate(bytes as usize);
        Ok(())
    }

    fn filler(&self) -> io::Result<Arc<dyn FillFile>> {
        Ok(Arc::new(FillHandle {
            disk: self.disk.clone(),
            name: self.name.clone(),
        }))
    }
}

#[derive(Debug)]
struct FillHandle {
    disk: SimulatedDisk,
    name: String,
}

impl FillFile for FillHandle {
    fn fill(&self, offset: u64, zeros: &[u8]) -> io::Result<()> {
        let mut platters = self.disk.lock();
        platters.operate()?;
        platters.file(&self.name).write(offset as usize, zeros);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.lock().sync(&self.name)
    }
}

/// Numbers that look random and are the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) as usize % limit
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// A group of records of these sizes.
    Write(Vec<usize>),
    /// The thread that makes room gets its turn.
    Fill,
    /// The next sync fails.
    FailSync,
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![4 => 0..300_usize, 1 => 0..5_000_usize];
    prop_oneof![
        8 => prop::collection::vec(size, 1..4).prop_map(Step::Write),
        4 => Just(Step::Fill),
        1 => Just(Step::FailSync),
    ]
}

fn writer(disk: &SimulatedDisk, segment_bytes_max: u64) -> Writer {
    let shared = Arc::new(Shared {
        dir: "/simulated".into(),
        _lock: tempfile::tempfile().unwrap(),
        sealed: Mutex::default(),
        stats: Stats::default(),
        space: Space::default(),
    });
    let files = Box::new(disk.clone());
    let next = Counter::new(1);
    Writer::new(shared, files, Epoch::new(1), segment_bytes_max, None, next)
}

/// A record that tells its attempt and its size.
fn record(attempt: usize, bytes: usize) -> Vec<u8> {
    let mut record = attempt.to_le_bytes().to_vec();
    record.resize(8 + bytes, attempt as u8 | 1);
    record
}

/// Takes the steps until the power goes. Returns the acknowledged records, and those of the groups that
/// were tried and failed since the last acknowledged one, newest last.
fn run(
    disk: &SimulatedDisk,
    steps: &[Step],
    segment_bytes_max: u64,
) -> (Vec<Vec<u8>>, Vec<Vec<Vec<u8>>>) {
    let mut writer = writer(disk, segment_bytes_max);
    let (mut acknowledged, mut failed) = (Vec::new(), Vec::new());
    for (attempt, step) in steps.iter().enumerate() {
        match step {
            Step::Write(sizes) => {
                let group: Vec<_> = sizes.iter().map(|bytes| record(attempt, *bytes)).collect();
                let entries = group.iter().cloned();
                let entries: Vec<_> = entries
                    .map(|record| Entry {
                        record,
                        payload: (),
                    })
                    .collect();
                match writer.write(&entries) {
                    Ok(first) => {
                        assert_eq!(first.get(), acknowledged.len() as u64 + 1);
                        acknowledged.extend(group);
                        failed.clear();
                    }
                    Err(_) => failed.push(group),
                }
                writer.look_ahead();
            }
            Step::Fill => drop(writer.shared.space.fill_step(&writer.shared.stats)),
            Step::FailSync => disk.lock().failing_syncs = 1,
        }
    }
    if disk.lock().operations_left > 0 {
        disk.lock().failing_syncs = 0;
        writer.finish();
        let seen: usize = disk.lock().files.values().map(|file| file.seen.len()).sum();
        assert_eq!(
            writer.shared.stats.disk_bytes(),
            seen as u64,
            "bytes add up"
        );
    }
    (acknowledged, failed)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..<_>::default() })]

    #[test]
    fn power_cut_at_any_step_loses_nothing_acknowledged(
        steps in prop::collection::vec(step(), 1..60),
        segment_bytes_max in prop_oneof![1_000..70_000_u64, 64_000..400_000_u64],
        operations in prop_oneof![3 => 0..400_usize, 1 => Just(usize::MAX)],
        seed in any::<u64>(),
    ) {
        let disk = SimulatedDisk::default();
        disk.lock().operations_left = operations;
        let (acknowledged, failed) = run(&disk, &steps, segment_bytes_max);
        let dir = TempDir::new().unwrap();
        disk.cut_power(dir.path(), &mut Random(seed));
        let inspection = crate::inspect(dir.path()).unwrap();
        prop_assert!(inspection.is_intact(), "{:?}", inspection);
        let recovery = open(dir.path(), Settings::default()).unwrap();
        let mut found = Vec::new();
        recovery
            .replay(|record| {
                found.push(record.bytes.to_vec());
                Ok::<_, Error>(())
            })
            .unwrap();
        prop_assert_eq!(inspection.records(), found.len() as u64);
        prop_assert!(found.len() >= acknowledged.len());
        let rest = found.split_off(acknowledged.len());
        prop_assert_eq!(&found, &acknowledged);
        // A group that failed may be there if nothing came after it, and then as a whole.
        prop_assert!(rest.is_empty() || failed.contains(&rest), "{:?} of {:?}", rest, failed);
        if operations == usize::MAX {
            prop_assert_eq!(recovery.torn_bytes(), 0);
        }
    }
}
