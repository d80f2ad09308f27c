//! Pairs of queries, of which the second puts together what the first asks for as a whole.

use super::dice::Dice;
use super::expressions::{Kind, Scope};

/// Both have the same rows, in any order.
pub(super) struct Partition {
    pub(super) whole: String,
    pub(super) parts: String,
}

/// Conditions of which exactly one holds for every row.
fn three(condition: &str) -> [String; 3] {
    [
        format!("({condition})"),
        format!("NOT ({condition})"),
        format!("({condition}) IS NULL"),
    ]
}

/// `body` with each of the three conditions, put together with all rows that they give.
fn united(body: impl Fn(&str) -> String, condition: &str) -> String {
    three(condition).map(|part| body(&part)).join(" UNION ALL ")
}

/// Any such pair.
pub(super) fn partition(dice: &mut Dice) -> Partition {
    match dice.below(8) {
        0 | 1 => rows(dice),
        2 => distinct(dice),
        3 => whole_aggregates(dice),
        4 => groups(dice),
        5 => having(dice),
        6 => joins(dice),
        _ => counted(dice),
    }
}

fn condition(dice: &mut Dice, scope: &Scope) -> String {
    let mut scope = scope.clone();
    scope.subqueries = dice.chance(20);
    scope.condition(dice, 2)
}

fn named(list: Vec<String>) -> String {
    let list = list.into_iter().enumerate();
    Vec::from_iter(list.map(|(at, text)| format!("{text} AS c{at}"))).join(", ")
}

/// Now and then only some rows are looked at.
fn outer(dice: &mut Dice, scope: &Scope) -> Option<String> {
    dice.chance(30).then(|| scope.condition(dice, 1))
}

fn rows(dice: &mut Dice) -> Partition {
    let scope = Scope::of_table("");
    let list = named(dice.some(&scope.names(), 1, 4));
    let p = condition(dice, &scope);
    match outer(dice, &scope) {
        None => Partition {
            whole: format!("SELECT {list} FROM {{table}}"),
            parts: united(|p| format!("SELECT {list} FROM {{table}} WHERE {p}"), &p),
        },
        Some(outer) => Partition {
            whole: format!("SELECT {list} FROM {{table}} WHERE {outer}"),
            parts: united(
                |p| format!("SELECT {list} FROM {{table}} WHERE {outer} AND {p}"),
                &p,
            ),
        },
    }
}

fn distinct(dice: &mut Dice) -> Partition {
    let scope = Scope::of_table("");
    let list = named(dice.some(&scope.names(), 1, 3));
    let p = condition(dice, &scope);
    let [a, b, c] = three(&p).map(|p| format!("SELECT DISTINCT {list} FROM {{table}} WHERE {p}"));
    Partition {
        whole: format!("SELECT DISTINCT {list} FROM {{table}}"),
        parts: format!("{a} UNION {b} UNION {c}"),
    }
}

/// Aggregates of rows, and what makes one of those of parts: in the list of the parts and around it.
fn aggregates(dice: &mut Dice, scope: &Scope) -> (Vec<String>, Vec<String>, Vec<String>) {
    let names = scope.names();
    let (mut whole, mut parts, mut around) = (Vec::new(), Vec::new(), Vec::new());
    for at in 0..dice.between(1, 3) {
        let column = names[dice.below(names.len())].clone();
        let (call, combine) = match dice.below(8) {
            0 => ("count(*)".to_owned(), "sum"),
            1 => (format!("count({column})"), "sum"),
            2 | 3 => (format!("min({column})"), "min"),
            4 | 5 => (format!("max({column})"), "max"),
            6 => {
                let number = scope.value(dice, Kind::Integer, 1);
                (format!("sum({number})"), "sum")
            }
            _ => (format!("bool_or({})", scope.condition(dice, 1)), "bool_or"),
        };
        whole.push(format!("{call} AS a{at}"));
        parts.push(format!("{call} AS a{at}"));
        around.push(format!("{combine}(a{at}) AS a{at}"));
    }
    if dice.chance(30) {
        whole.push("avg(usage) AS mean".to_owned());
        parts.push("sum(usage) AS total, count(usage) AS n".to_owned());
        around.push("sum(total) / nullif(sum(n), 0) AS mean".to_owned());
    }
    (whole, parts, around)
}

