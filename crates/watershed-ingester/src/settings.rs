//! What can be chosen about an ingester.

use std::path::PathBuf;
use std::time::Duration;

const MIB: u64 = 1 << 20;

/// How an ingester works. [`Settings::new`] gives the defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The directory of the log; created when it is not there. One process at a time.
    pub wal_dir: PathBuf,
    /// The most bytes the log may take on disk; appends are refused above. From half of it on, the
    /// partitions that hold it up are persisted. Default 4 GiB.
    pub wal_bytes_max: u64,
    /// The bytes that may wait for the log, also the largest batch it takes. Default 64 MiB.
    pub wal_queue_bytes_max: usize,
    /// The directories whose file systems are watched, besides that of the log. Default none.
    pub data_dirs: Vec<PathBuf>,
    /// Appends are refused while less than this is free on one of the watched file systems: it is kept for
    /// persisting, which lets the log be trimmed. Default 256 MiB, or a twentieth of a file system that
    /// is smaller than 5 GiB.
    pub disk_reserve_bytes: Option<u64>,
    /// From so many buffered bytes on, partitions are persisted, the largest one of the database that holds
    /// most first. Default 64 MiB: with the sorted copies of two partitions at a time the process stays
    /// below 300 MB.
    pub buffer_bytes_soft: u64,
    /// Appends are refused when they would take the buffer, and what waits to get into it, above so
    /// many bytes. Default 192 MiB: room to go on for a second or two while two cores persist as fast as
    /// they can. A database alone is refused at three quarters of it, see [`Shares`](crate::Shares).
    pub buffer_bytes_hard: u64,
    /// A partition with so many buffered bytes is persisted. Default 32 MiB, about half a million rows of
    /// ten fields: a persist needs as much again for the sorted copy.
    pub persist_partition_bytes: u64,
    /// A partition whose oldest buffered row is so old is persisted. Default 10 min.
    pub persist_age: Duration,
    /// A partition without a write for so long is persisted. Default 60 s.
    pub persist_idle: Duration,
    /// How many partitions are persisted at the same time. Default 2, at least 1.
    pub persist_concurrency: usize,
    /// The wait after a persist that failed; doubles with each further failure. Default 100 ms.
    pub retry_delay_min: Duration,
    /// The longest wait after a persist that failed. Default 30 s.
    pub retry_delay_max: Duration,
    /// How often age and idleness are looked at. Default 1 s.
    pub tick: Duration,
}

impl Settings {
    /// The defaults, with the log in `wal_dir`.
    pub fn new(wal_dir: impl Into<PathBuf>) -> Self {
        Self {
            wal_dir: wal_dir.into(),
            wal_bytes_max: 4_096 * MIB,
            wal_queue_bytes_max: 64 << 20,
            data_dirs: Vec::new(),
            disk_reserve_bytes: None,
            buffer_bytes_soft: 64 * MIB,
            buffer_bytes_hard: 192 * MIB,
            persist_partition_bytes: 32 * MIB,
            persist_age: Duration::from_secs(600),
            persist_idle: Duration::from_secs(60),
            persist_concurrency: 2,
            retry_delay_min: Duration::from_millis(100),
            retry_delay_max: Duration::from_secs(30),
            tick: Duration::from_secs(1),
        }
    }

    /// From so many bytes of log on, persisting makes room.
    pub(crate) fn wal_bytes_soft(&self) -> u64 {
        self.wal_bytes_max / 2
    }

    /// The size of a log segment on a disk of so many bytes: small enough that the log can be trimmed well
    /// below its limits and gives a full disk its room back, for only whole segments go.
    pub(crate) fn wal_segment_bytes_max(&self, volume_bytes: u64) -> u64 {
        let by_limit = self.wal_bytes_max / 16;
        by_limit.min(volume_bytes / 64).clamp(64 * 1_024, 64 * MIB)
    }
}
