//! Random SQL over random rows.
//!
//! 1. [`Data`] makes rows that are written in several batches, some over others, and stores them in several
//!    ways: in memory, in files that overlap, in both, in one file a day.
//! 2. [`queries`] makes queries about them.
//! 3. What they give has to be the same however the rows are stored, and the same as from a [`Reference`] that
//!    knows neither pruning nor merging nor rules that make plans better.
//! 4. [`question`] makes queries that are simple enough to be answered from a map of the rows.
//! 5. [`partitions`] asks for rows in parts whose union is known: those for which a condition is true, false and
//!    null (Rigger and Su, "Finding bugs in database systems via query partitioning", 2020).
//!
//! `WATERSHED_RANDOM_SQL_SETS` says over how many sets of rows, `WATERSHED_RANDOM_SQL_SEED` is the seed of the first.
//! Failures tell seed, query and rows.

mod answers;
mod data;
mod dice;
mod expressions;
mod model;
mod partitions;
mod queries;
mod reference;
mod row_tests;
mod sources;
mod windows;

use crate::world::{World, settings};
use answers::Answer;
use data::{Data, LAYOUTS};
use dice::Dice;
use model::{Question, question};
use partitions::{Partition, partition};
use queries::Order;
use reference::Reference;
use watershed_catalog::DatabaseSettings;

/// How many queries are asked over a set of rows.
const QUERIES: u64 = 40;

/// How many failures are told at most.
const FAILURES_MAX: usize = 10;

/// Seeds of the sets of rows.
fn seeds(sets: u64) -> std::ops::Range<u64> {
    let number = |name| {
        let text = std::env::var(name).ok()?;
        Some(text.parse::<u64>().unwrap())
    };
    let first = number("WATERSHED_RANDOM_SQL_SEED").unwrap_or(1);
    first..first + number("WATERSHED_RANDOM_SQL_SETS").unwrap_or(sets)
}

/// Rows and everything that answers questions about them.
struct Case {
    seed: u64,
    data: Data,
    world: World,
    reference: Reference,
    dice: Dice,
}

impl Case {
    async fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let data = Data::random(&mut dice);
        let settings = watershed_query::Settings {
            target_partitions: *dice.pick(&[&1, &2, &3]),
            ..settings()
        };
        let world = World::with(DatabaseSettings::default(), settings).await;
        data.store(&world, &mut dice).await;
        let reference = Reference::new(&data, &world, LAYOUTS[0]).await;
        Self {
            seed,
            data,
            world,
            reference,
            dice,
        }
    }

    /// What the engine gives over the rows in one of the layouts.
    async fn answer(&self, text: &str, layout: &str) -> Answer {
        match self.world.sql(&text.replace("{table}", layout)).await {
            Ok(batches) => Answer::of(&batches),
            Err(error) => Answer::Failed(error.to_string()),
        }
    }

    fn failure(&self, what: &str, wanted: (&str, &str), given: (&str, &str)) -> String {
        format!(
            "{what} (seed {}):\n{}\n\n{}\n\nbut {}\n\n{}\n\nrows:\n{}",
            self.seed,
            wanted.0,
            wanted.1,
            given.0,
            given.1,
            self.data.text()
        )
    }

    /// Asks one query of two layouts and of the reference. Returns whether it could be answered.
    async fn same_everywhere(&mut self, failures: &mut Vec<String>) -> bool {
        let query = queries::query(&mut self.dice);
        let layouts = self.dice.some(&LAYOUTS, 2, 2);
        let mut text = query.plain(Reference::TABLE);
        let mut wanted = match query.is_plain() {
            true => self.reference.answer(&text).await,
            false => Answer::Failed("not asked".to_owned()),
        };
        for layout in layouts {
            let asked = query.of(layout);
            let given = self.answer(&asked, layout).await;
            if wanted.rows().is_none() {
                // Some plans do not work as they are; what there is to compare with is another layout then.
                (text, wanted) = (asked, given);
            } else if !given.agrees(&wanted, query.order) {
                let (wanted, given) = (wanted.shown(query.order), given.shown(query.order));
                let what = format!("layout {layout} differs");
                failures.push(self.failure(&what, (&text, &wanted), (&asked, &given)));
                break;
            }
        }
        wanted.rows().is_some()
    }

    /// Asks for rows and their parts. Returns whether it could be answered.
    async fn parts_add_up(&mut self, failures: &mut Vec<String>) -> bool {
        let Partition { whole, parts } = partition(&mut self.dice);
        let layout = self.dice.pick(&LAYOUTS);
        let (all, sum) = (
            self.answer(&whole, layout).await,
            self.answer(&parts, layout).await,
        );
        if !all.agrees(&sum, Order::Any) {
            let (wanted, given) = (all.shown(Order::Any), sum.shown(Order::Any));
            let what = format!("the parts are not the whole in layout {layout}");
            failures.push(self.failure(&what, (&whole, &wanted), (&parts, &given)));
        }
        all.rows().is_some() && sum.rows().is_some()
    }
}

impl Case {
    /// Asks what can be told from the rows by hand.
    async fn as_by_hand(&mut self, failures: &mut Vec<String>) -> bool {
        let Question { text, rows } = question(&mut self.dice, &self.data.rows);
        let layout = self.dice.pick(&LAYOUTS);
        let given = self.answer(&text, layout).await;
        if !given.has(&rows) {
            let wanted: Vec<String> = rows.iter().map(|row| row.join(" | ")).collect();
            let what = format!("layout {layout} is not as computed by hand");
            let given = given.shown(Order::Total);
            failures.push(self.failure(&what, (&text, &wanted.join("\n")), ("here", &given)));
        }
        true
    }
}

/// Counts what was asked, and how much of it could not be answered.
#[derive(Default)]
struct Tally {
    asked: usize,
    failed: usize,
    failures: Vec<String>,
}

impl Tally {
    fn count(&mut self, answered: bool) {
        self.asked += 1;
        self.failed += usize::from(!answered);
    }

    #[track_caller]
    fn check(&self) {
        assert!(self.failures.is_empty(), "{}", self.failures.join("\n\n"));
        // Queries that fail everywhere tell nothing.
        assert!(
            self.failed * 10 < self.asked,
            "{} of {} queries failed",
            self.failed,
            self.asked
        );
    }
}

#[tokio::test]
async fn answers_do_not_depend_on_where_rows_are_nor_on_how_plans_are_made_better() {
    let mut tally = Tally::default();
    for seed in seeds(3) {
        let mut case = Case::new(seed).await;
        for _ in 0..QUERIES {
            let answered = case.same_everywhere(&mut tally.failures).await;
            tally.count(answered);
        }
        if tally.failures.len() >= FAILURES_MAX {
            break;
        }
    }
    tally.check();
}

#[tokio::test]
async fn rows_for_which_a_condition_is_true_false_and_null_are_all_rows() {
    let mut tally = Tally::default();
    for seed in seeds(3) {
        let mut case = Case::new(seed).await;
        for _ in 0..QUERIES {
            let answered = case.parts_add_up(&mut tally.failures).await;
            tally.count(answered);
        }
        if tally.failures.len() >= FAILURES_MAX {
            break;
        }
    }
    tally.check();
}

#[tokio::test]
async fn simple_questions_are_answered_as_by_hand() {
    let mut tally = Tally::default();
    for seed in seeds(3) {
        let mut case = Case::new(seed).await;
        for _ in 0..QUERIES {
            let answered = case.as_by_hand(&mut tally.failures).await;
            tally.count(answered);
        }
        if tally.failures.len() >= FAILURES_MAX {
            break;
        }
    }
    tally.check();
}
