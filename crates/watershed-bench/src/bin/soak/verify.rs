//! Looks for the rows of all batches. Every batch has a stretch of time of its own and a mark in one of
//! its fields, so counting rows and adding up marks by stretch tells whether rows were lost, doubled, or
//! mixed up.

use crate::arguments::Arguments;
use crate::record::Outcome;
use crate::say;
use anyhow::{Context as _, bail};
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};
use watershed_bench::http::Client;
use watershed_bench::lines::Shape;

/// Batches looked at by one query.
const STEP: usize = 250;

/// How often a query is tried.
const ATTEMPTS_MAX: u32 = 5;

const PROGRESS: Duration = Duration::from_secs(30);

/// Findings that are told one by one.
const FINDINGS_TOLD_MAX: u64 = 20;

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Acknowledged and there, with every row once.
    whole: u64,
    acknowledged: u64,
    /// Not acknowledged and there nevertheless, with every row once: allowed.
    stored_unacknowledged: u64,
    rows: u64,
    rows_lost: u64,
    /// Rows more than there should be, wrong marks, series with other counts than the others.
    wrong: u64,
}

impl Verdict {
    pub(crate) fn good(&self) -> bool {
        self.whole == self.acknowledged && self.rows_lost == 0 && self.wrong == 0
    }

    /// Weighs the rows and the sum of marks of one batch.
    fn weigh(&mut self, shape: Shape, batch: u64, outcome: Outcome, found: Found) {
        let whole = Found {
            rows: shape.rows(),
            marks: shape.rows() * Shape::mark(batch),
        };
        self.rows += found.rows;
        let acknowledged = outcome == Outcome::Acknowledged;
        self.acknowledged += u64::from(acknowledged);
        if found == whole {
            let count = if acknowledged {
                &mut self.whole
            } else {
                &mut self.stored_unacknowledged
            };
            *count += 1;
            return;
        }
        if found == Found::default() && !acknowledged {
            return;
        }
        if acknowledged && found.rows < whole.rows {
            self.rows_lost += whole.rows - found.rows;
        } else {
            self.wrong += 1;
        }
        if self.rows_lost / whole.rows + self.wrong <= FINDINGS_TOLD_MAX {
            say(&format!(
                "batch {batch} ({outcome:?}): {} rows and marks {}, expected {} and {}",
                found.rows, found.marks, whole.rows, whole.marks
            ));
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "found {} rows: {} of {} acknowledged batches whole, {} rows lost, {} batches or series wrong, \
             {} batches stored without a 204",
            self.rows,
            self.whole,
            self.acknowledged,
            self.rows_lost,
            self.wrong,
            self.stored_unacknowledged
        )
    }
}

/// What there is of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Found {
    rows: u64,
    marks: u64,
}

/// # Errors
/// When the server does not answer the queries.
pub(crate) fn run(arguments: &Arguments, outcomes: &[Outcome]) -> anyhow::Result<Verdict> {
    say(&format!("looking for {} batches", outcomes.len()));
    let shape = arguments.shape();
    let mut client = Client::new(arguments.target.clone());
    let mut verdict = Verdict::default();
    let mut told = Instant::now();
    for (step, part) in outcomes.chunks(STEP).enumerate() {
        let first = (step * STEP) as u64;
        let range = shape.begin_nanos(first)..shape.begin_nanos(first + part.len() as u64);
        let sql = by_batch(shape, &range);
        let mut found = batches(&ask(&mut client, &arguments.database, &sql)?)?;
        let before = verdict.rows;
        for (batch, outcome) in (first..).zip(part) {
            let found = found.remove(&batch).unwrap_or_default();
            verdict.weigh(shape, batch, *outcome, found);
        }
        verdict.wrong += found.len() as u64;
        let rows = verdict.rows - before;
        let answer = ask(&mut client, &arguments.database, &by_host(&range))?;
        verdict.wrong += uneven(&answer, shape.hosts as u64, rows)?;
        if told.elapsed() > PROGRESS {
            told = Instant::now();
            say(&format!(
                "{:>7} batches, {verdict}",
                first + part.len() as u64
            ));
        }
    }
    // Whatever is outside of all stretches.
    let answer = ask(
        &mut client,
        &arguments.database,
        "SELECT count(*) AS n FROM cpu",
    )?;
    let all: u64 = answer.lines().nth(1).context("no count")?.trim().parse()?;
    if all != verdict.rows {
        say(&format!(
            "{all} rows in all, {} in the batches",
            verdict.rows
        ));
        verdict.wrong += 1;
    }
    Ok(verdict)
}

