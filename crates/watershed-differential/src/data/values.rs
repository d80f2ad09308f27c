//! The names and values that points are made of.

use crate::dice::Dice;
use watershed_line_protocol::{FieldKind, FieldValue};

/// Names of measurements.
pub(super) const MEASUREMENT_POOL: &[&str] = &["cpu", "disk io", "mem", "net", "température"];

/// Tags and their values. None has a backslash: what one means in line protocol differs between servers.
pub(super) const TAG_POOL: &[(&str, &[&str])] = &[
    ("host", &["a", "b", "server01", "server02"]),
    ("rack id", &["1", "2", "10", "-"]),
    ("region", &["eu-west", "us east", "us,east=1", "Üb'er"]),
    ("zone", &["z", "Z", "zz", "日本"]),
];

/// Fields and the types that they may have in a measurement.
pub(super) const FIELD_POOL: &[(&str, &[FieldKind])] = &[
    ("idle", &[FieldKind::Float]),
    ("load 1", &[FieldKind::Float, FieldKind::Integer]),
    ("note", &[FieldKind::String]),
    ("ok", &[FieldKind::Boolean]),
    ("state", &[FieldKind::String]),
    ("total", &[FieldKind::Integer]),
    ("used", &[FieldKind::Float, FieldKind::Integer]),
    ("value", &[FieldKind::Float]),
];

/// Texts of string fields.
pub(crate) const TEXTS: &[&str] = &[
    "",
    "a",
    "b",
    "cold start",
    "it's",
    "say \"hi\"",
    "warm",
    "Ω",
];

/// A value of that type. Small and round ones are frequent: they occur twice, cancel out and are zero.
pub(super) fn value(dice: &mut Dice, kind: FieldKind) -> FieldValue {
    match kind {
        FieldKind::Float => FieldValue::Float(float(dice)),
        FieldKind::Integer => FieldValue::Integer(integer(dice)),
        FieldKind::Unsigned => FieldValue::Unsigned(integer(dice).unsigned_abs()),
        FieldKind::Boolean => FieldValue::Boolean(dice.chance(50)),
        FieldKind::String => FieldValue::String((*dice.pick(TEXTS)).to_owned()),
    }
}

/// Large ones are multiples of a power of two, so that sums are exact in any order.
#[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
fn float(dice: &mut Dice) -> f64 {
    match dice.between(0, 9) {
        0..4 => dice.between(-8, 40) as f64 / 4.0,
        4..6 => dice.between(-1000, 1000) as f64 / 10.0,
        6..8 => dice.between(-1000, 100_000) as f64 / 64.0,
        8 => 0.0,
        _ => dice.between(-5, 5) as f64 / 1024.0,
    }
}

fn integer(dice: &mut Dice) -> i64 {
    match dice.between(0, 9) {
        0..6 => dice.between(-4, 12),
        6..9 => dice.between(-1000, 100_000),
        _ => dice.between(-9, 9) * 1_000_000_007,
    }
}
