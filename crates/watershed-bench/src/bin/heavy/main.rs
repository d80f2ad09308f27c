//! Asks a server heavy questions at the same time, more than it has room for, and small ones beside them.
//!
//! 1. Rows are written: `--hosts` series, one row a second each, `--rows` in all.
//! 2. The small questions are asked alone for a while, one after another.
//! 3. Then `--clients` clients ask heavy ones for `--seconds`: sorts, groups, joins, downloads. Each must be
//!    answered in full, or refused by a text of the server with 503. The small ones go on.
//! 4. The most memory that the server has had is what the system says (`VmHWM`; Linux).
//!
//! Prints figures. Ends with 0 when every answer was one of the two, with 1 when not.

mod arguments;
mod questions;

use anyhow::{Context as _, bail};
use arguments::Arguments;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use watershed_bench::http::{Answer, Client};
use watershed_bench::program::{self, say};

/// How long the small questions are asked alone.
const ALONE: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    program::run(|words| run(&Arguments::parse(words)?))
}

fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    write_rows(arguments)?;
    say(&format!(
        "{} rows of {} series; RSS at most {:.0} MiB so far",
        arguments.rows,
        arguments.hosts,
        resident_mib_max(arguments.pid)?
    ));
    let alone = ask_small(arguments, ALONE)?;
    say(&format!("small questions alone:   {alone}"));
    let (mut heavy, mut beside) = (Vec::new(), None);
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..arguments.clients)
            .map(|client| scope.spawn(move || ask_heavy(arguments, client)))
            .collect();
        let duration = Duration::from_secs(arguments.seconds);
        beside = Some(ask_small(arguments, duration));
        for client in clients {
            heavy.push(client.join());
        }
    });
    let beside = beside.context("no small question was asked")??;
    say(&format!("small questions beside:  {beside}"));
    let mut outcomes: BTreeMap<(&str, String), Times> = BTreeMap::new();
    for asked in heavy {
        let Ok(asked) = asked else {
            bail!("a client has ended early");
        };
        for (what, outcome, seconds) in asked {
            outcomes.entry((what, outcome)).or_default().0.push(seconds);
        }
    }
    let mut good = beside.0.len() > 1;
    for ((what, outcome), times) in &outcomes {
        say(&format!("{what}: {outcome}: {times}"));
        good &= outcome == "answered" || outcome.starts_with("503: ");
    }
    let mib = resident_mib_max(arguments.pid)?;
    say(&format!("RSS at most {mib:.0} MiB"));
    Ok(good)
}

/// Seconds that answers took.
#[derive(Debug, Default)]
struct Times(Vec<f64>);

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut sorted = self.0.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let at = |part: f64| {
            let last = sorted.len().saturating_sub(1);
            let millis = sorted.get((last as f64 * part).round() as usize);
            millis.map_or(0.0, |seconds| seconds * 1e3)
        };
        write!(
            f,
            "{} times, p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms",
            sorted.len(),
            at(0.5),
            at(0.99),
            at(1.0)
        )
    }
}

fn write_rows(arguments: &Arguments) -> anyhow::Result<()> {
    let mut client = Client::new(arguments.target.clone());
    let body = format!("{{\"name\":\"{}\"}}", arguments.database);
    let made = client.post("/api/v0/databases", "application/json", body.as_bytes())?;
    if made.status != 200 {
        bail!("create the database: {}", made.text());
    }
    let path = format!("/api/v2/write?bucket={}&precision=s", arguments.database);
    for batch in questions::batches(arguments.rows, arguments.hosts) {
        loop {
            let answer = client.post_when_wanted(&path, batch.as_bytes())?;
            match answer.status {
                204 => break,
                503 => std::thread::sleep(Duration::from_millis(200)),
                _ => bail!("write: {} {}", answer.status, answer.text()),
            }
        }
    }
    Ok(())
}

fn ask(
    client: &mut Client,
    arguments: &Arguments,
    path: &str,
    sql: &str,
) -> anyhow::Result<Answer> {
    let text: String = sql.chars().flat_map(char::escape_default).collect();
    let text = text.replace("\\'", "'");
    let body = format!(
        "{{\"db\":\"{}\",\"format\":\"csv\",\"q\":\"{text}\"}}",
        arguments.database
    );
    Ok(client.post(path, "application/json", body.as_bytes())?)
}

/// One after another.
fn ask_small(arguments: &Arguments, duration: Duration) -> anyhow::Result<Times> {
    let mut client = Client::new(arguments.target.clone());
    let mut times = Times::default();
    let begun = Instant::now();
    for number in 0.. {
        if begun.elapsed() >= duration {
            break;
        }
        let (path, text) = questions::small(number, arguments.rows, arguments.hosts);
        let asked = Instant::now();
        let answer = ask(&mut client, arguments, path, &text)?;
        times.0.push(asked.elapsed().as_secs_f64());
        if answer.status != 200 {
            bail!("{text}: {} {}", answer.status, answer.text());
        }
        // As a dashboard does; it shall not be the load.
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(times)
}

/// What was asked, what came of it, and how many seconds it took.
type Asked = (&'static str, String, f64);

fn ask_heavy(arguments: &Arguments, client_number: usize) -> Vec<Asked> {
    let mut client = Client::new(arguments.target.clone());
    let duration = Duration::from_secs(arguments.seconds);
    let begun = Instant::now();
    let mut asked = Vec::new();
    for number in client_number.. {
        if begun.elapsed() >= duration {
            break;
        }
        let (what, sql) = questions::heavy(number);
        let started = Instant::now();
        let outcome = match ask(&mut client, arguments, "/api/v3/query_sql", sql) {
            Ok(answer) if answer.status == 200 => "answered".to_owned(),
            Ok(answer) => format!("{}: {}", answer.status, answer.text()),
            Err(error) => format!("no whole answer: {error:#}"),
        };
        asked.push((what, outcome, started.elapsed().as_secs_f64()));
    }
    asked
}

fn resident_mib_max(pid: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
    let status = status.context("the server is gone")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    Ok(kib.context("the system does not say how much memory it has had")? / 1024.0)
}
