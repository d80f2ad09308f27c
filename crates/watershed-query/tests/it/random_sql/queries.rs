//! Random queries.

use super::dice::Dice;
use super::expressions::{Kind, Scope, any_kind, interval};
use super::sources::{Source, direction, source};
use super::windows::window;

/// What is promised about the order of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Nothing.
    Any,
    /// The first columns of each row are in an order, and nothing about rows that are equal in those. With a
    /// limit, which of the equal rows are there is open, too.
    By { columns: usize, limited: bool },
    /// Every row has its place.
    Total,
}

/// A query about a table that is written `{table}`, and rows that are written `{source}`.
#[derive(Debug, Clone)]
pub(super) struct Query {
    text: String,
    source: Source,
    pub(super) order: Order,
}

impl Query {
    /// The query for the engine.
    pub(super) fn of(&self, table: &str) -> String {
        self.with(&self.source.text, table)
    }

    /// The query for the reference.
    pub(super) fn plain(&self, table: &str) -> String {
        self.with(&self.source.plain, table)
    }

    /// Whether the reference knows null from false in it: `IN` inside of a condition it does not.
    pub(super) fn is_plain(&self) -> bool {
        !["IN (SELECT", "ANY (SELECT", "ALL (SELECT"]
            .iter()
            .any(|subquery| self.text.contains(subquery))
    }

    fn with(&self, source: &str, table: &str) -> String {
        self.text
            .replace("{source}", source)
            .replace("{table}", table)
    }
}

/// Any query.
pub(super) fn query(dice: &mut Dice) -> Query {
    let query = match dice.below(20) {
        0..=5 => rows(dice),
        6 => newest(dice),
        7..=11 => groups(dice),
        12 | 13 => joined(dice),
        14 => together(dice),
        18 => named_rows(dice),
        15..=17 => windows(dice),
        _ => distinct(dice),
    };
    if dice.chance(8) {
        return counted(query);
    }
    query
}

/// How many rows another query has.
fn counted(query: Query) -> Query {
    Query {
        text: format!("SELECT count(*) AS n FROM ({}) AS q", query.text),
        source: query.source,
        order: Order::Total,
    }
}

/// `WHERE …`, mostly.
fn filter(dice: &mut Dice, scope: &Scope) -> String {
    if dice.chance(15) {
        return String::new();
    }
    let mut scope = scope.clone();
    scope.subqueries = dice.chance(25);
    let depth = dice.below(3) as u32;
    format!("WHERE {}", scope.condition(dice, depth))
}

/// Columns and expressions to select, with names of their own.
fn selected(dice: &mut Dice, scope: &Scope, min: usize, max: usize) -> Vec<String> {
    let mut list = dice.some(&scope.names(), min, max);
    if dice.chance(30) {
        let kind = any_kind(dice);
        list.push(scope.value(dice, kind, 2));
    }
    if dice.chance(10) {
        list.push(scope.condition(dice, 1));
    }
    named(list)
}

fn named(list: Vec<String>) -> Vec<String> {
    let list = list.into_iter().enumerate();
    list.map(|(at, text)| format!("{text} AS c{at}")).collect()
}

/// Expressions of `scope` to order by, then all columns of the result, so that rows with the same place are
/// the same.
fn total_order(dice: &mut Dice, scope: &Scope, columns: usize) -> String {
    let mut keys: Vec<String> = dice
        .some(&scope.names(), 0, 2)
        .into_iter()
        .map(|key| format!("{key} {}", direction(dice)))
        .collect();
    if dice.chance(15) {
        let kind = any_kind(dice);
        keys.push(format!(
            "{} {}",
            scope.value(dice, kind, 1),
            direction(dice)
        ));
    }
    let mut rest: Vec<usize> = dice.some(&Vec::from_iter(1..=columns), columns, columns);
    if dice.chance(70) {
        rest.sort_unstable();
    }
    keys.extend(
        rest.into_iter()
            .map(|at| format!("{at} {}", direction(dice))),
    );
    format!("ORDER BY {}", keys.join(", "))
}

fn limit(dice: &mut Dice) -> String {
    match dice.below(10) {
        0..=3 => String::new(),
        4..=7 => format!("LIMIT {}", dice.between(0, 12)),
        8 => format!(
            "LIMIT {} OFFSET {}",
            dice.between(1, 12),
            dice.between(0, 8)
        ),
        _ => format!("OFFSET {}", dice.between(0, 8)),
    }
}

/// Rows as they are.
fn rows(dice: &mut Dice) -> Query {
    let source = source(dice);
    let scope = source.scope.clone();
    let list = selected(dice, &scope, 1, 4);
    let filter = filter(dice, &scope);
    let body = format!("SELECT {} FROM {{source}} {filter}", list.join(", "));
    ordered(dice, source, body, &scope, list.len())
}

fn ordered(dice: &mut Dice, source: Source, body: String, scope: &Scope, columns: usize) -> Query {
    if dice.chance(30) {
        return Query {
            text: body,
            source,
            order: Order::Any,
        };
    }
    let (order, limit) = (total_order(dice, scope, columns), limit(dice));
    Query {
        text: format!("{body} {order} {limit}"),
        source,
        order: Order::Total,
    }
}

