//! Random rows, and the ways in which they can lie about.

use super::dice::Dice;
use crate::rows::{Key, Rows, Value};
use crate::world::World;
use crate::writes::{Fate, write};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// All columns of a table but `time`.
const COLUMNS: &str =
    "host:tag region:tag usage:f64 load:f64 idle:i64 seen:u64 up:bool note:string";

pub(super) const HOSTS: [&str; 4] = ["a", "b", "c", "a_b"];
pub(super) const REGIONS: [&str; 3] = ["eu", "us", "EU"];
pub(super) const NOTES: [&str; 7] = ["", "x", "abc", "Abc", "a_b", "10", "\u{e4}%"];

/// 2024-01-01T00:00:00Z.
pub(super) const START: i64 = 1_704_067_200_000_000_000;
pub(super) const MINUTE: i64 = 60_000_000_000;

/// The tables, which have the same rows.
pub(super) const LAYOUTS: [&str; 4] = ["memory", "files", "mixed", "compact"];

/// Rows in the order in which they were written, and what is seen of them.
pub(super) struct Data {
    writes: Vec<Rows>,
    pub(super) rows: Rows,
}

impl Data {
    pub(super) fn random(dice: &mut Dice) -> Self {
        let days = dice.between(1, 3);
        let span = *dice.pick(&[&4, &12, &96]);
        let most = *dice.pick(&[&3, &10, &30]);
        let writes = (0..dice.between(1, 6)).map(|_| {
            let mut rows = Rows::default();
            for _ in 0..dice.between(1, most) {
                rows.write(key(dice, days, span), fields(dice));
            }
            rows
        });
        let writes: Vec<Rows> = writes.collect();
        let mut rows = Rows::default();
        for (key, fields) in writes.iter().flat_map(|rows| &rows.0) {
            rows.write(key.clone(), fields.clone());
        }
        Self { writes, rows }
    }

    /// Writes all rows once for each of the [`LAYOUTS`].
    pub(super) async fn store(&self, world: &World, dice: &mut Dice) {
        for layout in LAYOUTS {
            let batches: Vec<(Rows, Fate)> = match layout {
                "memory" => self.each(|| Fate::Buffered),
                "files" => self.each(|| Fate::Persisted),
                "mixed" => self.each(|| {
                    *dice.pick(&[
                        &Fate::Persisted,
                        &Fate::PersistedAndBuffered,
                        &Fate::Buffered,
                        &Fate::Buffered,
                    ])
                }),
                _ => vec![(self.rows.clone(), Fate::Persisted)],
            };
            let written = write(world, layout, &batches).await;
            assert_eq!(written.0.len(), self.rows.0.len());
            world.table(layout, COLUMNS).await;
        }
    }

    fn each(&self, mut fate: impl FnMut() -> Fate) -> Vec<(Rows, Fate)> {
        let writes = self.writes.iter();
        writes.map(|rows| (rows.clone(), fate())).collect()
    }

    /// The writes as [`Rows::parse`] reads them, with an empty line after each.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for rows in &self.writes {
            for ((tags, time), fields) in &rows.0 {
                let tags: Vec<_> = tags.iter().map(|(k, v)| format!("{k}={v}")).collect();
                let fields: Vec<_> = fields
                    .iter()
                    .map(|(k, v)| format!("{k}={}", shown(v)))
                    .collect();
                let _ = writeln!(text, "{} {} {time}", tags.join(","), fields.join(","));
            }
            text.push('\n');
        }
        text
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::F64(v) => v.to_string(),
        Value::I64(v) => format!("{v}i"),
        Value::U64(v) => format!("{v}u"),
        Value::Bool(v) => if *v { "t" } else { "f" }.to_owned(),
        Value::String(v) => format!("\"{v}\""),
    }
}

fn key(dice: &mut Dice, days: i64, span: i64) -> Key {
    let mut tags = BTreeMap::new();
    if dice.chance(80) {
        tags.insert("host".to_owned(), dice.pick(&HOSTS).to_owned());
    }
    if dice.chance(60) {
        tags.insert("region".to_owned(), dice.pick(&REGIONS).to_owned());
    }
    (tags, time(dice, days, span))
}

/// On a grid of 15 minutes, and now and then a little beside it; once in a while long ago.
fn time(dice: &mut Dice, days: i64, span: i64) -> i64 {
    let off = *dice.pick(&[&0, &0, &0, &0, &1, &-1, &1_000_000_000]);
    let at = (dice.below(days as usize) as i64 * 96 + dice.between(0, span)) * 15 * MINUTE + off;
    if dice.chance(2) { at } else { START + at }
}

fn fields(dice: &mut Dice) -> BTreeMap<String, Value> {
    let mut fields = BTreeMap::new();
    for name in ["usage", "load", "idle", "seen", "up", "note"] {
        if dice.chance(55) {
            fields.insert(name.to_owned(), field(dice, name));
        }
    }
    if fields.is_empty() {
        fields.insert("usage".to_owned(), Value::F64(1.0));
    }
    fields
}

/// Quarters for `usage`, of which all sums are exact; anything for `load`. NaN is no value that can be written, and
/// whether it is the largest of a group depends on the order of its rows.
fn field(dice: &mut Dice, name: &str) -> Value {
    match name {
        "usage" => Value::F64(dice.between(-8, 8) as f64 / 4.0),
        "load" => Value::F64(match dice.below(12) {
            1 => f64::INFINITY,
            2 => f64::NEG_INFINITY,
            3 => -0.0,
            4 => 0.0,
            5 => 1e300,
            6 => -5e-324,
            _ => dice.between(-3, 3) as f64 / 2.0,
        }),
        "idle" => Value::I64(match dice.below(40) {
            0 => i64::MIN,
            1 => i64::MAX,
            _ => dice.between(-5, 10),
        }),
        "seen" => Value::U64(match dice.below(40) {
            0 => u64::MAX,
            1 => i64::MAX as u64 + 1,
            _ => dice.below(12) as u64,
        }),
        "up" => Value::Bool(dice.chance(50)),
        _ => Value::String(dice.pick(&NOTES).to_owned()),
    }
}
