//! A run: data, questions, verdicts, and what is left of them.

mod report;

use crate::answer::Answer;
use crate::comparable::is_comparable;
use crate::data::DataSet;
use crate::dice::Dice;
use crate::generate::Query;
use crate::known::{Known, Verdict};
use crate::server::Server;
use crate::shrink;
use report::Finding;
pub use report::Report;
use std::time::{Duration, Instant};

/// What a run is made of.
#[derive(Debug)]
pub struct Settings {
    /// The server under test.
    pub ours: Server,
    /// The server whose answers are right, unless a known difference says otherwise.
    pub reference: Server,
    /// The most questions.
    pub queries: u64,
    /// Stop asking after this time.
    pub time_max: Option<Duration>,
    /// Determines everything that is drawn, together with `now`.
    pub seed: u64,
    /// How many data sets the questions are spread over.
    pub data_sets: u64,
    /// The end of recent data, in nanoseconds since the epoch.
    pub now: i64,
    /// How many different findings are made small and shown; the rest are counted.
    pub findings_max: usize,
}

/// The first stream of chance for queries; data sets have those below.
const QUERY_STREAMS: u64 = 1 << 32;

/// How many simpler queries may be tried.
const SHRINK_ATTEMPTS_MAX: usize = 150;

/// How many times fewer points may be tried, each time in databases of their own.
const SHRINK_WRITES_MAX: usize = 40;

/// How long a run is silent.
const PROGRESS_EVERY: Duration = Duration::from_secs(60);

/// Asks all questions and gathers what came of them. `say` is given a line of progress now and then.
///
/// # Errors
/// If a server does not answer, or refuses the data: nothing can be said then.
pub async fn run(
    settings: &Settings,
    known: &Known,
    say: &mut impl FnMut(&str),
) -> anyhow::Result<Report> {
    let started = Instant::now();
    let mut said = started;
    let mut report = Report::new(known.names());
    let per_set = settings.queries.div_ceil(settings.data_sets.max(1));
    for index in 0..settings.data_sets {
        let set = DataSet::generate(settings.seed, index, settings.now);
        let mut pair = Pair::write(settings, &format!("{index}"), &set).await?;
        let mut dice = Dice::new(settings.seed, QUERY_STREAMS + index);
        for _ in 0..per_set {
            let over = settings.time_max.is_some_and(|max| started.elapsed() > max);
            if over || report.queries >= settings.queries {
                break;
            }
            let query = Query::generate(&mut dice, &set);
            let verdict = pair.ask(&query, &set, known).await?;
            report.count(&verdict);
            if let Verdict::Unknown(difference) = verdict {
                let finding = Finding {
                    data_set: index,
                    difference,
                    original: query.text(),
                    query,
                    lines: String::new(),
                    ours: String::new(),
                    reference: String::new(),
                };
                if report.findings.len() < settings.findings_max {
                    let finding = shrink_finding(settings, known, &mut pair, &set, finding).await?;
                    if report.add(finding)
                        && let Some(finding) = report.findings.last()
                    {
                        say(&finding.to_string());
                    }
                }
            }
            if said.elapsed() > PROGRESS_EVERY {
                said = Instant::now();
                say(&report.progress());
            }
        }
        pair.drop_databases().await;
    }
    Ok(report)
}

/// The two servers with the same data.
struct Pair<'a> {
    settings: &'a Settings,
    database: String,
    /// The answers of the last question.
    answers: Option<(Answer, Answer)>,
}

impl<'a> Pair<'a> {
    async fn write(settings: &'a Settings, part: &str, set: &DataSet) -> anyhow::Result<Self> {
        let stamp = settings.now / 1_000_000_000;
        let database = format!("differential_{stamp}_{}_{part}", settings.seed);
        let lines = set.lines()?;
        for server in [&settings.ours, &settings.reference] {
            server.create_database(&database).await?;
            if !lines.is_empty() {
                server.write(&database, lines.clone()).await?;
            }
        }
        Ok(Self {
            settings,
            database,
            answers: None,
        })
    }

