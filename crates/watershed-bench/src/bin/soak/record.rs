//! What became of each batch.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What is known about a batch. One byte: a soak sends hundreds of thousands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It has a number, and no answer yet.
    Sent,
    Acknowledged,
    /// Answered 503: it may be stored whole, or not at all.
    Refused,
    /// No answer, or one that should not be.
    Unknown,
}

/// All batches, by number.
#[derive(Debug, Default)]
pub(crate) struct Record(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    outcomes: Vec<Outcome>,
    totals: Totals,
}

/// Counts of batches.
#[derive(Debug, Clone, Default)]
pub(crate) struct Totals {
    pub(crate) acknowledged: u64,
    pub(crate) refused: u64,
    pub(crate) unknown: u64,
    /// What no server should answer, and how often it did.
    pub(crate) unexpected: BTreeMap<String, u64>,
    /// Tenths of a millisecond until the 204, in the order of the answers.
    latencies: Vec<u32>,
}

impl Record {
    /// The number of the next batch.
    pub(crate) fn next(&self) -> u64 {
        let outcomes = &mut self.lock().outcomes;
        outcomes.push(Outcome::Sent);
        outcomes.len() as u64 - 1
    }

    /// Notes what became of a batch. A batch is sent again after a 503 while the rate is measured, and the
    /// last answer counts: acknowledged once is acknowledged.
    pub(crate) fn note(&self, batch: u64, outcome: Outcome, took: Duration) {
        let mut inner = self.lock();
        inner.outcomes[batch as usize] = outcome;
        let totals = &mut inner.totals;
        match outcome {
            Outcome::Sent => {}
            Outcome::Acknowledged => {
                totals.acknowledged += 1;
                totals.latencies.push((took.as_micros() / 100) as u32);
            }
            Outcome::Refused => totals.refused += 1,
            Outcome::Unknown => totals.unknown += 1,
        }
    }

    /// Notes something that should not have happened.
    pub(crate) fn wonder(&self, what: String) {
        *self.lock().totals.unexpected.entry(what).or_default() += 1;
    }

    pub(crate) fn totals(&self) -> Totals {
        self.lock().totals.clone()
    }

    pub(crate) fn outcomes(&self) -> Vec<Outcome> {
        self.lock().outcomes.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Totals {
    /// What was added since an earlier look.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let mut latencies = self.latencies[earlier.latencies.len()..].to_vec();
        latencies.sort_unstable();
        Self {
            acknowledged: self.acknowledged - earlier.acknowledged,
            refused: self.refused - earlier.refused,
            unknown: self.unknown - earlier.unknown,
            unexpected: self.unexpected.clone(),
            latencies,
        }
    }

    /// A quantile of the latencies; of what [`since`](Self::since) gave.
    pub(crate) fn latency_ms(&self, share: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let at = (last as f64 * share).round() as usize;
        self.latencies.get(at).copied().map_or(f64::NAN, f64::from) / 10.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_of_a_stretch() {
        let record = Record::default();
        let note = |outcome, ms| {
            let batch = record.next();
            record.note(batch, outcome, Duration::from_millis(ms));
        };
        note(Outcome::Acknowledged, 900);
        let before = record.totals();
        for ms in 1..=100 {
            note(Outcome::Acknowledged, ms);
        }
        note(Outcome::Refused, 1);
        let totals = record.totals().since(&before);
        assert_eq!((totals.acknowledged, totals.refused), (100, 1));
        assert_eq!(totals.latency_ms(1.0), 100.0);
        assert_eq!(record.outcomes().len(), 102);
    }
}
