use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::VecDeque;

const A: DatabaseId = DatabaseId::new(1);
const B: DatabaseId = DatabaseId::new(2);
const C: DatabaseId = DatabaseId::new(3);

/// Takes ones until there are no more.
fn flood(shares: &Arc<Shares>, database: DatabaseId) -> Vec<Share> {
    std::iter::from_fn(|| shares.take(database, 1)).collect()
}

#[test]
fn one_database_gets_three_quarters() {
    let shares = Shares::new(256);
    assert_eq!(flood(&shares, A).len(), 192);
}

#[test]
fn greedy_databases_come_to_hold_the_same_and_leave_room() {
    let shares = Shares::new(700);
    let (mut a, mut b) = (flood(&shares, A), Vec::new());
    for _ in 0..700 {
        // A's requests end one after another, and both try to begin as many as they can.
        a.pop();
        b.extend(flood(&shares, B));
        a.extend(flood(&shares, A));
    }
    assert_eq!((a.len(), b.len()), (300, 300));
    assert!(shares.take(C, 100).is_some());
}

#[test]
fn shares_grow_shrink_and_are_given_back() {
    let shares = Shares::new(100);
    let mut share = shares.take(A, 10).unwrap();
    assert!(share.set(75));
    assert!(!share.set(76), "a quarter is left to others");
    assert_eq!(share.amount(), 75);
    assert!(shares.take(B, 26).is_none(), "there is no more than that");
    let other = shares.take(B, 25).unwrap();
    assert!(share.set(20));
    assert_eq!(shares.total(), 45);
    drop((share, other));
    assert_eq!(shares.total(), 0);
    assert!(shares.by_database().is_empty());
}

#[test]
fn numbers_at_the_edge_are_no_trouble() {
    let admits = |limit, total, holders, own, more| {
        let claim = Claim {
            limit,
            total,
            holders,
            own,
            more,
        };
        claim.is_admitted()
    };
    assert!(!admits(0, 0, 0, 0, 1));
    assert!(!admits(10, u64::MAX, 1, 0, 1));
    assert!(admits(u64::MAX, 1, 1, 1, 2));
    assert!(admits(u64::MAX, 1, usize::MAX, 1, 2));
    assert!(!admits(u64::MAX, 5, 1, u64::MAX, u64::MAX));
}

proptest! {
    /// Against a model that adds up what is held, for any sequence of taking, changing and giving back.
    #[test]
    fn the_rule_holds_at_every_step(limit in 0u64..2_000, steps in vec((1u64..6, 0u64..400, 0usize..8), 0..200)) {
        let shares = Shares::new(limit);
        let mut held: Vec<Share> = Vec::new();
        for (database, amount, what) in steps {
            let database = DatabaseId::new(database as i64);
            let own: u64 = held.iter().filter(|s| s.database == database).map(Share::amount).sum();
            let holders = shares.by_database().len() as u64;
            let total: u64 = held.iter().map(Share::amount).sum();
            match (what, held.is_empty()) {
                (0 | 1, false) => { held.swap_remove(amount as usize % held.len()); }
                (2, false) => {
                    let at = amount as usize % held.len();
                    let before = held[at].amount();
                    let changed = held[at].set(amount);
                    prop_assert!(changed || amount > before, "shrinking always works");
                    prop_assert_eq!(held[at].amount(), if changed { amount } else { before });
                }
                _ => {
                    let share = shares.take(database, amount);
                    // Whoever holds nothing gets what fits.
                    prop_assert!(share.is_some() || own > 0 || total + amount > limit);
                    // Below half of the limit nobody is refused.
                    prop_assert!(share.is_some() || 2 * (total + amount) > limit);
                    // Who holds something leaves room for newcomers.
                    prop_assert!(
                        share.is_none() || own == 0 || amount == 0 || limit - total - amount >= limit / (3 * holders + 1)
                    );
                    held.extend(share);
                }
            }
            let total: u64 = held.iter().map(Share::amount).sum();
            prop_assert!(total <= limit);
            prop_assert_eq!(shares.total(), total);
            let by_database = shares.by_database();
            prop_assert_eq!(by_database.iter().map(|(_, own)| own).sum::<u64>(), total);
            prop_assert!(by_database.iter().all(|(_, own)| *own > 0));
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// However many flood, with whatever sizes: once their first requests have ended, there is always room for
    /// a request of one more database that is as large as the largest of theirs.
    #[test]
    fn newcomers_are_not_starved(greedy in 1u64..10, sizes in vec(1u64..50, 1..50)) {
        let shares = Shares::new(10_000);
        let mut held = VecDeque::new();
        for round in 0..300 {
            // Requests end in the order in which they began, a few at a time.
            held.drain(..held.len() / 20);
            for database in 0..greedy {
                let size = sizes[(round + database as usize) % sizes.len()];
                let database = DatabaseId::new(1 + database as i64);
                while let Some(share) = shares.take(database, size) {
                    held.push_back(share);
                }
            }
        }
        let newcomer = DatabaseId::new(99);
        prop_assert!(shares.take(newcomer, 50).is_some(), "{} held", shares.total());
    }
}