    async fn ask(
        &mut self,
        query: &Query,
        set: &DataSet,
        known: &Known,
    ) -> anyhow::Result<Verdict> {
        let mut verdict = self.ask_once(query, set, known).await?;
        // The clocks of the servers differ a little, and `now()` with them: what is gone when asked again is
        // no difference.
        if matches!(verdict, Verdict::Unknown(_)) {
            verdict = self.ask_once(query, set, known).await?;
        }
        Ok(verdict)
    }

    async fn ask_once(
        &mut self,
        query: &Query,
        set: &DataSet,
        known: &Known,
    ) -> anyhow::Result<Verdict> {
        let (ours, reference) = tokio::try_join!(
            self.settings.ours.query(&self.database, query),
            self.settings.reference.query(&self.database, query),
        )?;
        let verdict = known.judge(query, set, &ours, &reference);
        self.answers = Some((ours, reference));
        Ok(verdict)
    }

    async fn drop_databases(&self) {
        self.settings.ours.drop_database(&self.database).await;
        self.settings.reference.drop_database(&self.database).await;
    }
}

/// Makes query and data of a finding small, as long as there is any undeclared difference.
async fn shrink_finding(
    settings: &Settings,
    known: &Known,
    pair: &mut Pair<'_>,
    set: &DataSet,
    mut finding: Finding,
) -> anyhow::Result<Finding> {
    shrink_query(known, pair, set, &mut finding).await?;
    let mut set = set.clone();
    let mut writes = 0;
    'smaller: loop {
        for points in shrink::parts(&set.points, 64) {
            if writes == SHRINK_WRITES_MAX {
                break 'smaller;
            }
            let fewer = set.with_points(points);
            if !is_comparable(&finding.query, &fewer) {
                continue;
            }
            writes += 1;
            let part = format!("{}_{}_{writes}", finding.data_set, finding.number());
            let mut smaller = Pair::write(settings, &part, &fewer).await?;
            let verdict = smaller.ask(&finding.query, &fewer, known).await;
            smaller.drop_databases().await;
            if let Verdict::Unknown(difference) = verdict? {
                finding.difference = difference;
                set = fewer;
                continue 'smaller;
            }
        }
        break;
    }
    finding.lines = set.lines()?;
    let mut last = Pair::write(
        settings,
        &format!("{}_{}_last", finding.data_set, finding.number()),
        &set,
    )
    .await?;
    if let Verdict::Unknown(difference) = last.ask(&finding.query, &set, known).await? {
        finding.difference = difference;
    }
    last.drop_databases().await;
    if let Some((ours, reference)) = last.answers {
        finding.ours = ours.to_string();
        finding.reference = reference.to_string();
    }
    Ok(finding)
}

async fn shrink_query(
    known: &Known,
    pair: &mut Pair<'_>,
    set: &DataSet,
    finding: &mut Finding,
) -> anyhow::Result<()> {
    let mut attempts = 0;
    'simpler: loop {
        let mut candidates: Vec<Query> = shrink::simpler(&finding.query.statement)
            .into_iter()
            .map(|statement| Query {
                statement,
                epoch: finding.query.epoch,
            })
            .collect();
        if finding.query.epoch.is_some() {
            candidates.insert(
                0,
                Query {
                    epoch: None,
                    ..finding.query.clone()
                },
            );
        }
        for candidate in candidates {
            if !is_comparable(&candidate, set) {
                continue;
            }
            if attempts == SHRINK_ATTEMPTS_MAX {
                return Ok(());
            }
            attempts += 1;
            if let Verdict::Unknown(difference) = pair.ask(&candidate, set, known).await? {
                finding.query = candidate;
                finding.difference = difference;
                continue 'simpler;
            }
        }
        return Ok(());
    }
}
