//! Offers a server more than it can take, for as long as one likes, and then looks for every row that it
//! acknowledged.
//!
//! 1. For a while a few connections write as fast as they are answered ([`load::closed`]). What is
//!    acknowledged in a second after the first buffers are full is the rate that can be sustained.
//! 2. Then `factor` times that rate is due, whatever the server answers ([`load::open`]). A batch that is
//!    answered 503 is dropped and counted. Nothing but 204 and 503 may come.
//! 3. Meanwhile the memory of the server is looked at each second ([`memory`]).
//! 4. When the server has come to rest, the rows of each batch are counted ([`verify`]): all of a batch that
//!    was acknowledged, nothing of one that was never sent, all or nothing of one that was refused.
//!
//! Prints figures as it goes. Ends with 0 when all that must hold held, with 1 when not.

mod arguments;
mod load;
mod memory;
mod record;
mod verify;

use arguments::Arguments;
use load::Load;
use memory::Watch;
use record::{Outcome, Record, Totals};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use watershed_bench::http::Client;
use watershed_bench::program::{self, say};

fn main() -> ExitCode {
    program::run(|words| run(&Arguments::parse(words)?))
}

fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    create_database(arguments)?;
    let watch = Arc::new(Watch::start(arguments.pid)?);
    let load = Load {
        arguments,
        record: Record::default(),
        watch: Arc::clone(&watch),
    };
    let rate = match arguments.rows_per_second {
        Some(rate) => rate,
        None => sustainable(&load)?,
    };
    let due = rate * arguments.factor;
    say(&format!(
        "offering {due:.0} rows/s for {} min on {} connections",
        arguments.minutes, arguments.connections
    ));
    let before = load.record.totals();
    let samples_before = watch.samples().len();
    let offered = load::open(&load, due)?;
    let after = load.record.totals();
    let samples = watch.samples().split_off(samples_before);
    memory::settle(arguments.pid, Duration::from_secs(180))?;
    let batches = load.record.outcomes();
    let verdict = verify::run(arguments, &batches)?;
    watch.stop();

    let totals = after.since(&before);
    let rows = arguments.shape().rows();
    report(arguments, rate, offered, rows, &totals);
    say(&memory::describe(&samples));
    say(&format!(
        "p50 {:.0} ms, p99 {:.0} ms, longest {:.0} ms until a 204",
        totals.latency_ms(0.5),
        totals.latency_ms(0.99),
        totals.latency_ms(1.0)
    ));
    let (_, disk) = memory::disk(arguments.dir.as_deref());
    say(&disk);
    say(&verdict.to_string());
    let good = verdict.good() && after.unexpected.is_empty() && totals.acknowledged > 0;
    for (what, count) in &after.unexpected {
        say(&format!("not expected: {count} times {what}"));
    }
    say(if good { "result: good" } else { "result: BAD" });
    Ok(good)
}

fn create_database(arguments: &Arguments) -> anyhow::Result<()> {
    let body = format!(r#"{{"name":"{}"}}"#, arguments.database);
    let mut client = Client::new(arguments.target.clone());
    let answer = client.post("/api/v0/databases", "application/json", body.as_bytes())?;
    anyhow::ensure!(
        (200..300).contains(&answer.status),
        "create database {}: {} {}",
        arguments.database,
        answer.status,
        answer.text()
    );
    Ok(())
}

/// Measures how many rows a second the server takes when nobody hurries it.
fn sustainable(load: &Load<'_>) -> anyhow::Result<f64> {
    let warm_up = Duration::from_secs(load.arguments.rate_seconds / 4);
    let measured = Duration::from_secs(load.arguments.rate_seconds) - warm_up;
    say(&format!(
        "measuring the rate that can be sustained: {} s, {} connections",
        load.arguments.rate_seconds, load.arguments.rate_connections
    ));
    load::closed(load, warm_up)?;
    let before = load.record.totals();
    let seconds = load::closed(load, measured)?;
    let acknowledged = load.record.totals().since(&before).acknowledged;
    let rate = (acknowledged * load.arguments.shape().rows()) as f64 / seconds;
    anyhow::ensure!(rate > 0.0, "nothing was acknowledged");
    say(&format!("sustainable: {rate:.0} rows/s"));
    Ok(rate)
}

fn report(arguments: &Arguments, rate: f64, offered: u64, rows: u64, totals: &Totals) {
    let seconds = arguments.minutes * 60.0;
    let line = |what: &str, batches: u64| {
        let per_second = (batches * rows) as f64 / seconds;
        say(&format!(
            "{what:<14}{:>16} rows{per_second:>14.0} rows/s{:>8.1} %",
            batches * rows,
            100.0 * batches as f64 / offered.max(1) as f64
        ));
    };
    say(&format!(
        "\nsustainable rate {rate:.0} rows/s, offered {} times that",
        arguments.factor
    ));
    line("offered", offered);
    line("acknowledged", totals.acknowledged);
    line("refused", totals.refused);
    line("broken", totals.unknown);
    let sent = totals.acknowledged + totals.refused + totals.unknown;
    // Due while all connections waited for answers.
    line("not sent", offered.saturating_sub(sent));
}

/// The share of a batch that a status stands for.
fn outcome(status: u16) -> Option<Outcome> {
    match status {
        204 => Some(Outcome::Acknowledged),
        503 => Some(Outcome::Refused),
        _ => None,
    }
}