type Nanos = std::ops::Range<i64>;

fn condition(range: &Nanos) -> String {
    format!(
        "time >= to_timestamp_nanos({}) AND time < to_timestamp_nanos({})",
        range.start, range.end
    )
}

fn by_batch(shape: Shape, range: &Nanos) -> String {
    format!(
        "SELECT (CAST(time AS BIGINT) - {}) / {} AS batch, count(*) AS n, sum(usage_user) AS marks FROM cpu WHERE {} GROUP BY 1",
        shape.start_nanos,
        shape.batch_nanos(),
        condition(range)
    )
}

fn by_host(range: &Nanos) -> String {
    format!(
        "SELECT hostname, count(usage_guest_nice) AS n FROM cpu WHERE {} GROUP BY hostname",
        condition(range)
    )
}

fn ask(client: &mut Client, database: &str, sql: &str) -> anyhow::Result<String> {
    let body = format!(r#"{{"db":"{database}","format":"csv","q":"{sql}"}}"#);
    let mut attempt = 1;
    loop {
        let answer = client.post("/api/v3/query_sql", "application/json", body.as_bytes());
        match answer {
            Ok(answer) if answer.status == 200 => return Ok(answer.text()),
            Ok(answer) if attempt == ATTEMPTS_MAX => {
                bail!("{sql}: {} {}", answer.status, answer.text())
            }
            Err(error) if attempt == ATTEMPTS_MAX => return Err(error).context(sql.to_owned()),
            _ => {}
        }
        attempt += 1;
        std::thread::sleep(Duration::from_secs(2));
    }
}

/// `batch,n,marks` by batch.
fn batches(csv: &str) -> anyhow::Result<BTreeMap<u64, Found>> {
    let rows = csv.lines().skip(1).filter(|line| !line.is_empty());
    rows.map(|line| {
        let cells: Result<Vec<u64>, _> = line.split(',').map(|cell| cell.trim().parse()).collect();
        match cells.as_deref() {
            Ok(&[batch, rows, marks]) => Ok((batch, Found { rows, marks })),
            _ => bail!("can't make sense of {line}"),
        }
    })
    .collect()
}

/// How many series have another number of rows than their share.
fn uneven(csv: &str, hosts: u64, rows: u64) -> anyhow::Result<u64> {
    let mut even = 0;
    for line in csv.lines().skip(1).filter(|line| !line.is_empty()) {
        let (_, count) = line.rsplit_once(',').context("no count")?;
        let count: u64 = count.trim().parse()?;
        even += u64::from(count * hosts == rows);
    }
    Ok(if rows == 0 {
        0
    } else {
        hosts.saturating_sub(even)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape {
        hosts: 10,
        ticks: 10,
        start_nanos: 0,
        tick_nanos: 1,
    };

    fn verdict(batch: u64, outcome: Outcome, rows: u64, marks: u64) -> Verdict {
        let mut verdict = Verdict::default();
        verdict.weigh(SHAPE, batch, outcome, Found { rows, marks });
        verdict
    }

    #[test]
    fn acknowledged_rows_must_be_there_once() {
        assert!(verdict(3, Outcome::Acknowledged, 100, 1300).good());
        assert_eq!(verdict(3, Outcome::Acknowledged, 0, 0).rows_lost, 100);
        assert_eq!(verdict(3, Outcome::Acknowledged, 99, 1287).rows_lost, 1);
        assert_eq!(verdict(3, Outcome::Acknowledged, 101, 1313).wrong, 1);
        assert_eq!(verdict(3, Outcome::Acknowledged, 100, 1400).wrong, 1);
    }

    #[test]
    fn refused_rows_are_there_whole_or_not_at_all() {
        assert!(verdict(3, Outcome::Refused, 0, 0).good());
        assert!(verdict(3, Outcome::Refused, 100, 1300).good());
        assert!(!verdict(3, Outcome::Refused, 50, 650).good());
    }

    #[test]
    fn answers_are_read() {
        let found = batches("batch,n,marks\n7,100,1700\n").unwrap();
        assert_eq!(
            found[&7],
            Found {
                rows: 100,
                marks: 1700
            }
        );
        assert!(batches("batch,n,marks\n7,100\n").is_err());
        assert_eq!(uneven("hostname,n\na,5\nb,5\n", 2, 10).unwrap(), 0);
        assert_eq!(uneven("hostname,n\na,5\nb,4\n", 2, 10).unwrap(), 1);
        assert_eq!(uneven("hostname,n\na,10\n", 2, 10).unwrap(), 2);
    }
}
