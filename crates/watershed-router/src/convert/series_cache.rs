//! The series of a database by their raw bytes, kept from one request to the next.
//!
//! Senders repeat their series, line after line and request after request, byte for byte and mostly in
//! the same order. So what a series is (its table, its key) is worked out once. After that a line costs one
//! compare, with the series that followed the one before last time; only when that guess is wrong are
//! the bytes hashed.
//!
//! 1. An *entry* is one spelling: the raw text of `measurement,tag=value,…`.
//! 2. It leads to a *key*: the tag set with column ids, once however it is spelled.
//! 3. In a request, entries and keys that are used get their numbers there, marked with the number of
//!    the request ([`round`](SeriesCache::round)); marks of earlier requests are simply no longer right.
//!
//! Keys hold column ids, which never change their meaning, so a key stays right whatever is added to the
//! schema. A table may be deleted and made again under its name, though: [`table`](SeriesCache::table)
//! tells, and then all series are forgotten. A cache that has seen columns without an id must be thrown away.

use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashTable};
use std::hash::BuildHasher;
use watershed_model::{ColumnId, SeriesList, TableId, TableName};

/// Where the rows of a series go in the request at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The number of the table's builder.
    pub(super) table: u32,
    /// The number of the series in that table.
    pub(super) series: u32,
}

/// What earlier requests to a database have taught about its series. Belongs to one request at a time.
#[derive(Debug)]
pub struct SeriesCache {
    /// The raw texts of all entries, end to end.
    texts: String,
    entries: Vec<Entry>,
    entry_by_hash: HashTable<u32>,
    // Seeded at random: nobody can prepare collisions.
    hasher: RandomState,
    /// The entry of the line before.
    previous: u32,
    tables: Vec<CachedTable>,
    table_by_name: HashMap<TableName, u32, RandomState>,
    /// The number of the request; 0 is none.
    round: u32,
    line: LineChanges,
}

#[derive(Debug)]
struct Entry {
    /// Where its text ends; it begins where that of the entry before ends.
    end: u32,
    /// The entry that came next last time; itself until known, as with rows of one series.
    follower: u32,
    /// The request for which `place` is right.
    round: u32,
    place: Place,
    table: u32,
    key: u32,
    hash: u64,
}

#[derive(Debug)]
struct CachedTable {
    /// `None` for a table that is not in the catalog yet.
    id: Option<TableId>,
    name: TableName,
    keys: SeriesList,
    key_by_hash: HashTable<u32>,
    /// For each key its number in a request.
    numbers: Vec<Number>,
    /// The request for which `builder` is right.
    round: u32,
    builder: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Number {
    round: u32,
    number: u32,
}

/// What the line at hand has changed, to be taken back if it is refused.
#[derive(Debug, Default)]
struct LineChanges {
    /// The entry that got its place.
    placed: Option<u32>,
    /// The table and the key that got its number.
    numbered: Option<(u32, u32)>,
    /// The entry is new.
    entry_is_new: bool,
    /// The key is new.
    key_is_new: bool,
    /// The table is new, and the last one.
    table_is_new: bool,
}

impl Default for SeriesCache {
    fn default() -> Self {
        Self {
            texts: String::new(),
            entries: Vec::new(),
            entry_by_hash: HashTable::new(),
            hasher: RandomState::default(),
            previous: 0,
            tables: Vec::new(),
            table_by_name: HashMap::default(),
            round: 1,
            line: LineChanges::default(),
        }
    }
}

impl SeriesCache {
    /// Begins another request.
    pub(super) fn begin_request(&mut self) {
        if self.round == u32::MAX {
            *self = Self::default();
        }
        self.round += 1;
        self.line = LineChanges::default();
    }

    /// Begins another line of the request.
    #[inline]
    pub(super) fn begin_line(&mut self) {
        self.line = LineChanges::default();
    }

    /// The text of the series that is expected next.
    #[inline]
    pub(super) fn expected(&self) -> Option<&str> {
        let follower = self.entries.get(self.previous as usize)?.follower;
        // A refused line may have taken the expected entry away.
        ((follower as usize) < self.entries.len()).then(|| self.text(follower))
    }

