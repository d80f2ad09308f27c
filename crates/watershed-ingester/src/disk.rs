//! Watches how much room the disks have.
//!
//! 1. About once a second, and after a write that failed, [`Disk::look`] asks the system;
//! 2. with less free than the reserve, appends are refused: what is left belongs to the persister, whose files
//!    let the log be trimmed, to the catalog, and to queries that spill;
//! 3. once a little more than the reserve is free, appends are taken again.
//!
//! An append itself reads one flag and asks nobody. Between two looks the disk can run full all the same: the
//! log then fails a group, which nobody is told is stored.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};

/// How often somebody looks. A disk that takes in 200 MiB/s does not use up the largest reserve meanwhile.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// The reserve on a large disk: room for the files of all that the buffer holds, several times over.
const RESERVE_BYTES_MAX: u64 = 256 << 20;

/// On small disks the reserve is one part in so many.
const RESERVE_PARTS: u64 = 20;

/// The least that must be free above the reserve before appends are taken again, so that the answer does not
/// change with every block.
const RESUME_BYTES_MIN: u64 = 64 << 10;

/// The room in one file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Space {
    /// What this process may still use.
    pub(crate) free_bytes: u64,
    /// The whole file system.
    pub(crate) volume_bytes: u64,
}

/// What is known of the disks of one ingester.
#[derive(Debug)]
pub(crate) struct Disk {
    directories: Vec<PathBuf>,
    /// `None`: by the size of the disk.
    reserve_bytes: Option<u64>,
    free_bytes: AtomicU64,
    /// What is kept back on the disk that is nearest to its reserve.
    kept_bytes: AtomicU64,
    volume_bytes: AtomicU64,
    is_short: AtomicBool,
    wanted: Notify,
}

impl Disk {
    /// Will watch the file systems of these directories. Before the first look there is room without end.
    pub(crate) fn new(directories: Vec<PathBuf>, reserve_bytes: Option<u64>) -> Self {
        Self {
            directories,
            reserve_bytes,
            free_bytes: AtomicU64::new(u64::MAX),
            kept_bytes: AtomicU64::new(0),
            volume_bytes: AtomicU64::new(u64::MAX),
            is_short: AtomicBool::new(false),
            wanted: Notify::new(),
        }
    }

    /// Looks again and again for as long as it runs.
    pub(crate) async fn watch(self: Arc<Self>) {
        let mut tick = interval(LOOK_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = self.wanted.notified() => {}
            }
            let disk = Arc::clone(&self);
            // A file system that hangs must not take a thread of the runtime with it.
            if tokio::task::spawn_blocking(move || disk.look())
                .await
                .is_err()
            {
                return;
            }
        }
    }

    /// Have somebody look at once: something just failed.
    pub(crate) fn look_soon(&self) {
        self.wanted.notify_one();
    }

    /// Asks the system. Blocking. A file system that does not answer is taken to have room: writes to it will
    /// say what is wrong.
    pub(crate) fn look(&self) {
        let spaces = self.directories.iter().filter_map(|dir| space(dir));
        let tightest = spaces.min_by_key(|space| {
            let above = space.free_bytes.saturating_sub(self.reserve(*space));
            (above, space.free_bytes)
        });
        if let Some(space) = tightest {
            self.judge(space);
        }
    }

    fn reserve(&self, space: Space) -> u64 {
        let by_size = RESERVE_BYTES_MAX.min(space.volume_bytes / RESERVE_PARTS);
        self.reserve_bytes.unwrap_or(by_size)
    }

    fn judge(&self, space: Space) {
        let Space {
            free_bytes,
            volume_bytes,
        } = space;
        let reserve_bytes = self.reserve(space);
        self.free_bytes.store(free_bytes, Ordering::Relaxed);
        self.kept_bytes.store(reserve_bytes, Ordering::Relaxed);
        self.volume_bytes.store(volume_bytes, Ordering::Relaxed);
        let was_short = self.is_short.load(Ordering::Relaxed);
        let resume_bytes = reserve_bytes.saturating_add(RESUME_BYTES_MIN.max(reserve_bytes / 8));
        let is_short = free_bytes < reserve_bytes || was_short && free_bytes < resume_bytes;
        self.is_short.store(is_short, Ordering::Relaxed);
        match (was_short, is_short) {
            (false, true) => {
                tracing::warn!(
                    free_bytes,
                    reserve_bytes,
                    "the disk is nearly full, writes are refused"
                );
            }
            (true, false) => {
                tracing::info!(
                    free_bytes,
                    reserve_bytes,
                    "the disk has room again, writes are taken"
                );
            }
            _ => {}
        }
    }

    /// Whether appends are refused. One load.
    pub(crate) fn is_short(&self) -> bool {
        self.is_short.load(Ordering::Relaxed)
    }

    /// Whether it will soon be short, unless the log gets shorter, which holds so many bytes.
    pub(crate) fn is_tight(&self, wal_bytes: u64) -> bool {
        let (free, kept) = (self.free_bytes(), self.kept_bytes());
        // A log that is short itself is not what fills the disk: persisting would only make small files.
        self.is_short() || free < kept.saturating_mul(2) && wal_bytes >= kept / 2
    }

    /// What is free on the disk that is nearest to its reserve; the largest number when nobody has looked.
    pub(crate) fn free_bytes(&self) -> u64 {
        self.free_bytes.load(Ordering::Relaxed)
    }

    /// What is kept back there.
    pub(crate) fn kept_bytes(&self) -> u64 {
        self.kept_bytes.load(Ordering::Relaxed)
    }

    /// How large that disk is; the largest number when nobody has looked.
    pub(crate) fn volume_bytes(&self) -> u64 {
        self.volume_bytes.load(Ordering::Relaxed)
    }
}

/// The room where a directory is, or will be.
fn space(directory: &Path) -> Option<Space> {
    let mut there = directory.ancestors();
    let found = there.find_map(|path| rustix::fs::statvfs(path).ok())?;
    Some(Space {
        free_bytes: found.f_bavail.saturating_mul(found.f_frsize),
        volume_bytes: found.f_blocks.saturating_mul(found.f_frsize),
    })
}

#[cfg(test)]
mod tests;
