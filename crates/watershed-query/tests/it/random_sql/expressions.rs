//! Random expressions, by their type.

use super::data::{HOSTS, MINUTE, NOTES, REGIONS, START};
use super::dice::Dice;

/// The type of an expression. Tags are texts here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Time,
    Text,
    Float,
    Integer,
    Unsigned,
    Bool,
}

/// The columns an expression may name.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    pub(super) columns: Vec<(String, Kind)>,
    /// Whether subqueries about the table may stand in it.
    pub(super) subqueries: bool,
}

impl Scope {
    /// The columns of the table, each after `prefix`.
    pub(super) fn of_table(prefix: &str) -> Self {
        let columns = [
            ("host", Kind::Text),
            ("region", Kind::Text),
            ("time", Kind::Time),
            ("usage", Kind::Float),
            ("load", Kind::Float),
            ("idle", Kind::Integer),
            ("seen", Kind::Unsigned),
            ("up", Kind::Bool),
            ("note", Kind::Text),
        ];
        let columns = columns.map(|(name, kind)| (format!("{prefix}{name}"), kind));
        Self {
            columns: columns.to_vec(),
            subqueries: false,
        }
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.columns.iter().map(|(name, _)| name.clone()).collect()
    }

    pub(super) fn joined(mut self, other: Self) -> Self {
        self.columns.extend(other.columns);
        self
    }

    fn column(&self, dice: &mut Dice, kind: Kind) -> Option<String> {
        let fitting: Vec<&str> = self
            .columns
            .iter()
            .filter(|(_, k)| *k == kind)
            .map(|(name, _)| name.as_str())
            .collect();
        (!fitting.is_empty()).then(|| dice.pick(&fitting).to_owned())
    }

    /// A condition that is true, false or null, as deep as `depth` says.
    pub(super) fn condition(&self, dice: &mut Dice, depth: u32) -> String {
        let deeper = |dice: &mut Dice| self.condition(dice, depth.saturating_sub(1));
        if depth > 0 && dice.chance(60) {
            return match dice.below(9) {
                0..=2 => format!("({} AND {})", deeper(dice), deeper(dice)),
                3..=5 => format!("({} OR {})", deeper(dice), deeper(dice)),
                6 => format!("NOT ({})", deeper(dice)),
                7 => {
                    let test = dice.pick(&[
                        "IS TRUE",
                        "IS NOT TRUE",
                        "IS FALSE",
                        "IS NOT FALSE",
                        "IS NULL",
                        "IS NOT NULL",
                    ]);
                    format!("({} {test})", deeper(dice))
                }
                _ => format!(
                    "CASE WHEN {} THEN {} ELSE {} END",
                    deeper(dice),
                    deeper(dice),
                    deeper(dice)
                ),
            };
        }
        match dice.below(22) {
            0..=3 => self.about_tag(dice),
            4..=6 => self.about_time(dice),
            7..=9 => self.about_numbers(dice, depth),
            10..=11 => self.about_text(dice, depth),
            12 => self.value(dice, Kind::Bool, depth),
            13 => {
                let kind = any_kind(dice);
                let not = dice.pick(&["IS NULL", "IS NOT NULL"]);
                format!("{} {not}", self.value(dice, kind, depth))
            }
            14 => self.in_list(dice, depth),
            15 => {
                let kind = any_kind(dice);
                let not = dice.pick(&["", "NOT "]);
                let [a, b] = [0; 2].map(|_| self.value(dice, kind, depth));
                format!("({a} IS {not}DISTINCT FROM {b})")
            }
            16 | 17 => {
                let kind = any_kind(dice);
                let not = dice.pick(&["", "", "NOT "]);
                let [a, b, c] = [0; 3].map(|_| self.value(dice, kind, depth));
                format!("{a} {not}BETWEEN {b} AND {c}")
            }
            18 => dice.pick(&["TRUE", "FALSE", "NULL::BOOLEAN"]).to_owned(),
            19 | 20 if self.subqueries => self.subquery(dice),
            _ => {
                let kind = any_kind(dice);
                let [a, b] = [0; 2].map(|_| self.value(dice, kind, depth));
                format!("{a} {} {b}", comparison(dice))
            }
        }
    }