    /// The entry that is expected next, known to be the one at hand.
    #[inline]
    pub(super) fn take_expected(&mut self) -> u32 {
        self.previous = self.entries[self.previous as usize].follower;
        self.previous
    }

    /// The entry with that text, which is not the expected one.
    pub(super) fn find(&mut self, raw: &str) -> Option<u32> {
        let hash = self.hasher.hash_one(raw);
        let at = *self.entry_by_hash.find(hash, |at| self.text(*at) == raw)?;
        self.follow(at);
        Some(at)
    }

    /// The place of an entry, if the request has used it before.
    #[inline]
    pub(super) fn place(&self, entry: u32) -> Option<Place> {
        let entry = &self.entries[entry as usize];
        (entry.round == self.round).then_some(entry.place)
    }

    /// Adds an entry for a series given its tags by ascending column id. The text must not be there yet, and
    /// the table must have its builder. Returns the entry, which has no place yet.
    pub(super) fn insert(&mut self, raw: &str, table: u32, tags: &[(ColumnId, &str)]) -> u32 {
        let key = self.key(table, tags);
        let hash = self.hasher.hash_one(raw);
        let at = self.entries.len() as u32;
        self.texts.push_str(raw);
        self.entries.push(Entry {
            end: self.texts.len() as u32,
            follower: at,
            round: 0,
            place: Place {
                table: 0,
                series: 0,
            },
            table,
            key,
            hash,
        });
        let entries = &self.entries;
        self.entry_by_hash
            .insert_unique(hash, at, |at| entries[*at as usize].hash);
        self.line.entry_is_new = true;
        self.follow(at);
        at
    }

    /// The number of the key of these tags.
    fn key(&mut self, table: u32, tags: &[(ColumnId, &str)]) -> u32 {
        let CachedTable {
            keys,
            key_by_hash,
            numbers,
            ..
        } = &mut self.tables[table as usize];
        let hasher = &self.hasher;
        let new = keys.push(tags.iter().copied());
        let hash = hasher.hash_one(keys.key(new));
        if let Some(same) = key_by_hash.find(hash, |at| keys.key(*at) == keys.key(new)) {
            let same = *same;
            keys.truncate(new as usize);
            return same;
        }
        key_by_hash.insert_unique(hash, new, |at| hasher.hash_one(keys.key(*at)));
        numbers.push(Number::default());
        self.line.key_is_new = true;
        new
    }

    /// The cached table of an entry.
    pub(super) fn table_of(&self, entry: u32) -> u32 {
        self.entries[entry as usize].table
    }

    /// Gives an entry its place in the request. `add` appends a key to the series of the builder and returns its
    /// number there.
    pub(super) fn set_place(&mut self, entry: u32, add: impl FnOnce(&[u8]) -> u32) -> Place {
        let Entry { table, key, .. } = self.entries[entry as usize];
        let cached = &mut self.tables[table as usize];
        let number = &mut cached.numbers[key as usize];
        if number.round != self.round {
            *number = Number {
                round: self.round,
                number: add(cached.keys.key(key)),
            };
            self.line.numbered = Some((table, key));
        }
        let place = Place {
            table: cached.builder,
            series: number.number,
        };
        self.line.placed = Some(entry);
        let entry = &mut self.entries[entry as usize];
        (entry.round, entry.place) = (self.round, place);
        place
    }

    /// The cached table of that name, or a new one. `id` is what the schema of the request knows of it.
    ///
    /// When the table is not the one that the series were learnt for, all series are forgotten.
    pub(super) fn table(&mut self, name: &TableName, id: Option<TableId>) -> u32 {
        if let Some(at) = self.table_by_name.get(name).copied() {
            if self.tables[at as usize].id != id {
                self.forget_series();
                self.tables[at as usize].id = id;
            }
            return at;
        }
        let at = self.tables.len() as u32;
        self.line.table_is_new = true;
        self.table_by_name.insert(name.clone(), at);
        self.tables.push(CachedTable {
            id,
            name: name.clone(),
            keys: SeriesList::default(),
            key_by_hash: HashTable::new(),
            numbers: Vec::new(),
            round: 0,
            builder: 0,
        });
        at
    }

    /// Its name, and the id for which its keys are right.
    pub(super) fn identity(&self, table: u32) -> (&TableName, Option<TableId>) {
        let table = &self.tables[table as usize];
        (&table.name, table.id)
    }

