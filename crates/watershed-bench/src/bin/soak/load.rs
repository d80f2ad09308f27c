//! Threads that write.

use crate::arguments::Arguments;
use crate::memory::{self, Watch};
use crate::record::{Outcome, Record};
use crate::{outcome, say};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use watershed_bench::http::{Answer, Client};
use watershed_bench::lines::Template;

/// How often progress is printed.
const PROGRESS: Duration = Duration::from_secs(30);

/// A batch that is so late is not sent any more: the next ones are due.
const LATE_MAX: Duration = Duration::from_secs(1);

/// The wait after a 503 while the rate is measured, at most: a server says a second or more, which is
/// right for a crowd and too long for a few.
const RETRY_WAIT: Duration = Duration::from_millis(100);

/// The wait after a connection broke.
const RECONNECT_WAIT: Duration = Duration::from_millis(500);

/// A server that gives no answer so often in a row is gone.
const BROKEN_MAX: u64 = 200;

pub(crate) struct Load<'a> {
    pub(crate) arguments: &'a Arguments,
    pub(crate) record: Record,
    pub(crate) watch: Arc<Watch>,
}

/// What the threads of one phase share.
struct Phase<'a> {
    load: &'a Load<'a>,
    started: Instant,
    ends: Instant,
    /// Between two batches that are due; nothing when the next is due once the last is answered.
    interval: Option<Duration>,
    /// How many batches were due so far.
    due: AtomicU64,
    broken_in_a_row: AtomicU64,
    gone: AtomicBool,
}

/// A few connections write as fast as they are answered, and again what was refused. Answers how many
/// seconds that took.
///
/// # Errors
/// When the server is gone.
pub(crate) fn closed(load: &Load<'_>, time: Duration) -> anyhow::Result<f64> {
    let phase = Phase::new(load, time, None);
    phase.run(load.arguments.rate_connections)?;
    Ok(phase.started.elapsed().as_secs_f64())
}

/// Many connections write at a rate, whatever is answered. Answers how many batches were due.
///
/// # Errors
/// When the server is gone.
pub(crate) fn open(load: &Load<'_>, rows_per_second: f64) -> anyhow::Result<u64> {
    let interval = load.arguments.shape().rows() as f64 / rows_per_second;
    let time = Duration::from_secs_f64(load.arguments.minutes * 60.0);
    let phase = Phase::new(load, time, Some(Duration::from_secs_f64(interval)));
    phase.run(load.arguments.connections)?;
    Ok((time.as_secs_f64() / interval).ceil() as u64)
}

impl<'a> Phase<'a> {
    fn new(load: &'a Load<'a>, time: Duration, interval: Option<Duration>) -> Self {
        let started = Instant::now();
        Self {
            load,
            started,
            ends: started + time,
            interval,
            due: AtomicU64::new(0),
            broken_in_a_row: AtomicU64::new(0),
            gone: AtomicBool::new(false),
        }
    }

    fn run(&self, connections: usize) -> anyhow::Result<()> {
        thread::scope(|scope| {
            for seed in 0..connections {
                scope.spawn(move || self.write(seed as u64));
            }
            if self.interval.is_some() {
                self.tell();
            }
        });
        anyhow::ensure!(!self.gone(), "the server gives no answer any more");
        Ok(())
    }

    fn write(&self, seed: u64) {
        let arguments = self.load.arguments;
        let mut template = Template::new(arguments.shape(), seed + 1);
        let mut client = Client::new(arguments.target.clone());
        let path = arguments.write_path();
        while self.wait_for_turn() {
            let batch = self.load.record.next();
            let body = template.batch(batch);
            loop {
                let begin = Instant::now();
                let answer = client.post_when_wanted(&path, body);
                let outcome = self.judge(&answer);
                self.load.record.note(batch, outcome, begin.elapsed());
                let again = self.interval.is_none() && outcome == Outcome::Refused;
                if !again || Instant::now() >= self.ends {
                    break;
                }
                thread::sleep(RETRY_WAIT);
            }
        }
    }

    /// Waits until a batch is due; false when the time is over.
    fn wait_for_turn(&self) -> bool {
        loop {
            let now = Instant::now();
            if now >= self.ends || self.gone() {
                return false;
            }
            let Some(interval) = self.interval else {
                return true;
            };
            let turn = self.due.fetch_add(1, Ordering::Relaxed);
            let due = self.started + interval.mul_f64(turn as f64);
            if due >= self.ends {
                return false;
            }
            if now <= due + LATE_MAX {
                thread::sleep(due.saturating_duration_since(now));
                return true;
            }
        }
    }

    fn judge(&self, answer: &std::io::Result<Answer>) -> Outcome {
        let record = &self.load.record;
        match answer {
            Ok(answer) => {
                self.broken_in_a_row.store(0, Ordering::Relaxed);
                outcome(answer.status).unwrap_or_else(|| {
                    let text: String = answer.text().chars().take(200).collect();
                    record.wonder(format!("status {}: {text}", answer.status));
                    Outcome::Unknown
                })
            }
            Err(error) => {
                record.wonder(format!("no answer: {error}"));
                let broken = 1 + self.broken_in_a_row.fetch_add(1, Ordering::Relaxed);
                if broken >= BROKEN_MAX {
                    self.gone.store(true, Ordering::Relaxed);
                }
                thread::sleep(RECONNECT_WAIT);
                Outcome::Unknown
            }
        }
    }

    fn gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// Prints a line now and then.
    fn tell(&self) {
        let mut before = self.load.record.totals();
        let mut told = Instant::now();
        while Instant::now() < self.ends && !self.gone() {
            thread::sleep(Duration::from_millis(200));
            if told.elapsed() < PROGRESS {
                continue;
            }
            let now = self.load.record.totals();
            let part = now.since(&before);
            let rows = self.load.arguments.shape().rows() as f64 / told.elapsed().as_secs_f64();
            let rss = self.load.watch.samples().last().copied();
            say(&format!(
                "{:>6.0} s  {:>9.0} rows/s acknowledged  {:>9.0} refused  p99 {:>5.0} ms  RSS {:>5.0} MiB  {}{}",
                self.started.elapsed().as_secs_f64(),
                part.acknowledged as f64 * rows,
                part.refused as f64 * rows,
                part.latency_ms(0.99),
                rss.map_or(f64::NAN, |sample| sample.mib),
                memory::disk(self.load.arguments.dir.as_deref()).1,
                if now.unexpected.is_empty() {
                    ""
                } else {
                    "  NOT ALL WELL"
                },
            ));
            (before, told) = (now, Instant::now());
        }
    }
}