    fn about_tag(&self, dice: &mut Dice) -> String {
        let Some(tag) = self.column(dice, Kind::Text) else {
            return "TRUE".to_owned();
        };
        let all: Vec<&str> = HOSTS.iter().chain(&REGIONS).copied().collect();
        let value = quoted(dice.pick(&all));
        match dice.below(5) {
            0 => format!("{value} = {tag}"),
            1 => {
                let mut values: Vec<String> =
                    dice.some(&all, 1, 4).into_iter().map(quoted).collect();
                values.push(NOWHERE.to_owned());
                let not = dice.pick(&["", "", "NOT "]);
                format!("{tag} {not}IN ({})", values.join(", "))
            }
            2 => format!("({tag} = {value} OR {tag} = {})", quoted(dice.pick(&all))),
            _ => format!("{tag} {} {value}", comparison(dice)),
        }
    }

    fn about_time(&self, dice: &mut Dice) -> String {
        let Some(time) = self.column(dice, Kind::Time) else {
            return "TRUE".to_owned();
        };
        match dice.below(7) {
            0 => format!("{} {} {time}", instant(dice), comparison(dice)),
            1 => {
                let not = dice.pick(&["", "", "", "NOT "]);
                format!(
                    "{time} {not}BETWEEN {} AND {}",
                    instant(dice),
                    instant(dice)
                )
            }
            2 => format!(
                "date_part('{}', {time}) {} {}",
                dice.pick(&["hour", "day", "minute", "dow"]),
                comparison(dice),
                dice.between(0, 24)
            ),
            3 => {
                let step = interval(dice);
                format!(
                    "{time} {} {step} {} {}",
                    dice.pick(&["+", "-"]),
                    comparison(dice),
                    instant(dice)
                )
            }
            4 => format!(
                "{} {} {}",
                self.value(dice, Kind::Time, 1),
                comparison(dice),
                instant(dice)
            ),
            _ => format!("{time} {} {}", comparison(dice), instant(dice)),
        }
    }

    fn about_numbers(&self, dice: &mut Dice, depth: u32) -> String {
        let kinds = [&Kind::Float, &Kind::Integer, &Kind::Unsigned];
        let (a, b) = (*dice.pick(&kinds), *dice.pick(&kinds));
        let left = self.value(dice, a, depth);
        // A number of another type is converted; of texts only some are numbers.
        let right = if dice.chance(50) {
            literal(dice, b)
        } else {
            self.value(dice, b, depth)
        };
        format!("{left} {} {right}", comparison(dice))
    }

    fn about_text(&self, dice: &mut Dice, depth: u32) -> String {
        let text = self.value(dice, Kind::Text, depth);
        let (op, patterns): (_, &[&str]) = match dice.below(3) {
            0 => (
                dice.pick(&["LIKE", "NOT LIKE", "ILIKE", "NOT ILIKE"]),
                &[
                    "a%", "%b%", "_", "%", "", "a\\_b", "A%", "%\u{e4}%", "a_b", "abc",
                ],
            ),
            1 => (
                dice.pick(&["~", "!~", "~*", "!~*"]),
                &[
                    "^a", "b$", "a|x", "^$", ".", "^a.b$", "^abc$", "^(a|b)$", "[0-9]+", "",
                ],
            ),
            _ => (comparison(dice), &["a", "abc", "", "x", "eu", "10", "zzz"]),
        };
        format!("{text} {op} {}", quoted(dice.pick(patterns)))
    }

    /// All lists of a type have a value in common that no row has: of lists that have none DataFusion makes true or
    /// false, also for null (`x NOT IN (1) OR x NOT IN (2)`). Lists of floats have no zeros: whether -0 is found among
    /// them depends on how many there are.
    fn in_list(&self, dice: &mut Dice, depth: u32) -> String {
        let (kind, common) = *dice.pick(&[
            &(Kind::Text, NOWHERE),
            &(Kind::Time, "TIMESTAMP '1900-01-01'"),
            &(Kind::Integer, "7777"),
            &(Kind::Unsigned, "CAST(7777 AS BIGINT UNSIGNED)"),
            &(Kind::Float, "7777.5"),
        ]);
        let value = self.value(dice, kind, depth);
        let not = dice.pick(&["", "NOT "]);
        let mut list: Vec<String> = (0..dice.between(1, 5))
            .map(|_| literal(dice, kind))
            .filter(|value| !["0.0", "-0.0"].contains(&value.as_str()))
            .collect();
        list.push(common.to_owned());
        if dice.chance(15) {
            list.push("NULL".to_owned());
        }
        if dice.chance(15) {
            list.push(self.value(dice, kind, depth));
        }
        format!("{value} {not}IN ({})", list.join(", "))
    }

