//! Chance, with the few questions that the generators ask of it.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// A source of chance that one number determines.
#[derive(Debug)]
pub struct Dice(StdRng);

impl Dice {
    /// The same `seed` gives the same answers in the same order. `stream` tells apart what is made
    /// from one seed, so that more of the one does not change the other.
    pub fn new(seed: u64, stream: u64) -> Self {
        // Odd, so that different streams of a seed stay different.
        Self(StdRng::seed_from_u64(
            seed ^ stream.wrapping_mul(0x9E37_79B9_7F4A_7C15),
        ))
    }

    /// True in `percent` of a hundred cases.
    pub fn chance(&mut self, percent: u32) -> bool {
        self.0.random_range(0..100) < percent
    }

    /// From `min` to `max`, both inside.
    pub fn between(&mut self, min: i64, max: i64) -> i64 {
        self.0.random_range(min..=max)
    }

    /// From `min` to `max`, both inside.
    pub fn count(&mut self, min: usize, max: usize) -> usize {
        self.0.random_range(min..=max)
    }

    /// One of `items`, all equally likely.
    ///
    /// # Panics
    /// If there is none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.0.random_range(0..items.len())]
    }

    /// One of `items`, each as likely as its weight says.
    ///
    /// # Panics
    /// If all weights are zero.
    pub fn weighted<'a, T>(&mut self, items: &'a [(u32, T)]) -> &'a T {
        let total: u32 = items.iter().map(|(weight, _)| weight).sum();
        let mut left = self.0.random_range(0..total);
        for (weight, item) in items {
            if left < *weight {
                return item;
            }
            left -= weight;
        }
        unreachable!("the number drawn is below the sum of the weights")
    }

    /// `count` different items, or all if there are fewer, in their order.
    pub fn some<T: Clone>(&mut self, items: &[T], count: usize) -> Vec<T> {
        let mut missing = count.min(items.len());
        let mut chosen = Vec::with_capacity(missing);
        for (index, item) in items.iter().enumerate() {
            if self.0.random_range(0..items.len() - index) < missing {
                chosen.push(item.clone());
                missing -= 1;
            }
        }
        chosen
    }
}
