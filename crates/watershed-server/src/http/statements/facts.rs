//! `SHOW STATS` and `SHOW DIAGNOSTICS`: one series a module, one row each, in the layout of 1.x.
//!
//! Only what this server counts and is; modules of 1.x that are not there (`subscriber`, `shard`) are not made up.
//! What changes with a database has its name as a tag.

use super::super::HttpState;
use super::super::influxql_output::{Segment, SeriesHead};
use super::super::respond::rfc3339;
use super::Failure;
use super::listings::listed;
use crate::metrics::{Reason, resident_bytes};
use arrow::array::{ArrayRef, Int64Array, StringArray};
use std::collections::BTreeMap;
use std::sync::Arc;
use watershed_influxql::format_go_duration;

/// `SHOW STATS [FOR 'module']`.
pub(super) async fn stats(
    state: &HttpState,
    module: Option<&str>,
) -> Result<Vec<Segment>, Failure> {
    let mut series = Vec::new();
    for database in listed(state).await? {
        // One that is deleted meanwhile has no tables to count.
        if let Ok(schema) = state.catalog.database(&database.name).await {
            let tags = BTreeMap::from([("database".to_owned(), database.name.to_string())]);
            let tables = schema.tables.len() as u64;
            series.push(numbers(
                "database",
                Some(tags),
                &[("numMeasurements", tables)],
            ));
        }
    }
    let metrics = &state.metrics;
    series.push(numbers(
        "httpd",
        None,
        &[
            ("clientError", metrics.responses("4xx")),
            ("ok", metrics.responses("2xx")),
            ("serverError", metrics.responses("5xx")),
            ("writeReqBytes", metrics.write_bytes.get()),
        ],
    ));
    let (begun, active) = (metrics.queries.get(), state.query.running().len() as u64);
    series.push(numbers(
        "queryExecutor",
        None,
        &[
            ("queriesActive", active),
            ("queriesExecuted", begun),
            ("queriesFinished", begun.saturating_sub(active)),
        ],
    ));
    let uptime = uptime_nanos(state) / 1_000_000_000;
    let uptime = ("uptimeSeconds", uptime.unsigned_abs());
    // Where the system does not say how much memory is used, that column is missing.
    let runtime: Vec<_> = resident_bytes()
        .map(|bytes| ("residentBytes", bytes))
        .into_iter()
        .chain([uptime])
        .collect();
    series.push(numbers("runtime", None, &runtime));
    let refused = Reason::ALL.map(|reason| metrics.refusals(reason));
    series.push(numbers(
        "write",
        None,
        &[
            ("pointReq", metrics.write_rows.get()),
            ("refused", refused.iter().sum()),
        ],
    ));
    Ok(of_module(series, module))
}

/// `SHOW DIAGNOSTICS [FOR 'module']`.
pub(super) fn diagnostics(state: &HttpState, module: Option<&str>) -> Vec<Segment> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let series = vec![
        texts("build", &[("Version", state.settings.version.clone())]),
        texts(
            "runtime",
            &[
                ("arch", std::env::consts::ARCH.to_owned()),
                ("cores", cores.to_string()),
                ("os", std::env::consts::OS.to_owned()),
            ],
        ),
        texts(
            "system",
            &[
                ("PID", std::process::id().to_string()),
                ("currentTime", rfc3339(state.clock.now().nanos())),
                ("started", rfc3339(state.started.nanos())),
                ("uptime", format_go_duration(uptime_nanos(state))),
            ],
        ),
    ];
    of_module(series, module)
}

fn uptime_nanos(state: &HttpState) -> i64 {
    let now = state.clock.now().nanos();
    now.saturating_sub(state.started.nanos()).max(0)
}

/// The series of a module, or all; each but the last says that more follow.
fn of_module(mut series: Vec<Segment>, module: Option<&str>) -> Vec<Segment> {
    series.retain(|segment| module.is_none_or(|module| segment.head.name == module));
    if let [before @ .., _] = series.as_mut_slice() {
        before.iter_mut().for_each(|segment| segment.more = true);
    }
    series
}

fn numbers(name: &str, tags: Option<BTreeMap<String, String>>, columns: &[(&str, u64)]) -> Segment {
    let column = |value: u64| -> ArrayRef {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        Arc::new(Int64Array::from(vec![value]))
    };
    let columns = columns.iter().map(|(name, value)| (*name, column(*value)));
    segment(name, tags, columns.collect())
}

fn texts(name: &str, columns: &[(&str, String)]) -> Segment {
    let column = |value: &str| -> ArrayRef { Arc::new(StringArray::from(vec![value])) };
    let columns = columns.iter().map(|(name, value)| (*name, column(value)));
    segment(name, None, columns.collect())
}

fn segment(
    name: &str,
    tags: Option<BTreeMap<String, String>>,
    columns: Vec<(&str, ArrayRef)>,
) -> Segment {
    let (names, row): (Vec<String>, Vec<ArrayRef>) = columns
        .into_iter()
        .map(|(name, column)| (name.to_owned(), column))
        .unzip();
    Segment {
        head: Arc::new(SeriesHead {
            name: name.to_owned(),
            tags,
        }),
        columns: Arc::new(names),
        rows: vec![row],
        starts: true,
        continues: false,
        more: false,
    }
}
