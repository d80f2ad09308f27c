//! The series of the body by their raw bytes.

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Where the rows of a raw series go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The number of the table's builder.
    pub(super) table: u32,
    /// The number of the series in that table.
    pub(super) series: u32,
}

/// Raw series to places.
///
/// Senders repeat their series in the same order, so each series remembers the one that came after it last
/// time. That guess is checked with one compare; only when it is wrong are the bytes hashed.
#[derive(Debug, Default)]
pub(super) struct RawSeriesMap<'a> {
    entries: Vec<Entry<'a>>,
    by_hash: HashTable<u32>,
    hasher: RandomState,
    /// The entry of the line before.
    previous: usize,
}

#[derive(Debug)]
struct Entry<'a> {
    raw: &'a str,
    hash: u64,
    place: Place,
    /// The entry that came next last time; itself until known, as with rows of one series.
    follower: u32,
}

impl<'a> RawSeriesMap<'a> {
    /// The place of a series that was inserted before.
    #[inline]
    pub(super) fn find(&mut self, raw: &str) -> Option<Place> {
        let guess = self.entries.get(self.previous)?.follower as usize;
        // A refused line may have taken the guessed entry away.
        if let Some(entry) = self.entries.get(guess)
            && entry.raw == raw
        {
            self.previous = guess;
            return Some(entry.place);
        }
        self.find_by_hash(raw)
    }

    fn find_by_hash(&mut self, raw: &str) -> Option<Place> {
        let hash = self.hasher.hash_one(raw);
        let entries = &self.entries;
        let at = *self
            .by_hash
            .find(hash, |at| entries[*at as usize].raw == raw)?;
        self.follow(at);
        Some(self.entries[at as usize].place)
    }

    /// Adds a series that [`find`](Self::find) did not find.
    pub(super) fn insert(&mut self, raw: &'a str, place: Place) {
        let hash = self.hasher.hash_one(raw);
        let at = self.entries.len() as u32;
        self.entries.push(Entry {
            raw,
            hash,
            place,
            follower: at,
        });
        let entries = &self.entries;
        self.by_hash
            .insert_unique(hash, at, |at| entries[*at as usize].hash);
        self.follow(at);
    }

    /// Makes `at` the current entry and what is expected after the one before.
    fn follow(&mut self, at: u32) {
        if let Some(previous) = self.entries.get_mut(self.previous) {
            previous.follower = at;
        }
        self.previous = at as usize;
    }

    /// Keeps the first `len` series.
    pub(super) fn truncate(&mut self, len: usize) {
        for at in len..self.entries.len() {
            let hash = self.entries[at].hash;
            if let Ok(entry) = self.by_hash.find_entry(hash, |found| *found as usize == at) {
                entry.remove();
            }
        }
        self.entries.truncate(len);
        // `find` needs a previous entry to begin with.
        self.previous = self.previous.min(len.saturating_sub(1));
    }

    /// The number of series.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests;
