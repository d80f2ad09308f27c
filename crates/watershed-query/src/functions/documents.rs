//! What `SHOW FUNCTIONS` says about the functions that are not DataFusion's.

use datafusion::logical_expr::{DocSection, Documentation};
use std::sync::LazyLock;

/// Name, syntax, and what the function gives.
const DOCUMENTS: [(&str, &str, &str); 18] = [
    (
        "date_bin_gapfill",
        "date_bin_gapfill(interval, time[, origin])",
        "In GROUP BY: the start of the bucket of a time, with a row for each bucket that has none. The query needs both bounds of time.",
    ),
    (
        "date_bin_wallclock",
        "date_bin_wallclock(interval, time[, origin])",
        "Returns the start of the bucket of a time on the clock of its zone.",
    ),
    (
        "date_bin_wallclock_gapfill",
        "date_bin_wallclock_gapfill(interval, time[, origin])",
        "In GROUP BY: the start of the bucket of a time on the clock of its zone, with a row for each bucket that has none.",
    ),
    (
        "derivative",
        "derivative(value, time[, unit]) OVER (ORDER BY time)",
        "Returns how much a value has changed since the row before, over a unit of time, 1 second if none is given.",
    ),
    (
        "difference",
        "difference(value) OVER (ORDER BY time)",
        "Returns how much a value has changed since the row before.",
    ),
    (
        "influx_regex_match",
        "influx_regex_match(text, pattern)",
        "Tells whether a text has a match of a regular expression in Go's syntax.",
    ),
    (
        "influx_regex_not_match",
        "influx_regex_not_match(text, pattern)",
        "Tells whether a text has no match of a regular expression in Go's syntax.",
    ),
    (
        "interpolate",
        "interpolate(aggregate)",
        "Beside date_bin_gapfill: a bucket without value lies on the line between its neighbours.",
    ),
    (
        "locf",
        "locf(aggregate)",
        "Beside date_bin_gapfill: a bucket without value has the last one before.",
    ),
    (
        "non_negative_derivative",
        "non_negative_derivative(value, time[, unit]) OVER (ORDER BY time)",
        "Returns what derivative does, and null where that is less than 0.",
    ),
    (
        "non_negative_difference",
        "non_negative_difference(value) OVER (ORDER BY time)",
        "Returns what difference does, and null where that is less than 0.",
    ),
    (
        "selector_first",
        "selector_first(value, time[, other, ...])",
        "Returns the earliest row with a value, as a struct of value, time, other_1 and so on.",
    ),
    (
        "selector_last",
        "selector_last(value, time[, other, ...])",
        "Returns the latest row with a value, as a struct of value, time, other_1 and so on.",
    ),
    (
        "selector_max",
        "selector_max(value, time[, other, ...])",
        "Returns the row with the greatest value, as a struct of value, time, other_1 and so on.",
    ),
    (
        "selector_min",
        "selector_min(value, time[, other, ...])",
        "Returns the row with the least value, as a struct of value, time, other_1 and so on.",
    ),
    (
        "sleep",
        "sleep(interval)",
        "Waits for that long, ten minutes at most, and returns null. For tests of clients.",
    ),
    (
        "to_timestamp",
        "to_timestamp(expression)",
        "Converts a text, or an integer in nanoseconds, to a timestamp.",
    ),
    (
        "tz",
        "tz(time[, zone])",
        "Returns the same instant on the clock of a zone, UTC if none is given.",
    ),
];

/// The document of a function of ours.
pub(super) fn of(name: &str) -> Option<&'static Documentation> {
    static ALL: LazyLock<Vec<(&str, Documentation)>> = LazyLock::new(|| {
        let section = DocSection {
            include: true,
            label: "InfluxDB Functions",
            description: None,
        };
        let document = |(name, syntax, description)| {
            let built = Documentation::builder(section.clone(), description, syntax).build();
            (name, built)
        };
        DOCUMENTS.into_iter().map(document).collect()
    });
    let found = ALL.iter().find(|(known, _)| *known == name);
    found.map(|(_, document)| document)
}
