//! Room ahead of the writer: zeros that are on stable storage before a group is written over them.
//!
//! A group that makes the file longer changes its metadata, and then its `fdatasync` is a commit of the
//! file system's journal as well, with whatever else is in it. Over blocks that are there already it is
//! a write and a flush of the disk. `docs/decisions/0004-log-room-ahead.md` has the figures.
//!
//! The file of the newest segment is made longer in two ways: by a group that passes its end (the writer,
//! [`Space::claim`]) and by zeros (a thread, [`Space::fill_step`]). Both move [`Space::len`] under one
//! lock, and whoever moved it owns the bytes in between. The writer writes below it without the lock.
//! So zeros never meet a group, and the writer waits for the thread only while that copies one piece
//! into the page cache, and only when it has used up all room.
//!
//! Room is never needed. When there is none (the disk is full, or groups are large or come faster than
//! zeros), groups make the file longer themselves.

use crate::Stats;
use crate::files::FillFile;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The most room ahead: a burst of a thousand groups of 4 KiB.
const AHEAD_BYTES_MAX: u64 = 4 << 20;
/// The share of a segment that may be room, so that the room of a small log is small.
const SEGMENT_PARTS: u64 = 16;
/// The room a segment begins with. From there on room grows with what is written.
const FIRST_BYTES_MAX: u64 = 256 << 10;
/// A group above this share of the room gets none: the journal is little beside so many bytes.
const GROUP_PARTS: u64 = 64;
/// Room is a multiple of what file systems allocate.
const BLOCK_BYTES: u64 = 4_096;
/// What is written under the lock at a time: some ten microseconds.
static PIECE: [u8; 64 << 10] = [0; 64 << 10];
/// What is written between two syncs of the filler; a sync of the writer may have to take it along.
const STEP_BYTES: u64 = 128 << 10;

/// How much room there should be in segments of that size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    segment_bytes_max: u64,
    ahead_bytes_max: u64,
}

impl Plan {
    pub(crate) fn new(segment_bytes_max: u64) -> Self {
        let ahead = AHEAD_BYTES_MAX.min(segment_bytes_max / SEGMENT_PARTS);
        Self {
            segment_bytes_max,
            ahead_bytes_max: ahead / BLOCK_BYTES * BLOCK_BYTES,
        }
    }

    /// The length of the file of a new segment.
    pub(crate) fn first_bytes(&self) -> u64 {
        self.ahead_bytes_max.min(FIRST_BYTES_MAX)
    }

    /// The room wanted behind `used` bytes: as much again, within limits.
    fn ahead(&self, used: u64) -> u64 {
        used.clamp(self.first_bytes(), self.ahead_bytes_max)
    }

    /// Up to where zeros should be written, when the file is `len` bytes long and a group of
    /// `group_bytes` was just written up to `used`.
    fn goal(&self, used: u64, len: u64, group_bytes: u64) -> Option<u64> {
        let ahead = self.ahead(used);
        let is_short = len.saturating_sub(used) < ahead / 2;
        let is_small = group_bytes <= self.ahead_bytes_max / GROUP_PARTS;
        let goal = (used + ahead).next_multiple_of(BLOCK_BYTES);
        let goal = goal.min(self.segment_bytes_max / BLOCK_BYTES * BLOCK_BYTES);
        (is_short && is_small && goal > len).then_some(goal)
    }
}

/// The file of the newest segment, as the writer and the filling thread share it.
#[derive(Debug, Default)]
pub(crate) struct Space {
    /// How long the file is, or is being made. Changes under the lock.
    len: AtomicU64,
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// `None` while nothing may be filled.
    file: Option<Arc<dyn FillFile>>,
    /// Up to where zeros are wanted.
    goal: u64,
    ended: bool,
}

impl Space {
    /// How long the file is.
    pub(crate) fn len(&self) -> u64 {
        self.len.load(Ordering::Acquire)
    }

    /// Begins with a file of that length.
    pub(crate) fn open(&self, file: Option<Arc<dyn FillFile>>, len: u64) {
        let mut state = self.lock();
        self.len.store(len, Ordering::Release);
        state.file = file;
        state.goal = len;
    }

    /// From here on nothing is filled, and the file is the writer's alone. Returns its length.
    pub(crate) fn close(&self) -> u64 {
        let mut state = self.lock();
        state.file = None;
        state.goal = 0;
        self.len()
    }

    /// Gives the bytes up to `end` to the writer.
    pub(crate) fn claim(&self, end: u64, stats: &Stats) {
        // The length never shrinks while the file is open, so the bytes below it are safe from zeros.
        if end <= self.len() {
            return;
        }
        let _state = self.lock();
        let len = self.len();
        if end > len {
            stats.add_disk_bytes(end - len);
            self.len.store(end, Ordering::Release);
        }
    }

    /// Asks for room behind `used`, where a group of `group_bytes` ends. Never waits.
    pub(crate) fn want(&self, plan: &Plan, used: u64, group_bytes: u64) {
        let Some(goal) = plan.goal(used, self.len(), group_bytes) else {
            return;
        };
        // Held by the thread that fills: it is at it, and the next group asks again.
        if let Ok(mut state) = self.state.try_lock()
            && state.file.is_some()
            && state.goal < goal
        {
            state.goal = goal;
            self.moved.notify_one();
        }
    }

    /// Writes zeros as far as they are wanted, up to a limit, and syncs them. `false` when none are.
    pub(crate) fn fill_step(&self, stats: &Stats) -> bool {
        let mut filled = 0;
        let mut file = None;
        while filled < STEP_BYTES {
            // Taken anew for each piece, so that the writer comes in between.
            let mut state = self.lock();
            let len = self.len();
            let Some(open) = state.file.clone().filter(|_| len < state.goal) else {
                break;
            };
            let bytes = (state.goal - len).min(PIECE.len() as u64);
            if let Err(error) = open.fill(len, &PIECE[..bytes as usize]) {
                // Not tried again in this segment: a full disk is left to the groups.
                tracing::debug!(%error, "no room ahead in the log");
                state.file = None;
                break;
            }
            stats.add_disk_bytes(bytes);
            self.len.store(len + bytes, Ordering::Release);
            filled += bytes;
            file = Some(open);
        }
        let Some(file) = file else { return false };
        if let Err(error) = file.sync() {
            // The writer hears of it at its next sync, through its own handle.
            tracing::debug!(%error, "could not sync room ahead in the log");
            self.lock().file = None;
        }
        true
    }

    /// Fills until [`end`](Self::end).
    pub(crate) fn run(&self, stats: &Stats) {
        loop {
            while self.fill_step(stats) {}
            let mut state = self.lock();
            while !state.ended && (state.file.is_none() || state.goal <= self.len()) {
                state = self
                    .moved
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            if state.ended {
                return;
            }
        }
    }

    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        state.file = None;
        self.moved.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
