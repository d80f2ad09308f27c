//! A limit that databases share fairly.
//!
//! The rule, [`Claim::is_admitted`]: who holds nothing is let in while there is room. Who holds something already may
//! grow while it holds at most [`WEIGHT`] times what is left free afterwards, and while that is at least
//! `1 / (3 n + 1)` of the limit, `n` being the number of those who hold something. It follows that
//!
//! * below half of the limit nobody is refused for being one of many, however much is theirs;
//! * a single database, whatever it sends, gets three quarters and leaves one quarter to newcomers, `n`
//!   greedy ones come to hold `3 / (3 n + 1)` of the limit each and leave `1 / (3 n + 1)`;
//! * the more others need, the less one may hold: the largest holders are refused first, and come down to
//!   what the others hold as their requests end. What is left to newcomers is only ever taken by first requests.
//!
//! Nobody has to say who is active. (The first bound is the dynamic threshold of shared memory switches: Choudhury
//! and Hahne, "Dynamic queue length thresholds for shared-memory packet switches", 1998. By itself it lets many who
//! hold little take a rest that is small already; hence the second.)

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use watershed_model::DatabaseId;

/// How many times the room that is left one database may hold.
const WEIGHT: u64 = 3;

/// What a database asks for, and how things stand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim {
    /// All that may be held together.
    pub(crate) limit: u64,
    /// What all hold.
    pub(crate) total: u64,
    /// How many databases hold something.
    pub(crate) holders: usize,
    /// What the one that asks holds.
    pub(crate) own: u64,
    /// What it asks for besides.
    pub(crate) more: u64,
}

impl Claim {
    /// Whether the database may have it.
    pub(crate) fn is_admitted(self) -> bool {
        let Some(free) = self.limit.checked_sub(self.total.saturating_add(self.more)) else {
            return false;
        };
        let parts = WEIGHT.saturating_mul(self.holders as u64).saturating_add(1);
        self.own == 0
            || (self.own.saturating_add(self.more) <= free.saturating_mul(WEIGHT)
                && free >= self.limit / parts)
    }
}

/// An amount of something (requests, bytes) that databases may hold together, shared by the rule of
/// this module. Nobody waits: who does not get a share is told so.
#[derive(Debug)]
pub struct Shares {
    limit: u64,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    total: u64,
    /// Only databases that hold something.
    by_database: HashMap<DatabaseId, u64>,
}

impl Held {
    fn of(&self, database: DatabaseId) -> u64 {
        self.by_database.get(&database).copied().unwrap_or(0)
    }

    fn change(&mut self, database: DatabaseId, from: u64, to: u64) {
        let own = self.by_database.entry(database).or_default();
        *own = *own - from + to;
        if *own == 0 {
            self.by_database.remove(&database);
        }
        self.total = self.total - from + to;
    }
}

impl Shares {
    /// Nothing is held yet, and at most `limit` ever will be.
    pub fn new(limit: u64) -> Arc<Self> {
        let held = Mutex::default();
        Arc::new(Self { limit, held })
    }

    /// A share of `amount`, given back when it is dropped; `None` when there is not enough for this database.
    pub fn take(self: &Arc<Self>, database: DatabaseId, amount: u64) -> Option<Share> {
        let mut share = Share {
            shares: Arc::clone(self),
            database,
            amount: 0,
        };
        share.set(amount).then_some(share)
    }

    /// What all hold.
    pub fn total(&self) -> u64 {
        self.held.lock().total
    }

    /// What a database holds.
    pub fn held_by(&self, database: DatabaseId) -> u64 {
        self.held.lock().of(database)
    }

    /// What each database holds that holds something, in no order.
    pub fn by_database(&self) -> Vec<(DatabaseId, u64)> {
        let held = self.held.lock();
        held.by_database
            .iter()
            .map(|(id, own)| (*id, *own))
            .collect()
    }
}

/// What one request holds of a [`Shares`]; given back on drop.
#[derive(Debug)]
pub struct Share {
    shares: Arc<Shares>,
    database: DatabaseId,
    amount: u64,
}

impl Share {
    /// Makes the share larger or smaller. `false`: it cannot grow so far, and is as it was.
    #[must_use]
    pub fn set(&mut self, amount: u64) -> bool {
        let mut held = self.shares.held.lock();
        if amount > self.amount {
            let more = amount - self.amount;
            let claim = Claim {
                limit: self.shares.limit,
                total: held.total,
                holders: held.by_database.len(),
                own: held.of(self.database),
                more,
            };
            if !claim.is_admitted() {
                return false;
            }
        }
        held.change(self.database, self.amount, amount);
        self.amount = amount;
        true
    }

    /// How much it is.
    pub fn amount(&self) -> u64 {
        self.amount
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.shares.held.lock();
        held.change(self.database, self.amount, 0);
    }
}

#[cfg(test)]
mod tests;