/// Rows in the order of time alone, or of series and time, which files are read in.
fn newest(dice: &mut Dice) -> Query {
    let scope = Scope::of_table("");
    let keys = dice.pick::<[&str]>(&[
        &["time"],
        &["time", "host"],
        &["host", "region", "time"],
        &["host", "time"],
    ]);
    let order: Vec<String> = keys
        .iter()
        .map(|key| format!("{key} {}", direction(dice)))
        .collect();
    let rest = dice.pick(&["usage", "idle, note", "up, seen", "load, usage, note"]);
    let (filter, limit) = (filter(dice, &scope), limit(dice));
    let text = format!(
        "SELECT {}, {rest} FROM {{table}} {filter} ORDER BY {} {limit}",
        keys.join(", "),
        order.join(", ")
    );
    Query {
        text,
        source: Source::table(),
        order: Order::By {
            columns: keys.len(),
            limited: !limit.is_empty(),
        },
    }
}

/// What rows can be grouped by.
fn group_keys(dice: &mut Dice, scope: &Scope, min: usize) -> Vec<String> {
    let mut keys = dice.some(&scope.names(), min, 2);
    let time = scope.columns.iter().find(|(_, kind)| *kind == Kind::Time);
    if let Some((time, _)) = time
        && dice.chance(40)
    {
        keys.push(format!("date_bin({}, {time})", interval(dice)));
    }
    if dice.chance(15) {
        let kind = any_kind(dice);
        keys.push(scope.value(dice, kind, 1));
    }
    keys
}

/// An aggregate of rows of `scope`, which has all columns of the table.
fn aggregate(dice: &mut Dice, scope: &Scope) -> String {
    let names = scope.names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let any = dice.pick(&names);
    let argument = |dice: &mut Dice, kind| scope.value(dice, kind, 1);
    let has_key = ["host", "region", "time", "usage"]
        .iter()
        .all(|name| names.contains(name));
    let call = match dice.below(18) {
        0 => "count(*)".to_owned(),
        1 => format!("count({any})"),
        2 => format!("count(DISTINCT {any})"),
        3..=5 => format!("min({any})"),
        6..=8 => format!("max({any})"),
        9 => format!("sum({})", argument(dice, Kind::Integer)),
        10 => format!(
            "{}({})",
            dice.pick(&["bool_and", "bool_or"]),
            argument(dice, Kind::Bool)
        ),
        11 if has_key => "sum(usage)".to_owned(),
        12 if has_key => "avg(usage)".to_owned(),
        13 if has_key => format!(
            "{}({any} ORDER BY {})",
            dice.pick(&["first_value", "last_value", "array_agg"]),
            names.join(", ")
        ),
        14 if has_key => format!(
            "{}(usage)",
            dice.pick(&["median", "stddev", "var_pop", "sum"])
        ),
        15 if names.contains(&"note") => "string_agg(note, '/' ORDER BY note)".to_owned(),
        16 if has_key => format!("nth_value({any}, 2 ORDER BY {})", names.join(", ")),
        _ => "count(*)".to_owned(),
    };
    if dice.chance(12) {
        return format!("{call} FILTER (WHERE {})", scope.condition(dice, 1));
    }
    call
}

/// Rows in groups.
fn groups(dice: &mut Dice) -> Query {
    let source = source(dice);
    let scope = source.scope.clone();
    let keys = group_keys(dice, &scope, 0);
    let mut list = keys.clone();
    for _ in 0..dice.between(1, 3) {
        list.push(aggregate(dice, &scope));
    }
    let filter = filter(dice, &scope);
    let mut body = format!(
        "SELECT {} FROM {{source}} {filter}",
        named(list.clone()).join(", ")
    );
    if !keys.is_empty() {
        // A constant is one for DataFusion also where it is a group of several sets, and null in some.
        let columns = scope.names();
        let plain = keys
            .iter()
            .all(|key| columns.contains(key) || key.starts_with("date_bin"));
        let sets = match plain {
            true => dice.pick(&["", "", "", "", "ROLLUP", "CUBE"]),
            false => "",
        };
        body += &match sets {
            "" => format!(" GROUP BY {}", keys.join(", ")),
            sets => format!(" GROUP BY {sets} ({})", keys.join(", ")),
        };
    }
    if dice.chance(25) {
        body += &format!(" HAVING {}", having(dice, &scope, &keys));
    }
    ordered(dice, source, body, &Scope::default(), list.len())
}

fn having(dice: &mut Dice, scope: &Scope, keys: &[String]) -> String {
    let names = scope.names();
    let has = |name: &str| names.iter().any(|column| column == name);
    let test = match dice.below(4) {
        0 if has("time") => "min(time) < '2024-01-02'".to_owned(),
        1 if has("usage") => "(max(usage) >= 0.5 OR count(*) = 1)".to_owned(),
        2 if has("up") => "bool_or(up)".to_owned(),
        _ => format!("count(*) > {}", dice.between(0, 4)),
    };
    match keys.first() {
        Some(key) if dice.chance(30) => format!("{test} AND {key} IS NOT NULL"),
        _ => test,
    }
}

