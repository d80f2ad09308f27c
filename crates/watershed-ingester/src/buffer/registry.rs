//! The series of one piece: tag set to number and back.

use foldhash::quality::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::hash::BuildHasher;
use std::sync::Arc;
use watershed_model::SeriesList;
use watershed_model::batch::SeriesTags;

/// Keys a block holds. A full block never changes again and is shared with readers; only the last
/// one is copied when a writer adds to it while a reader holds it, so this bounds that copy.
const BLOCK_SERIES: u32 = if cfg!(test) { 4 } else { 256 };

/// Numbers series keys from zero in order of appearance.
#[derive(Debug, Default)]
pub(crate) struct SeriesRegistry {
    ids: HashTable<u32>,
    // Tag values come from users: the seed differs in each piece, so nobody can prepare collisions.
    hasher: RandomState,
    keys: SeriesKeys,
    full_blocks_bytes: usize,
}

impl SeriesRegistry {
    /// The number of the series with that key; a new one if it was not seen before.
    pub(crate) fn id_of(&mut self, key: &[u8]) -> u32 {
        let Self {
            ids, hasher, keys, ..
        } = self;
        let hash = hasher.hash_one(key);
        let same = |id: &u32| keys.key(*id) == key;
        match ids.entry(hash, same, |id| hasher.hash_one(keys.key(*id))) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(vacant) => {
                let id = keys.len();
                vacant.insert(id);
                self.push(key);
                id
            }
        }
    }

    fn push(&mut self, key: &[u8]) {
        if self.keys.len().is_multiple_of(BLOCK_SERIES) {
            self.full_blocks_bytes += self.keys.last_block_bytes();
            self.keys.blocks.push(Arc::default());
        }
        if let Some(last) = self.keys.blocks.last_mut() {
            Arc::make_mut(last).push_key(key);
        }
        self.keys.len += 1;
    }

    /// All keys as they are now. Costs a reference count per block.
    pub(crate) fn keys(&self) -> SeriesKeys {
        self.keys.clone()
    }

    /// Bytes held, capacity included.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.ids.allocation_size()
            + self.full_blocks_bytes
            + self.keys.last_block_bytes()
            + self.keys.blocks.capacity() * size_of::<Arc<SeriesList>>()
    }

    /// Gives up the way from key to number and keeps the keys.
    pub(crate) fn into_keys(self) -> SeriesKeys {
        self.keys
    }
}

/// An immutable list of series keys.
#[derive(Debug, Clone, Default)]
pub(crate) struct SeriesKeys {
    blocks: Vec<Arc<SeriesList>>,
    len: u32,
}

impl SeriesKeys {
    /// The number of series.
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// The key of a series.
    pub(crate) fn key(&self, series: u32) -> &[u8] {
        self.blocks[(series / BLOCK_SERIES) as usize].key(series % BLOCK_SERIES)
    }

    /// The tags of a series by ascending column id.
    pub(crate) fn tags(&self, series: u32) -> SeriesTags<'_> {
        SeriesTags::new(self.key(series))
    }

    /// Bytes held, capacity included.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.blocks
            .iter()
            .map(|block| block.memory_bytes())
            .sum::<usize>()
            + self.blocks.capacity() * size_of::<Arc<SeriesList>>()
    }

    fn last_block_bytes(&self) -> usize {
        self.blocks.last().map_or(0, |block| block.memory_bytes())
    }
}

#[cfg(test)]
mod tests;
