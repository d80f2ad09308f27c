//! Random window functions.

use super::dice::Dice;
use super::expressions::{Scope, interval};
use super::sources::direction;

/// A function over a window whose rows have one order, whatever the order of the rows of the table.
pub(super) fn window(dice: &mut Dice, scope: &Scope) -> String {
    let names = scope.names();
    let partition = dice.some(&names, 0, 2);
    let partition = if partition.is_empty() || dice.chance(20) {
        String::new()
    } else {
        format!("PARTITION BY {}", partition.join(", "))
    };
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let any = dice.pick(&names);
    let time = dice.pick(&["time", "time DESC"]);
    let rest: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| *name != "time")
        .collect();
    if !names.contains(&"time") {
        return format!(
            "row_number() OVER ({partition} ORDER BY {})",
            names.join(", ")
        );
    }
    let total = format!(
        "ORDER BY {}",
        [&[time], rest.as_slice()].concat().join(", ")
    );
    match dice.below(9) {
        0 => format!("row_number() OVER ({partition} {total})"),
        1 => format!(
            "{}({any}, {}) OVER ({partition} {total})",
            dice.pick(&["lag", "lead"]),
            dice.between(0, 2)
        ),
        2 => format!(
            "{}() OVER ({partition} ORDER BY {any} {})",
            dice.pick(&["rank", "dense_rank", "percent_rank", "cume_dist"]),
            direction(dice)
        ),
        3 => format!(
            "{}({any}) OVER ({partition} {total})",
            dice.pick(&["first_value", "last_value"])
        ),
        4 => format!(
            "{}({any}) OVER ({partition})",
            dice.pick(&["count", "min", "max"])
        ),
        5 => format!(
            "{}({any}) OVER ({partition} {total} ROWS BETWEEN {} PRECEDING AND {})",
            dice.pick(&["count", "min", "max"]),
            dice.between(0, 3),
            dice.pick(&["CURRENT ROW", "1 FOLLOWING", "UNBOUNDED FOLLOWING"])
        ),
        6 => format!(
            "{} OVER ({partition} ORDER BY time RANGE BETWEEN {} PRECEDING AND {})",
            dice.pick(&["count(*)", "count(up)"]),
            interval(dice),
            dice.pick(&["CURRENT ROW", "INTERVAL '1 hour' FOLLOWING"])
        ),
        7 if names.contains(&"usage") => format!(
            "{}(usage) OVER ({partition} ORDER BY {time})",
            dice.pick(&["sum", "avg", "min", "max"])
        ),
        _ => format!("ntile({}) OVER ({partition} {total})", dice.between(1, 4)),
    }
}
