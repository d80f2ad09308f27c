//! A disk that fails, or waits, when a test says so.

use crate::files::{Disk, Files, FillFile, SegmentFile};
use crate::{Error, Outcome, Recovery, Wal};
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use watershed_model::{Counter, Epoch};

/// Decides what works on the disk below a log. Clones decide for the same disk.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Gate>);

#[derive(Debug, Default)]
struct Gate {
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct State {
    failing: Vec<(Operation, io::ErrorKind)>,
    syncs_held: bool,
    syncs_waiting: usize,
}

/// What can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Making a segment file.
    Create,
    /// Making the name of a new segment file durable. The file is there.
    SyncName,
    /// Writing a group. Half of it arrives.
    Append,
    /// Syncing a group. All of it may have arrived.
    Sync,
    /// Cutting a group off again, and giving back room.
    Cut,
    /// Writing zeros ahead, also those in a new file.
    Fill,
    /// Syncing zeros.
    SyncFill,
}

impl Faults {
    /// Everything works.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on the operation fails with that kind of error.
    pub fn fail(&self, operation: Operation, error: io::ErrorKind) {
        self.0.lock().failing.push((operation, error));
    }

    /// Everything works again.
    pub fn heal(&self) {
        self.0.lock().failing.clear();
    }

    /// From now on syncs wait for [`release_syncs`](Self::release_syncs).
    pub fn hold_syncs(&self) {
        self.0.lock().syncs_held = true;
    }

    /// Syncs go on.
    pub fn release_syncs(&self) {
        self.0.lock().syncs_held = false;
        self.0.moved.notify_all();
    }

    /// Blocks until a sync waits.
    pub fn wait_for_held_sync(&self) {
        let mut state = self.0.lock();
        while state.syncs_waiting == 0 {
            state = self
                .0
                .moved
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn check(&self, operation: Operation) -> io::Result<()> {
        let state = self.0.lock();
        match state
            .failing
            .iter()
            .find(|(failing, _)| *failing == operation)
        {
            Some((_, error)) => Err((*error).into()),
            None => Ok(()),
        }
    }

    fn pass_sync(&self) {
        let mut state = self.0.lock();
        state.syncs_waiting += 1;
        self.0.moved.notify_all();
        while state.syncs_held {
            state = self
                .0
                .moved
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.syncs_waiting -= 1;
    }
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recovery {
    /// Like [`start`](Self::start), on a disk that obeys `faults`.
    ///
    /// # Errors
    /// As `start`.
    pub fn start_with_faults<T, H>(
        self,
        faults: &Faults,
        epoch: Epoch,
        min_next: Counter,
        on_group: H,
    ) -> Result<Wal<T>, Error>
    where
        T: Send + 'static,
        H: FnMut(Outcome<T>) + Send + 'static,
    {
        self.start_on(
            Box::new(FaultyFiles(faults.clone())),
            epoch,
            min_next,
            on_group,
        )
    }
}

#[derive(Debug)]
struct FaultyFiles(Faults);

impl Files for FaultyFiles {
    fn create(
        &mut self,
        dir: &Path,
        name: &str,
        header: &[u8],
        zeros: usize,
    ) -> io::Result<Box<dyn SegmentFile>> {
        self.0.check(Operation::Create)?;
        if zeros > 0 {
            self.0.check(Operation::Fill)?;
        }
        let file = Disk.create(dir, name, header, zeros)?;
        self.0.check(Operation::SyncName)?;
        Ok(Box::new(FaultyFile {
            file,
            faults: self.0.clone(),
        }))
    }
}

#[derive(Debug)]
struct FaultyFile {
    file: Box<dyn SegmentFile>,
    faults: Faults,
}

impl SegmentFile for FaultyFile {
    fn append(&mut self, slices: &mut [IoSlice<'_>]) -> io::Result<()> {
        if let Err(error) = self.faults.check(Operation::Append) {
            let half = slices.len() / 2;
            self.file.append(&mut slices[..half])?;
            return Err(error);
        }
        self.file.append(slices)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.faults.pass_sync();
        self.faults.check(Operation::Sync)?;
        self.file.sync()
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.faults.check(Operation::Cut)?;
        self.file.cut(bytes)
    }

    fn trim(&mut self, bytes: u64) -> io::Result<()> {
        self.faults.check(Operation::Cut)?;
        self.file.trim(bytes)
    }

    fn filler(&self) -> io::Result<Arc<dyn FillFile>> {
        Ok(Arc::new(FaultyFillFile {
            file: self.file.filler()?,
            faults: self.faults.clone(),
        }))
    }
}

#[derive(Debug)]
struct FaultyFillFile {
    file: Arc<dyn FillFile>,
    faults: Faults,
}

impl FillFile for FaultyFillFile {
    fn fill(&self, offset: u64, zeros: &[u8]) -> io::Result<()> {
        self.faults.check(Operation::Fill)?;
        self.file.fill(offset, zeros)
    }

    fn sync(&self) -> io::Result<()> {
        self.faults.check(Operation::SyncFill)?;
        self.file.sync()
    }
}
