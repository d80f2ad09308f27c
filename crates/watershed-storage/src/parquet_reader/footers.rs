//! Decoded footers in memory, bounded by bytes.

use object_store::path::Path;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Keeps the footers used last.
#[derive(Debug)]
pub(super) struct Footers {
    bytes_max: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<Path, Entry>,
    /// The paths by their last use.
    by_use: BTreeMap<u64, Path>,
    uses: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    footer: ArrowReaderMetadata,
    bytes: usize,
    used: u64,
}

impl Footers {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            state: Mutex::default(),
        }
    }

    pub(super) fn get(&self, path: &Path) -> Option<ArrowReaderMetadata> {
        let mut guard = self.lock();
        let state = &mut *guard;
        let entry = state.entries.get_mut(path)?;
        state.uses += 1;
        if let Some(path) = state.by_use.remove(&entry.used) {
            state.by_use.insert(state.uses, path);
        }
        entry.used = state.uses;
        Some(entry.footer.clone())
    }

    /// Keeps a footer, at the cost of those not used for longest. One larger than the cache is not kept.
    pub(super) fn put(&self, path: &Path, footer: &ArrowReaderMetadata) {
        // The Arrow schema is about as large as the Parquet schema, which is a small part.
        let bytes = footer.metadata().memory_size() + 2 * path.as_ref().len();
        if bytes > self.bytes_max {
            return;
        }
        let mut state = self.lock();
        state.remove(path);
        state.uses += 1;
        let entry = Entry {
            footer: footer.clone(),
            bytes,
            used: state.uses,
        };
        let used = entry.used;
        state.by_use.insert(used, path.clone());
        state.entries.insert(path.clone(), entry);
        state.bytes += bytes;
        while state.bytes > self.bytes_max {
            let Some((_, oldest)) = state.by_use.pop_first() else {
                break;
            };
            state.remove(&oldest);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half way, so a poisoned state is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remove(&mut self, path: &Path) {
        if let Some(entry) = self.entries.remove(path) {
            self.by_use.remove(&entry.used);
            self.bytes -= entry.bytes;
        }
    }
}

#[cfg(test)]
mod tests;
