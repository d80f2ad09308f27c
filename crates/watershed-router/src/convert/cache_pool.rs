//! What is learnt about series, kept between requests.

use super::SeriesCache;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use watershed_model::DatabaseId;

/// The most bytes that one cache keeps: some 70,000 series of 200 bytes. One that has grown larger is thrown
/// away, and the series that still come are learnt again.
const CACHE_BYTES_MAX: usize = 24 << 20;

/// The most bytes that all caches keep. The one that was used least recently goes first.
const POOL_BYTES_MAX: usize = 48 << 20;

/// The caches that no request is using. A database has as many as it has had requests at a time.
#[derive(Debug, Default)]
pub(crate) struct CachePool(Mutex<Idle>);

#[derive(Debug, Default)]
struct Idle {
    /// Least recently used first.
    caches: VecDeque<IdleCache>,
    bytes: usize,
}

#[derive(Debug)]
struct IdleCache {
    database: DatabaseId,
    bytes: usize,
    cache: SeriesCache,
}

impl CachePool {
    /// A cache of the database, the one used last; a new one if there is none.
    pub(crate) fn take(&self, database: DatabaseId) -> SeriesCache {
        let mut idle = self.idle();
        let found = idle
            .caches
            .iter()
            .rposition(|of| of.database == database)
            .and_then(|at| idle.caches.remove(at));
        match found {
            Some(found) => {
                idle.bytes -= found.bytes;
                found.cache
            }
            None => SeriesCache::default(),
        }
    }

    /// Keeps a cache for the next request, within the limits.
    pub(crate) fn put(&self, database: DatabaseId, cache: SeriesCache) {
        let bytes = cache.memory_bytes();
        if bytes > CACHE_BYTES_MAX {
            return;
        }
        let mut dropped = Vec::new();
        let mut idle = self.idle();
        idle.bytes += bytes;
        idle.caches.push_back(IdleCache {
            database,
            bytes,
            cache,
        });
        while idle.bytes > POOL_BYTES_MAX
            && let Some(oldest) = idle.caches.pop_front()
        {
            idle.bytes -= oldest.bytes;
            dropped.push(oldest);
        }
        // Memory is given back after the lock.
        drop(idle);
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_goes_back_to_its_database() {
        let pool = CachePool::default();
        let (a, b) = (DatabaseId::new(1), DatabaseId::new(2));
        let mut learnt = SeriesCache::default();
        learnt.table(&"cpu".into(), None);
        let bytes = learnt.memory_bytes();
        pool.put(a, learnt);
        assert_ne!(pool.take(b).memory_bytes(), bytes);
        assert_eq!(pool.take(a).memory_bytes(), bytes);
        assert_ne!(pool.take(a).memory_bytes(), bytes, "it was taken");
        assert_eq!(pool.idle().bytes, 0);
    }

    #[test]
    fn what_is_too_much_is_dropped() {
        let pool = CachePool::default();
        let large = |bytes: usize| {
            let mut cache = SeriesCache::default();
            let table = cache.table(&"cpu".into(), None);
            cache.insert(&"m".repeat(bytes), table, &[]);
            cache
        };
        pool.put(DatabaseId::new(1), large(CACHE_BYTES_MAX + 1));
        assert!(pool.idle().caches.is_empty());
        for id in 1..=4 {
            pool.put(DatabaseId::new(id), large(POOL_BYTES_MAX / 3));
        }
        let left: Vec<i64> = pool
            .idle()
            .caches
            .iter()
            .map(|c| c.database.get())
            .collect();
        assert_eq!(left, [3, 4]);
    }
}