    fn subquery(&self, dice: &mut Dice) -> String {
        let inner = Self::of_table("s.");
        let condition = inner.condition(dice, 1);
        let not = dice.pick(&["", "NOT "]);
        let kind = *dice.pick(&[
            &Kind::Text,
            &Kind::Text,
            &Kind::Integer,
            &Kind::Time,
            &Kind::Float,
        ]);
        let (Some(mine), Some(theirs)) = (self.column(dice, kind), inner.column(dice, kind)) else {
            return "TRUE".to_owned();
        };
        let from = format!("FROM {{table}} AS s WHERE {condition}");
        match dice.below(6) {
            0 => format!("{mine} {not}IN (SELECT {theirs} {from})"),
            5 => {
                let quantifier = dice.pick(&["ANY", "ALL"]);
                format!(
                    "({mine} {} {quantifier} (SELECT {theirs} {from}))",
                    comparison(dice)
                )
            }
            1 => {
                let mine = self.value(dice, kind, 1);
                let theirs = inner.value(dice, kind, 1);
                let with = self
                    .column(dice, Kind::Text)
                    .unwrap_or_else(|| "'a'".to_owned());
                let more = dice.pick(&["", " AND s.host = ", " AND s.region <> "]);
                let more = if more.is_empty() {
                    String::new()
                } else {
                    format!("{more}{with}")
                };
                format!("{mine} {not}IN (SELECT {theirs} {from}{more})")
            }
            2 => format!("{not}EXISTS (SELECT 1 {from} AND {theirs} = {mine})"),
            3 => {
                let aggregate = dice.pick(&["min", "max"]);
                format!(
                    "{mine} {} (SELECT {aggregate}({theirs}) {from})",
                    comparison(dice)
                )
            }
            _ => {
                let with = self
                    .column(dice, Kind::Text)
                    .unwrap_or_else(|| "'a'".to_owned());
                format!(
                    "{} {} (SELECT count(*) {from} AND s.host = {with})",
                    dice.between(0, 4),
                    comparison(dice)
                )
            }
        }
    }

    /// An expression of that type.
    pub(super) fn value(&self, dice: &mut Dice, kind: Kind, depth: u32) -> String {
        if depth == 0 || dice.chance(50) {
            let column = self.column(dice, kind).filter(|_| dice.chance(85));
            return column.unwrap_or_else(|| literal(dice, kind));
        }
        let deep = depth - 1;
        match dice.below(8) {
            0 => {
                let (a, b) = (self.value(dice, kind, deep), literal(dice, kind));
                return format!("coalesce({a}, {b})");
            }
            1 => {
                let (a, b) = (self.value(dice, kind, deep), literal(dice, kind));
                return format!("nullif({a}, {b})");
            }
            2 => {
                let condition = self.condition(dice, deep);
                let [a, b] = [0; 2].map(|_| self.value(dice, kind, deep));
                let rest = if dice.chance(30) {
                    String::new()
                } else {
                    format!(" ELSE {b}")
                };
                return format!("CASE WHEN {condition} THEN {a}{rest} END");
            }
            _ => {}
        }
        let a = self.value(dice, kind, deep);
        match kind {
            Kind::Float => match dice.below(6) {
                0 => format!("({a} + {})", self.value(dice, kind, deep)),
                1 => format!("({a} * {})", literal(dice, Kind::Integer)),
                2 => format!("({a} / {})", dice.pick(&["2", "-4.0", "0.5", "0.0"])),
                3 => format!("abs({a})"),
                4 => format!("(- {a})"),
                _ => format!("CAST({} AS DOUBLE)", self.value(dice, Kind::Integer, deep)),
            },
            Kind::Integer => match dice.below(6) {
                0 => format!("({a} + {})", self.value(dice, kind, deep)),
                1 => format!("({a} - {})", literal(dice, kind)),
                2 => format!("({a} * {})", literal(dice, kind)),
                3 => format!("({a} % {})", dice.pick(&["2", "7", "-3"])),
                4 => format!("({a} / {})", dice.pick(&["2", "3"])),
                _ => format!(
                    "CAST(length({}) AS BIGINT)",
                    self.value(dice, Kind::Text, deep)
                ),
            },
            Kind::Unsigned => a,
            Kind::Bool => format!("({})", self.condition(dice, deep)),
            Kind::Text => match dice.below(5) {
                0 => format!("upper({a})"),
                1 => format!("({a} || {})", self.value(dice, kind, deep)),
                2 => format!("substr({a}, 1, {})", dice.between(0, 2)),
                3 => format!("concat({a}, '-', {})", self.value(dice, kind, deep)),
                _ => format!("CAST({} AS VARCHAR)", self.value(dice, Kind::Integer, deep)),
            },
            Kind::Time => match dice.below(4) {
                0 => format!("date_bin({}, {a})", interval(dice)),
                1 => format!(
                    "date_trunc('{}', {a})",
                    dice.pick(&["hour", "day", "month"])
                ),
                _ => format!("({a} {} {})", dice.pick(&["+", "-"]), interval(dice)),
            },
        }
    }
}

