//! The few things the log asks of the disk, as traits, so that tests can have it fail.

use crate::Error;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::path::Path;

/// Makes segment files.
pub(crate) trait Files: fmt::Debug + Send {
    /// Makes the file `name` in `dir` with `header` in it, durably and at once: after a crash it is
    /// there with the whole header, or not at all. A file that has the name is replaced.
    fn create(&mut self, dir: &Path, name: &str, header: &[u8])
    -> io::Result<Box<dyn SegmentFile>>;
}

/// A segment that is being written.
pub(crate) trait SegmentFile: fmt::Debug + Send {
    /// Writes all of `slices` behind what is there.
    fn append(&mut self, slices: &mut [IoSlice<'_>]) -> io::Result<()>;
    /// Returns when everything appended is on stable storage.
    fn sync(&mut self) -> io::Result<()>;
    /// Shortens the file to `bytes`, durably.
    fn cut(&mut self, bytes: u64) -> io::Result<()>;
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
    ) -> io::Result<Box<dyn SegmentFile>> {
        let unfinished = dir.join(format!("{name}{UNFINISHED_SUFFIX}"));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&unfinished)?;
        file.write_all(header)?;
        file.sync_all()?;
        // Only a synced file gets the name, and no group is acknowledged before the name is durable.
        std::fs::rename(&unfinished, dir.join(name))?;
        sync_dir(dir)?;
        Ok(Box::new(DiskFile(file)))
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

#[derive(Debug)]
struct DiskFile(File);

impl SegmentFile for DiskFile {
    fn append(&mut self, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
        while slices.iter().any(|slice| !slice.is_empty()) {
            match self.0.write_vectored(slices) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut slices, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)?;
        self.0.sync_all()
    }
}