fn whole_aggregates(dice: &mut Dice) -> Partition {
    let scope = Scope::of_table("");
    let (whole, parts, around) = aggregates(dice, &scope);
    let parts = parts.join(", ");
    let p = condition(dice, &scope);
    let united = united(|p| format!("SELECT {parts} FROM {{table}} WHERE {p}"), &p);
    Partition {
        whole: format!("SELECT {} FROM {{table}}", whole.join(", ")),
        parts: format!("SELECT {} FROM ({united}) AS parts", around.join(", ")),
    }
}

fn groups(dice: &mut Dice) -> Partition {
    let scope = Scope::of_table("");
    let mut keys = dice.some(&scope.names(), 1, 2);
    if dice.chance(40) {
        keys.push("date_bin(INTERVAL '1 hour', time)".to_owned());
    }
    let list = named(keys.clone());
    let keys = keys.join(", ");
    let names: Vec<String> = (0..list.matches(" AS c").count())
        .map(|at| format!("c{at}"))
        .collect();
    let names = names.join(", ");
    let (whole, parts, around) = aggregates(dice, &scope);
    let parts = parts.join(", ");
    let p = condition(dice, &scope);
    let united = united(
        |p| format!("SELECT {list}, {parts} FROM {{table}} WHERE {p} GROUP BY {keys}"),
        &p,
    );
    Partition {
        whole: format!(
            "SELECT {list}, {} FROM {{table}} GROUP BY {keys}",
            whole.join(", ")
        ),
        parts: format!(
            "SELECT {names}, {} FROM ({united}) AS parts GROUP BY {names}",
            around.join(", ")
        ),
    }
}

/// The condition is about groups.
fn having(dice: &mut Dice) -> Partition {
    let key = dice.pick(&["host", "region", "up", "note", "idle"]);
    let scope = Scope {
        columns: vec![
            (
                key.to_owned(),
                match key {
                    "up" => Kind::Bool,
                    "idle" => Kind::Integer,
                    _ => Kind::Text,
                },
            ),
            ("max(time)".to_owned(), Kind::Time),
            ("min(usage)".to_owned(), Kind::Float),
            ("sum(idle)".to_owned(), Kind::Integer),
            ("max(seen)".to_owned(), Kind::Unsigned),
            ("bool_and(up)".to_owned(), Kind::Bool),
            ("max(note)".to_owned(), Kind::Text),
        ],
        subqueries: false,
    };
    let p = scope.condition(dice, 2);
    let body = format!("SELECT {key}, count(*) AS n FROM {{table}} GROUP BY {key}");
    Partition {
        parts: united(|p| format!("{body} HAVING {p}"), &p),
        whole: body,
    }
}

fn joins(dice: &mut Dice) -> Partition {
    let (l, r) = (Scope::of_table("l."), Scope::of_table("r."));
    let both = l.joined(r);
    let kind = dice.pick(&["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]);
    let on = dice.pick(&[
        "l.host = r.host",
        "l.time = r.time",
        "l.host = r.host AND l.idle < r.idle",
        "l.up = r.up AND l.usage = r.usage",
        "l.load = r.load",
    ]);
    let list = named(dice.some(&both.names(), 1, 4));
    let p = condition(dice, &both);
    let body = format!("SELECT {list} FROM {{table}} AS l {kind} {{table}} AS r ON {on}");
    Partition {
        parts: united(|p| format!("{body} WHERE {p}"), &p),
        whole: body,
    }
}

/// Rows that pass a condition, and rows for which it is computed to be true (NoREC: Rigger and Su, "Detecting
/// optimization bugs in database engines via non-optimizing reference engine construction", 2020).
fn counted(dice: &mut Dice) -> Partition {
    let scope = Scope::of_table("");
    // Subqueries are not computed in a list.
    let p = scope.condition(dice, 2);
    Partition {
        whole: format!("SELECT count(*) AS n FROM {{table}} WHERE {p}"),
        parts: format!(
            "SELECT coalesce(sum(CASE WHEN passed IS TRUE THEN 1 ELSE 0 END), 0) AS n \
             FROM (SELECT ({p}) AS passed FROM {{table}}) AS t"
        ),
    }
}
