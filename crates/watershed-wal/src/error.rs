//! What can go wrong.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use watershed_model::{Epoch, ErrorKind};

/// Why the log could not do something.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Another process, or another part of this one, has the log open.
    #[error(
        "the log in {} is in use by another process; stop that process, or give another directory",
        dir.display()
    )]
    Locked {
        /// The directory.
        dir: PathBuf,
    },
    /// Bytes that were acknowledged are damaged or gone. Nothing on disk was changed.
    #[error(
        "log segment {} is damaged at byte {offset}: {reason}; nothing was changed. Bring the file \
         back from a copy, or accept the loss: save what can be read with `watershed wal export`, then \
         move this segment and all with higher numbers out of the directory",
        segment.display()
    )]
    Corrupt {
        /// The file.
        segment: PathBuf,
        /// Where the damage begins.
        offset: u64,
        /// What is wrong there.
        reason: String,
    },
    /// A segment in a format this version doesn't know.
    #[error(
        "log segment {} has format version {version} and this program knows version {known}: it was \
         written by a newer Watershed; start that version or a later one",
        segment.display()
    )]
    Incompatible {
        /// The file.
        segment: PathBuf,
        /// Its version.
        version: u32,
        /// The newest version known here.
        known: u32,
    },
    /// A start with an epoch below that of records in the log: they would change places in the order.
    #[error("the log holds records of epoch {newest} and can't go on in epoch {offered}")]
    EpochBehind {
        /// The epoch of the newest segment.
        newest: Epoch,
        /// The epoch of the start.
        offered: Epoch,
    },
    /// The file system failed.
    #[error("{what} {}", path.display())]
    Io {
        /// What was tried, for example `sync log segment`.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
}

impl Error {
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            what,
            path: path.to_owned(),
            source: Arc::new(source),
        }
    }

    /// What a caller can do about it. A full disk is [`ErrorKind::Exhausted`].
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Corrupt { .. } | Self::Incompatible { .. } | Self::EpochBehind { .. } => {
                ErrorKind::Corrupt
            }
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Exhausted,
                _ => ErrorKind::Unavailable,
            },
            Self::Locked { .. } => ErrorKind::Unavailable,
        }
    }
}

/// A record that was not queued, with its payload.
pub struct SubmitError<T> {
    /// As it was given.
    pub payload: T,
    /// Why.
    pub reason: SubmitReason,
}

/// Why a record was not queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubmitReason {
    /// The queue is full.
    #[error("the queue of the log is full")]
    Full,
    /// The log is shutting down, or its handler has panicked.
    #[error("the log is closed")]
    Closed,
    /// A record larger than the whole queue.
    #[error("a record of {bytes} bytes is larger than the queue of the log, {limit} bytes")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

impl SubmitReason {
    /// What a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Full => ErrorKind::Exhausted,
            Self::Closed => ErrorKind::Unavailable,
            Self::TooLarge { .. } => ErrorKind::Invalid,
        }
    }
}

impl<T> fmt::Debug for SubmitError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubmitError")
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Display for SubmitError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl<T> std::error::Error for SubmitError<T> {}
