//! Data sets: a few measurements with points that have what makes queries go wrong.
//!
//! All measurements of a set draw their columns from the same pool, so that queries over several of
//! them have columns to unite: some in one only, some float in one and integer in another. No name is a
//! tag here and a field there: that is an error in Watershed, and not in InfluxDB 1.x.

mod values;

#[cfg(test)]
mod tests;

use crate::comparable::CLOCK_CHANGE;
use crate::dice::Dice;
use std::collections::{BTreeMap, BTreeSet};
pub(crate) use values::TEXTS;
use values::{FIELD_POOL, MEASUREMENT_POOL, TAG_POOL};
use watershed_influxql::{MeasurementName, translate_regex};
use watershed_line_protocol::{FieldKind, FieldValue, Point};

const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Points of one database, and what a query needs to know to ask for them.
#[derive(Debug, Clone)]
pub struct DataSet {
    /// In the order of their names.
    pub measurements: Vec<Measurement>,
    /// In the order in which they are written.
    pub points: Vec<Point>,
    /// Nanoseconds between neighbouring points of a series, roughly.
    pub step: i64,
    /// Whether series of one measurement have points at the same time. Where they don't, order and choice
    /// of rows are settled by time alone, and nothing is left open.
    pub ties: bool,
    /// Whether the points are from the last hours, so that `now()` finds them.
    pub recent: bool,
    /// The time of the first point, in nanoseconds.
    pub min_time: i64,
    /// The time of the last point, in nanoseconds.
    pub max_time: i64,
}

/// What is in a measurement.
#[derive(Debug, Clone)]
pub struct Measurement {
    /// Its name.
    pub name: String,
    /// The tags by name with the values that occur. A tag may be absent from some points.
    pub tags: BTreeMap<String, Vec<String>>,
    /// The fields by name.
    pub fields: BTreeMap<String, FieldKind>,
}

impl Measurement {
    /// Whether a name in `FROM` means it.
    pub(crate) fn is_meant(&self, name: &MeasurementName) -> bool {
        match name {
            MeasurementName::Name(name) => *name == self.name,
            MeasurementName::Regex(regex) => translate_regex(&regex.0)
                .ok()
                .and_then(|pattern| regex::Regex::new(&pattern).ok())
                .is_some_and(|regex| regex.is_match(&self.name)),
        }
    }
}

/// When the points of a data set are.
#[derive(Debug, Clone, Copy)]
enum Era {
    /// An afternoon in 2024, a round begin.
    Past,
    /// Around the end of summer time in Europe.
    ClockChange,
    /// Around the epoch: some times are negative.
    Epoch,
    /// In 1905 or 2170.
    Far,
    /// The last hours.
    Recent,
}

impl DataSet {
    /// The set of number `index` of a run. `now` (nanoseconds) is the end of recent data.
    pub fn generate(seed: u64, index: u64, now: i64) -> Self {
        let mut dice = Dice::new(seed, index);
        // The first four sets of a run are sure to be of different kinds.
        let era = match index {
            0 | 1 => Era::Past,
            2 => Era::Recent,
            3 => Era::ClockChange,
            _ => *dice.weighted(&[
                (4, Era::Past),
                (1, Era::ClockChange),
                (2, Era::Epoch),
                (1, Era::Far),
                (1, Era::Recent),
            ]),
        };
        let ties = index % 3 == 1;
        let step = match era {
            Era::Far => *dice.pick(&[HOUR, DAY]),
            Era::ClockChange => *dice.pick(&[10 * MINUTE, HOUR]),
            _ => *dice.pick(&[SECOND, 10 * SECOND, MINUTE, 5 * MINUTE]),
        };
        let rows = dice.count(5, 40);
        let span = step * i64::try_from(rows).unwrap_or(1);
        let start = match era {
            Era::Past => 1_709_596_800 * SECOND + dice.between(0, 3) * DAY,
            Era::ClockChange => CLOCK_CHANGE - span / 2,
            Era::Epoch => -span / 2 / step * step,
            Era::Far if dice.chance(50) => -2_050_000_000 * SECOND,
            Era::Far => 6_311_433_600 * SECOND,
            Era::Recent => now / MINUTE * MINUTE - span - HOUR,
        };
        let plan = Plan {
            start,
            step,
            rows,
            ties,
            regular: dice.chance(50),
            sparse: dice.chance(60),
        };
        let mut set = Self {
            measurements: Vec::new(),
            points: Vec::new(),
            step,
            ties,
            recent: matches!(era, Era::Recent),
            min_time: start,
            max_time: start + span,
        };
        let count = dice.count(2, 4);
        for name in dice.some(MEASUREMENT_POOL, count) {
            plan.fill(&mut dice, name, &mut set);
        }
        set.describe();
        set
    }

