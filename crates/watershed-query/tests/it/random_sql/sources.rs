//! What random queries select from.

use super::dice::Dice;
use super::expressions::{Kind, Scope, interval};

/// What stands after `FROM`, also in other words that are easier to plan, and the columns it has.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) text: String,
    pub(super) plain: String,
    pub(super) scope: Scope,
}

impl Source {
    pub(super) fn of(text: String, scope: Scope) -> Self {
        Self {
            plain: text.clone(),
            text,
            scope,
        }
    }

    pub(super) fn table() -> Self {
        Self::of("{table} AS t".to_owned(), Scope::of_table(""))
    }
}

/// The table, or rows made of it.
pub(super) fn source(dice: &mut Dice) -> Source {
    let table = Scope::of_table("");
    let all = table.names().join(", ");
    let text = match dice.below(14) {
        0 => {
            let condition = table.condition(dice, 2);
            format!("(SELECT {all} FROM {{table}} WHERE {condition}) AS t")
        }
        1 | 2 => return some_rows(dice, &table),
        8 => {
            let (a, b) = (table.condition(dice, 1), table.condition(dice, 1));
            format!(
                "(SELECT {all} FROM {{table}} WHERE {a} UNION ALL SELECT {all} FROM {{table}} WHERE {b}) AS t"
            )
        }
        3 => format!(
            "(SELECT host, region, date_bin({}, time) AS time, max(usage) AS usage, min(load) AS load, \
             sum(idle) AS idle, max(seen) AS seen, bool_or(up) AS up, min(note) AS note \
             FROM {{table}} GROUP BY 1, 2, 3) AS t",
            interval(dice)
        ),
        4 => format!(
            "(SELECT {all}, row_number() OVER (PARTITION BY host ORDER BY time, region) AS place \
             FROM {{table}}) AS t"
        ),
        5 => {
            let condition = table.condition(dice, 1);
            let text = format!(
                "(SELECT upper(host) AS host, region, time + INTERVAL '1 hour' AS time, -usage AS usage, \
                     CASE WHEN {condition} THEN load END AS load, coalesce(idle, 0) AS idle, seen, NOT up AS up, \
                     host || note AS note FROM {{table}}) AS t"
            );
            return Source::of(text, table);
        }
        6 => {
            let columns = table.columns.into_iter();
            let columns =
                columns.filter(|(name, _)| ["host", "time", "up"].contains(&name.as_str()));
            let scope = Scope {
                columns: columns.collect(),
                subqueries: false,
            };
            return Source::of(
                "(SELECT DISTINCT host, time, up FROM {table}) AS t".to_owned(),
                scope,
            );
        }
        _ => return Source::table(),
    };
    Source::of(text, table)
}

/// Some columns of the first rows, or of those after them, in an order that gives every row its place.
fn some_rows(dice: &mut Dice, table: &Scope) -> Source {
    let kept = dice.some(&table.columns, 2, 9);
    let mut key = vec!["time".to_owned(), "host".to_owned(), "region".to_owned()];
    if dice.chance(50) {
        // A plain number would be the place of a column, or refused.
        let kind = *dice.pick(&[&Kind::Text, &Kind::Bool]);
        key.insert(0, table.value(dice, kind, 1));
    }
    let key: Vec<String> = key
        .iter()
        .map(|key| format!("{key} {}", direction(dice)))
        .collect();
    let key = key.join(", ");
    let (count, skip) = (dice.between(1, 20), dice.between(1, 8));
    let (limit, test) = match dice.below(3) {
        0 => (format!("LIMIT {count}"), format!("place <= {count}")),
        1 => (format!("OFFSET {skip}"), format!("place > {skip}")),
        _ => (
            format!("LIMIT {count} OFFSET {skip}"),
            format!("place > {skip} AND place <= {}", skip + count),
        ),
    };
    let scope = Scope {
        columns: kept,
        subqueries: false,
    };
    let list = scope.names().join(", ");
    let all = table.names().join(", ");
    Source {
        text: format!("(SELECT {list} FROM {{table}} ORDER BY {key} {limit}) AS t"),
        plain: format!(
            "(SELECT {list} FROM (SELECT {all}, row_number() OVER (ORDER BY {key}) AS place \
             FROM {{table}}) AS numbered WHERE {test}) AS t"
        ),
        scope,
    }
}

pub(super) fn direction(dice: &mut Dice) -> &'static str {
    dice.pick(&[
        "",
        "",
        "ASC",
        "DESC",
        "NULLS FIRST",
        "DESC NULLS LAST",
        "DESC NULLS FIRST",
        "ASC NULLS LAST",
    ])
}
