//! A file that takes up some disk, so that there is room for a start when the disk is full.
//!
//! A start writes a little: the catalog counts it, and the log begins a segment. On a disk that others have filled
//! to the last block it would fail, and nobody could read what is there. So:
//!
//! 1. a start removes the file first of all;
//! 2. once the server runs, the file is written again as soon as the disk has room for it and more.
//!
//! Several starts on a full disk live on what the first of them set free.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Its name in the data directory.
const NAME: &str = "BALLAST";

/// Its size on a large disk: some hundred times what a start writes.
const BYTES_MAX: u64 = 4 << 20;

/// On small disks it is one part in so many.
const PARTS: u64 = 32;

/// How many times its size must be free before it is written.
const ROOM: u64 = 8;

/// How often that is looked at until it is.
const RETRY_INTERVAL: Duration = Duration::from_secs(10);

/// Sets the room free.
///
/// # Errors
/// The system's; that there is no file is none.
pub(crate) fn release(data_dir: &Path) -> io::Result<()> {
    match std::fs::remove_file(data_dir.join(NAME)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Takes the room, when there is enough; returns when it is taken.
pub(crate) async fn take(data_dir: PathBuf) {
    loop {
        let dir = data_dir.clone();
        match tokio::task::spawn_blocking(move || try_take(&dir)).await {
            Ok(Ok(false)) => {}
            Ok(Ok(true)) | Err(_) => return,
            Ok(Err(error)) => tracing::warn!(%error, "the ballast file could not be written"),
        }
        tokio::time::sleep(RETRY_INTERVAL).await;
    }
}

/// Whether there was enough room, and now is the file.
fn try_take(data_dir: &Path) -> io::Result<bool> {
    let found = rustix::fs::statvfs(data_dir)?;
    let bytes = BYTES_MAX.min(found.f_blocks.saturating_mul(found.f_frsize) / PARTS);
    if found.f_bavail.saturating_mul(found.f_frsize) < bytes.saturating_mul(ROOM) {
        return Ok(false);
    }
    let path = data_dir.join(NAME);
    let zeros = vec![0; usize::try_from(bytes).unwrap_or(0)];
    let written = std::fs::write(&path, zeros);
    if written.is_err() {
        // Half of it would be no help to anybody. What cannot be removed is removed by the next start.
        let _ = std::fs::remove_file(&path);
    }
    written.map(|()| true)
}