pub(super) fn any_kind(dice: &mut Dice) -> Kind {
    *dice.pick(&[
        &Kind::Time,
        &Kind::Text,
        &Kind::Text,
        &Kind::Float,
        &Kind::Integer,
        &Kind::Unsigned,
        &Kind::Bool,
    ])
}

/// A text that no row has.
pub(super) const NOWHERE: &str = "'nowhere'";

fn comparison(dice: &mut Dice) -> &'static str {
    dice.pick(&["=", "<>", "<", "<=", ">", ">="])
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A constant of that type.
fn literal(dice: &mut Dice, kind: Kind) -> String {
    match kind {
        Kind::Time => format!("CAST({} AS TIMESTAMP)", instant(dice)),
        Kind::Text => {
            let all: Vec<&str> = HOSTS
                .iter()
                .chain(&REGIONS)
                .chain(&NOTES)
                .copied()
                .collect();
            quoted(dice.pick(&all))
        }
        Kind::Float => match dice.below(16) {
            0 => "CAST('NaN' AS DOUBLE)".to_owned(),
            1 => "0.0".to_owned(),
            2 => "-0.0".to_owned(),
            3 => "CAST('inf' AS DOUBLE)".to_owned(),
            _ => format!("{:?}", dice.between(-8, 8) as f64 / 4.0),
        },
        Kind::Integer => match dice.below(20) {
            0 => "9223372036854775807".to_owned(),
            _ => dice.between(-5, 10).to_string(),
        },
        Kind::Unsigned => match dice.below(20) {
            0 => "18446744073709551615".to_owned(),
            // A plain number is signed, and both together are decimals, which floats do not fit into.
            _ => format!("CAST({} AS BIGINT UNSIGNED)", dice.between(0, 12)),
        },
        Kind::Bool => dice.pick(&["TRUE", "FALSE"]).to_owned(),
    }
}

pub(super) fn interval(dice: &mut Dice) -> String {
    let length = dice.pick(&["15 minutes", "30 minutes", "1 hour", "3 hours", "1 day"]);
    format!("INTERVAL '{length}'")
}

/// A time within the rows or near them, in one of the ways to write it.
pub(super) fn instant(dice: &mut Dice) -> String {
    let quarter = dice.between(-8, 4 * 96);
    let off = *dice.pick(&[&0, &0, &0, &1, &-1]);
    let nanos = START + quarter * 15 * MINUTE + off;
    written(dice, nanos)
}

/// That time in one of the ways to write it.
pub(super) fn written(dice: &mut Dice, nanos: i64) -> String {
    let time = chrono::DateTime::from_timestamp_nanos(nanos);
    let zone = chrono::FixedOffset::east_opt(5400).unwrap();
    let shown = match dice.below(6) {
        0 => time.format("%Y-%m-%dT%H:%M:%S%.9fZ"),
        1 => time.format("%Y-%m-%d %H:%M:%S%.9f"),
        2 if nanos % (24 * 60 * MINUTE) == 0 => time.format("%Y-%m-%d"),
        3 => return format!("'{}'", time.with_timezone(&zone).to_rfc3339()),
        _ => time.format("%Y-%m-%dT%H:%M:%S%.fZ"),
    };
    match dice.below(6) {
        0 => format!("TIMESTAMP '{}'", shown.to_string().trim_end_matches('Z')),
        1 => format!("to_timestamp('{shown}')"),
        2 => format!("'{shown}'::TIMESTAMP"),
        _ => format!("'{shown}'"),
    }
}