    /// A set of these points, with the properties of `self` that points don't show.
    #[must_use]
    pub fn with_points(&self, points: Vec<Point>) -> Self {
        let mut set = Self {
            points,
            ..self.clone()
        };
        set.describe();
        set
    }

    /// The points as line protocol, times in nanoseconds.
    ///
    /// # Errors
    /// If a point can't be written as a line.
    pub fn lines(&self) -> anyhow::Result<String> {
        let mut lines = String::new();
        for point in &self.points {
            lines.push_str(&point.to_line()?);
            lines.push('\n');
        }
        Ok(lines)
    }

    /// Reads measurements and range of time from the points.
    fn describe(&mut self) {
        let mut tags: BTreeMap<&str, BTreeMap<&str, BTreeSet<&str>>> = BTreeMap::new();
        let mut fields: BTreeMap<&str, BTreeMap<String, FieldKind>> = BTreeMap::new();
        for point in &self.points {
            let of_point = tags.entry(&point.measurement).or_default();
            for (key, value) in &point.tags {
                of_point.entry(key).or_default().insert(value);
            }
            let of_point = fields.entry(&point.measurement).or_default();
            for (key, value) in &point.fields {
                of_point.insert(key.clone(), value.kind());
            }
        }
        let owned = |values: BTreeSet<&str>| values.into_iter().map(str::to_owned).collect();
        self.measurements = tags
            .into_iter()
            .map(|(name, tags)| Measurement {
                name: name.to_owned(),
                tags: tags
                    .into_iter()
                    .map(|(key, values)| (key.to_owned(), owned(values)))
                    .collect(),
                fields: fields.remove(name).unwrap_or_default(),
            })
            .collect();
        let times = || self.points.iter().filter_map(|point| point.timestamp);
        self.min_time = times().min().unwrap_or(self.min_time);
        self.max_time = times().max().unwrap_or(self.max_time);
    }
}

/// What the points of a set have in common.
struct Plan {
    start: i64,
    step: i64,
    rows: usize,
    ties: bool,
    regular: bool,
    sparse: bool,
}

impl Plan {
    /// Adds the points of one measurement.
    fn fill(&self, dice: &mut Dice, name: &str, set: &mut DataSet) {
        let tag_count = *dice.weighted(&[(1, 0), (3, 1), (4, 2), (2, 3), (1, 4)]);
        let tags = dice.some(TAG_POOL, tag_count);
        let field_count = dice.count(1, 6);
        let fields: Vec<_> = dice
            .some(FIELD_POOL, field_count)
            .into_iter()
            .map(|(field, kinds)| (field, *dice.pick(kinds)))
            .collect();
        let wanted = if tags.is_empty() { 1 } else { dice.count(1, 6) };
        let mut series: BTreeSet<Vec<(String, String)>> = BTreeSet::new();
        for _ in 0..wanted {
            let mut of_series = Vec::new();
            for (key, values) in &tags {
                if !dice.chance(15) {
                    of_series.push(((*key).to_owned(), (*dice.pick(values)).to_owned()));
                }
            }
            series.insert(of_series);
        }
        for (number, of_series) in series.into_iter().enumerate() {
            self.fill_series(dice, name, &of_series, number, &fields, &mut set.points);
        }
    }

    fn fill_series(
        &self,
        dice: &mut Dice,
        name: &str,
        tags: &[(String, String)],
        number: usize,
        fields: &[(&str, FieldKind)],
        points: &mut Vec<Point>,
    ) {
        let mut time = self.start;
        for _ in 0..self.rows {
            let mut at = time;
            time += self.step;
            if !self.regular {
                at += dice.between(0, 9) * (self.step / 10);
            }
            if !self.ties {
                // Below the grain of regular and irregular times, and another one for each series.
                at += i64::try_from(number).unwrap_or(0) * (self.step / 1000).max(1);
            }
            if self.sparse && dice.chance(30) {
                continue;
            }
            let times_written = if dice.chance(5) { 2 } else { 1 };
            for _ in 0..times_written {
                let mut values = Vec::new();
                for (field, kind) in fields {
                    if !(self.sparse && dice.chance(35)) {
                        values.push(((*field).to_owned(), values::value(dice, *kind)));
                    }
                }
                if !values.is_empty() {
                    points.push(point(name, tags, values, at));
                }
            }
        }
    }
}

fn point(
    name: &str,
    tags: &[(String, String)],
    fields: Vec<(String, FieldValue)>,
    time: i64,
) -> Point {
    Point {
        measurement: name.to_owned(),
        tags: tags.to_vec(),
        fields,
        timestamp: Some(time),
    }
}
