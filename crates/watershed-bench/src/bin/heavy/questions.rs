//! Rows, and what is asked about them.

use std::fmt::Write as _;

/// 2024-01-01T00:00:00Z.
const START_SECONDS: usize = 1_704_067_200;

/// Rows of a body.
const BATCH_ROWS: usize = 20_000;

/// Bodies that hold all rows: second by second, all series of a second together. `v` is spread evenly, `id` is of
/// one row alone.
pub(crate) fn batches(rows: usize, hosts: usize) -> impl Iterator<Item = String> {
    let starts = (0..rows).step_by(BATCH_ROWS);
    starts.map(move |start| {
        let mut body = String::new();
        for row in start..rows.min(start + BATCH_ROWS) {
            let (host, second) = (row % hosts, START_SECONDS + row / hosts);
            let spread = (row as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let value = (spread >> 40) as f64 / 16.0;
            // Writing to a string does not fail.
            let _ = writeln!(
                body,
                "m,host=h{host} v={value},id=\"{spread:016x}\" {second}"
            );
        }
        body
    })
}

/// What a dashboard asks: a minute of one series in SQL, a few buckets of it in InfluxQL, and the list of tables.
pub(crate) fn small(number: usize, rows: usize, hosts: usize) -> (&'static str, String) {
    let seconds = (rows / hosts).max(61);
    let from = START_SECONDS + (number * 7919) % (seconds - 60);
    let (host, to) = (number % hosts, from + 60);
    let times = format!("host = 'h{host}' AND time >= {from}000000000 AND time < {to}000000000");
    match number % 3 {
        0 => (
            "/api/v3/query_sql",
            format!(
                "SELECT time, v FROM m WHERE host = 'h{host}' AND time >= to_timestamp_seconds({from}) \
                 AND time < to_timestamp_seconds({to}) ORDER BY time"
            ),
        ),
        1 => (
            "/api/v3/query_influxql",
            format!("SELECT mean(v) FROM m WHERE {times} GROUP BY time(10s)"),
        ),
        _ => (
            "/api/v3/query_sql",
            "SELECT table_name FROM information_schema.tables".to_owned(),
        ),
    }
}

/// What takes a server long, with a name.
pub(crate) fn heavy(number: usize) -> (&'static str, &'static str) {
    const HEAVY: [(&str, &str); 5] = [
        (
            "sort",
            "SELECT max(r) FROM (SELECT row_number() OVER (ORDER BY v, id) AS r FROM m)",
        ),
        (
            "group by many",
            "SELECT count(*) FROM (SELECT id, avg(v) AS a FROM m GROUP BY id) WHERE a >= 0",
        ),
        (
            "join",
            "SELECT count(*) FROM m a JOIN m b ON a.id = b.id AND a.time = b.time",
        ),
        (
            "download",
            "SELECT time, host, v FROM m ORDER BY v DESC LIMIT 500000",
        ),
        (
            "group by few",
            "SELECT host, date_bin(INTERVAL '1 minute', time) AS t, avg(v), max(id) FROM m GROUP BY host, t \
             ORDER BY host, t",
        ),
    ];
    HEAVY[number % HEAVY.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_one_body() {
        let bodies: Vec<String> = batches(BATCH_ROWS + 3, 10).collect();
        let lines: Vec<usize> = bodies.iter().map(|body| body.lines().count()).collect();
        assert_eq!(lines, [BATCH_ROWS, 3]);
        let mut keys: Vec<&str> = bodies
            .iter()
            .flat_map(|body| body.lines())
            .map(|line| line.split_once(",id=").unwrap().1)
            .collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), BATCH_ROWS + 3);
    }

    #[test]
    fn small_questions_are_about_times_that_have_rows() {
        for number in 0..1000 {
            let (_, text) = small(number, 100_000, 100);
            if let Some((_, rest)) = text.split_once("time >= to_timestamp_seconds(") {
                let from: usize = rest.split_once(')').unwrap().0.parse().unwrap();
                assert!(
                    (START_SECONDS..=START_SECONDS + 940).contains(&from),
                    "{text}"
                );
            }
        }
    }
}
