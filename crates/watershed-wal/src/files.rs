//! The few things the log asks of the disk, as traits, so that tests can have it fail.

use crate::Error;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Makes segment files.
pub(crate) trait Files: fmt::Debug + Send {
    /// Makes the file `name` in `dir`, with `header` and so many zeros behind it, durably and at once:
    /// after a crash it is there as a whole, or not at all. A file that has the name is replaced.
    fn create(
        &mut self,
        dir: &Path,
        name: &str,
        header: &[u8],
        zeros: usize,
    ) -> io::Result<Box<dyn SegmentFile>>;
}

/// A segment that is being written.
pub(crate) trait SegmentFile: fmt::Debug + Send {
    /// Writes all of `slices` behind the header and what was appended before.
    fn append(&mut self, slices: &mut [IoSlice<'_>]) -> io::Result<()>;
    /// Returns when everything appended is on stable storage.
    fn sync(&mut self) -> io::Result<()>;
    /// Shortens the file to `bytes`, durably.
    fn cut(&mut self, bytes: u64) -> io::Result<()>;
    /// Shortens the file to `bytes`; a crash may undo it.
    fn trim(&mut self, bytes: u64) -> io::Result<()>;
    /// Opens the file once more, to fill it.
    fn filler(&self) -> io::Result<Arc<dyn FillFile>>;
}

/// A second way into a segment that is being written.
///
/// It has a handle of its own. The system tells each handle once that something could not be written:
/// with a shared one, a sync of the filler would swallow what the sync of a group must hear.
pub(crate) trait FillFile: fmt::Debug + Send + Sync {
    /// Writes `zeros` at `offset`.
    fn fill(&self, offset: u64, zeros: &[u8]) -> io::Result<()>;
    /// Returns when they are on stable storage.
    fn sync(&self) -> io::Result<()>;
}

/// The real disk.
#[derive(Debug)]
pub(crate) struct Disk;

/// Ends the name of a file that is not complete yet.
pub(crate) const UNFINISHED_SUFFIX: &str = ".new";

impl Files for Disk {
    fn create(
        &mut self,
        dir: &Path,
        name: &str,
        header: &[u8],
        zeros: usize,
    ) -> io::Result<Box<dyn SegmentFile>> {
        let unfinished = dir.join(format!("{name}{UNFINISHED_SUFFIX}"));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&unfinished)?;
        file.write_all(header)?;
        write_at(&file, header.len() as u64, &vec![0; zeros])?;
        file.sync_all()?;
        // Only a synced file gets the name, and no group is acknowledged before the name is durable.
        let path = dir.join(name);
        std::fs::rename(&unfinished, &path)?;
        sync_dir(dir)?;
        Ok(Box::new(DiskFile { file, path }))
    }
}

/// Makes the names in `dir` durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Deletes a file durably; one that is gone already is fine.
pub(crate) fn delete(dir: &Path, path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("delete log segment", path)(error))
        }
        _ => sync_dir(dir).map_err(Error::io("sync directory", dir)),
    }
}

/// Its position is where the next group goes.
#[derive(Debug)]
struct DiskFile {
    file: File,
    path: PathBuf,
}

impl SegmentFile for DiskFile {
    fn append(&mut self, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
        while slices.iter().any(|slice| !slice.is_empty()) {
            match self.file.write_vectored(slices) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut slices, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)?;
        self.file.sync_all()
    }

    fn trim(&mut self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)
    }

    fn filler(&self) -> io::Result<Arc<dyn FillFile>> {
        let file = OpenOptions::new().write(true).open(&self.path)?;
        Ok(Arc::new(DiskFillFile(file)))
    }
}

#[derive(Debug)]
struct DiskFillFile(File);

impl FillFile for DiskFillFile {
    fn fill(&self, offset: u64, zeros: &[u8]) -> io::Result<()> {
        write_at(&self.0, offset, zeros)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

#[cfg(unix)]
fn write_at(file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

/// Where a write at a place would move the position, nothing is written ahead.
#[cfg(not(unix))]
fn write_at(_file: &File, _offset: u64, bytes: &[u8]) -> io::Result<()> {
    if bytes.is_empty() {
        Ok(())
    } else {
        Err(io::ErrorKind::Unsupported.into())
    }
}