    /// The table of that name and its builder, if it has one in this request.
    pub(super) fn built_table(&self, name: &str) -> Option<(u32, u32)> {
        let at = *self.table_by_name.get(name)?;
        Some((at, self.builder(at)?))
    }

    /// The builder of a cached table in this request.
    #[inline]
    pub(super) fn builder(&self, table: u32) -> Option<u32> {
        let table = &self.tables[table as usize];
        (table.round == self.round).then_some(table.builder)
    }

    /// Gives a cached table its builder in this request.
    pub(super) fn set_builder(&mut self, table: u32, builder: u32) {
        let table = &mut self.tables[table as usize];
        (table.round, table.builder) = (self.round, builder);
    }

    /// Takes the builder away again: the line that needed it was refused.
    pub(super) fn unset_builder(&mut self, name: &TableName) {
        if let Some(at) = self.table_by_name.get(name) {
            self.tables[*at as usize].round = 0;
        }
    }

    /// Takes back what the line at hand has added.
    pub(super) fn undo_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        if let Some((table, key)) = line.numbered {
            self.tables[table as usize].numbers[key as usize].round = 0;
        }
        if let Some(entry) = line.placed {
            self.entries[entry as usize].round = 0;
        }
        if line.entry_is_new {
            self.pop_entry(line.key_is_new);
        }
        // Or lines that nobody accepts could fill the cache with names.
        if line.table_is_new
            && let Some(table) = self.tables.pop()
        {
            self.table_by_name.remove(&table.name);
        }
    }

    fn pop_entry(&mut self, with_key: bool) {
        let Some(entry) = self.entries.pop() else {
            return;
        };
        let at = self.entries.len() as u32;
        if let Ok(found) = self.entry_by_hash.find_entry(entry.hash, |of| *of == at) {
            found.remove();
        }
        self.texts.truncate(self.start(at));
        // There has to be a previous entry to begin with.
        self.previous = self.previous.min(at.saturating_sub(1));
        if with_key {
            let table = &mut self.tables[entry.table as usize];
            let hash = self.hasher.hash_one(table.keys.key(entry.key));
            if let Ok(found) = table.key_by_hash.find_entry(hash, |of| *of == entry.key) {
                found.remove();
            }
            table.keys.truncate(entry.key as usize);
            table.numbers.truncate(entry.key as usize);
        }
    }

    /// Forgets all series, not the builders of tables. In a table that has one, the keys stay as well: some of
    /// them have their numbers there, and must not get others.
    fn forget_series(&mut self) {
        self.texts.clear();
        self.entries.clear();
        self.entry_by_hash.clear();
        self.previous = 0;
        self.line = LineChanges::default();
        let round = self.round;
        for table in self.tables.iter_mut().filter(|of| of.round != round) {
            table.keys = SeriesList::default();
            table.key_by_hash.clear();
            table.numbers.clear();
        }
    }

    /// Makes `at` the current entry and what is expected after the one before.
    fn follow(&mut self, at: u32) {
        if let Some(previous) = self.entries.get_mut(self.previous as usize) {
            previous.follower = at;
        }
        self.previous = at;
    }

    #[inline]
    fn text(&self, entry: u32) -> &str {
        &self.texts[self.start(entry)..self.entries[entry as usize].end as usize]
    }

    #[inline]
    fn start(&self, entry: u32) -> usize {
        match entry {
            0 => 0,
            _ => self.entries[entry as usize - 1].end as usize,
        }
    }

    /// Bytes held, capacity included.
    pub(crate) fn memory_bytes(&self) -> usize {
        let of_tables: usize = self.tables.iter().map(CachedTable::memory_bytes).sum();
        self.texts.capacity()
            + self.entries.capacity() * size_of::<Entry>()
            + self.entry_by_hash.allocation_size()
            + self.table_by_name.allocation_size()
            + of_tables
    }
}

impl CachedTable {
    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + self.name.as_str().len()
            + self.keys.memory_bytes()
            + self.key_by_hash.allocation_size()
            + self.numbers.capacity() * size_of::<Number>()
    }
}

#[cfg(test)]
mod tests;