/// Different rows.
fn distinct(dice: &mut Dice) -> Query {
    let source = source(dice);
    let scope = source.scope.clone();
    let list = selected(dice, &scope, 1, 3);
    let filter = filter(dice, &scope);
    let body = format!(
        "SELECT DISTINCT {} FROM {{source}} {filter}",
        list.join(", ")
    );
    ordered(dice, source, body, &Scope::default(), list.len())
}

/// The table with itself.
fn joined(dice: &mut Dice) -> Query {
    let (l, r) = (Scope::of_table("l."), Scope::of_table("r."));
    let both = l.clone().joined(r);
    let kind = dice.pick(&[
        "JOIN",
        "LEFT JOIN",
        "RIGHT JOIN",
        "FULL JOIN",
        "LEFT SEMI JOIN",
        "LEFT ANTI JOIN",
    ]);
    let visible = if kind.contains("SEMI") || kind.contains("ANTI") {
        l
    } else {
        both.clone()
    };
    let equal = dice.pick(&[
        "l.host = r.host",
        "l.time = r.time",
        "l.host = r.host AND l.time = r.time",
        "l.host = r.region",
        "l.up = r.up AND l.host = r.host",
        "l.note = r.host",
        "l.idle = r.idle",
        "l.load = r.load",
        "l.idle = r.seen",
        "l.host = r.host AND l.time < r.time",
        "(l.host IS NOT DISTINCT FROM r.host)",
        "date_bin(INTERVAL '1 hour', l.time) = date_bin(INTERVAL '1 hour', r.time)",
    ]);
    let more = if dice.chance(35) {
        format!(" AND {}", both.condition(dice, 1))
    } else {
        String::new()
    };
    let right = if dice.chance(40) {
        let condition = Scope::of_table("").condition(dice, 1);
        format!("(SELECT * FROM {{table}} WHERE {condition}) AS r")
    } else {
        "{table} AS r".to_owned()
    };
    let from = format!("FROM {{table}} AS l {kind} {right} ON {equal}{more}");
    let filter = filter(dice, &visible);
    if dice.chance(30) {
        let text = format!(
            "SELECT count(*) AS n, min({0}) AS a, max({0}) AS b {from} {filter}",
            dice.pick(&["l.time", "l.host", "l.idle"])
        );
        return Query {
            text,
            source: Source::table(),
            order: Order::Total,
        };
    }
    let list = selected(dice, &visible, 1, 4);
    let body = format!("SELECT {} {from} {filter}", list.join(", "));
    ordered(dice, Source::table(), body, &visible, list.len())
}

/// Rows that have a name, twice.
fn named_rows(dice: &mut Dice) -> Query {
    let Source { text, plain, scope } = source(dice);
    let names = scope.names();
    let key = names[dice.below(names.len())].clone();
    let shared = |source: &str| format!("(SELECT * FROM {source})");
    let both = Scope {
        columns: ["l", "r"]
            .iter()
            .flat_map(|side| {
                scope
                    .columns
                    .iter()
                    .map(move |(name, kind)| (format!("{side}.{name}"), *kind))
            })
            .collect(),
        subqueries: false,
    };
    let list = selected(dice, &both, 1, 3);
    let filter = filter(dice, &both);
    let kind = dice.pick(&["JOIN", "LEFT JOIN", "FULL JOIN"]);
    let body = format!(
        "WITH rows AS {{source}} SELECT {} FROM rows AS l {kind} rows AS r ON l.{key} = r.{key} {filter}",
        list.join(", ")
    );
    let source = Source {
        text: shared(&text),
        plain: shared(&plain),
        scope,
    };
    ordered(dice, source, body, &both, list.len())
}

/// Two lists of rows in one.
fn together(dice: &mut Dice) -> Query {
    let scope = Scope::of_table("");
    let list = named(dice.some(&scope.names(), 1, 3));
    let operator = dice.pick(&["UNION ALL", "UNION", "INTERSECT", "EXCEPT"]);
    let half = |dice: &mut Dice| {
        format!(
            "SELECT {} FROM {{table}} {}",
            list.join(", "),
            filter(dice, &scope)
        )
    };
    let body = format!("{} {operator} {}", half(dice), half(dice));
    ordered(dice, Source::table(), body, &Scope::default(), list.len())
}

/// Functions over windows.
fn windows(dice: &mut Dice) -> Query {
    let source = source(dice);
    let scope = source.scope.clone();
    let names = scope.names();
    let filter = filter(dice, &scope);
    let mut list = dice.some(&names, 1, 3);
    for _ in 0..dice.between(1, 2) {
        list.push(window(dice, &scope));
    }
    let body = format!(
        "SELECT {} FROM {{source}} {filter}",
        named(list.clone()).join(", ")
    );
    if dice.chance(20) {
        // The last rows of each group.
        let last = list.len() - 1;
        return Query {
            text: format!(
                "SELECT * FROM ({body}) AS w WHERE c{last} IS NOT NULL AND c0 IS NOT NULL"
            ),
            source,
            order: Order::Any,
        };
    }
    ordered(dice, source, body, &scope, list.len())
}
