//! The queries in progress: who wants to can see them, and end them by their number.
//!
//! 1. [`Registry::enter`] gives a query a number and lists it, before it is planned;
//! 2. [`Entry::plan`] ends its planning and [`Entry::watch`] its stream when it is killed or has taken too long;
//! 3. it leaves the list when its [`Entry`] is dropped: at its end, on an error, and when its client
//!    goes away;
//! 4. what it has taken is kept for a while beside the list, of the last [`FINISHED_MAX`] queries.
//!
//! The list is as long as there are requests in progress, and holds at most [`TEXT_BYTES_MAX`] bytes of the
//! text of each.

use crate::error::stopped;
use crate::statistics::Phase;
use crate::{QueryError, QueryOutput, QueryProgress, QueryStatistics};
use datafusion::common::DataFusionError;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt as _;
use futures::stream;
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use watershed_model::{Clock, DatabaseName, Timestamp};

/// The most bytes of a query's text that are kept.
const TEXT_BYTES_MAX: usize = 4096;

/// Queries that have ended and are still known.
const FINISHED_MAX: usize = 1000;

/// How long they are known.
const FINISHED_NANOS_MAX: i64 = 24 * 3_600 * 1_000_000_000;

/// How a query was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryType {
    /// SQL, as such.
    Sql,
    /// SQL over Flight SQL.
    FlightSql,
    /// InfluxQL.
    InfluxQl,
}

impl QueryType {
    /// The word of `system.queries`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sql => "sql",
            Self::FlightSql => "flightsql",
            Self::InfluxQl => "influxql",
        }
    }
}

/// A query in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningQuery {
    /// Its number. Later queries have higher ones; a start of the server begins at 1 again.
    pub id: u64,
    /// The database it reads.
    pub database: DatabaseName,
    /// Its text. A long one is cut and ends in `...`; an InfluxQL statement is as it is printed.
    pub text: Arc<str>,
    /// How it was asked.
    pub query_type: QueryType,
    /// When it came.
    pub started: Timestamp,
    /// Whether it was killed. It may take a moment to end.
    pub killed: bool,
}

/// A query in progress or ended, and what it has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryRecord {
    /// Which it is.
    pub query: RunningQuery,
    /// What it has taken.
    pub statistics: QueryStatistics,
}

/// The engine has ended the query itself. The texts for clients are those of [`QueryError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stopped {
    #[error("query killed")]
    Killed,
    #[error("the query has taken {seconds} s")]
    Timeout { seconds: u64 },
    #[error("the query has waited {seconds} s")]
    QueueTimeout { seconds: u64 },
}

impl Stopped {
    /// How the query has ended then.
    pub(crate) const fn phase(self) -> Phase {
        match self {
            Self::Killed => Phase::Cancel,
            Self::Timeout { .. } | Self::QueueTimeout { .. } => Phase::Fail,
        }
    }
}

impl From<Stopped> for DataFusionError {
    fn from(stopped: Stopped) -> Self {
        Self::External(Box::new(stopped))
    }
}

/// The list.
#[derive(Debug, Clone)]
pub(crate) struct Registry {
    clock: Arc<dyn Clock>,
    /// How long a query may take.
    timeout: Option<Duration>,
    list: Arc<Mutex<List>>,
}

#[derive(Debug, Default)]
struct List {
    last_id: u64,
    queries: BTreeMap<u64, Listed>,
    /// Those that have ended, the last one last, with the time of their end.
    finished: VecDeque<(Timestamp, QueryRecord)>,
}

#[derive(Debug)]
struct Listed {
    query: RunningQuery,
    progress: QueryProgress,
    kill: watch::Sender<bool>,
}

impl Listed {
    fn record(&self) -> QueryRecord {
        QueryRecord {
            query: self.query.clone(),
            statistics: self.progress.statistics(),
        }
    }
}

impl List {
    /// Forgets what ended too long ago.
    fn forget(&mut self, now: Timestamp) {
        let oldest = now.nanos().saturating_sub(FINISHED_NANOS_MAX);
        while let Some((ended, _)) = self.finished.front()
            && (ended.nanos() < oldest || self.finished.len() > FINISHED_MAX)
        {
            self.finished.pop_front();
        }
    }
}

impl Registry {
    pub(crate) fn new(clock: Arc<dyn Clock>, timeout: Option<Duration>) -> Self {
        Self {
            clock,
            timeout,
            list: Arc::default(),
        }
    }

    /// Lists a query until the entry is dropped.
    pub(crate) fn enter(
        &self,
        database: &DatabaseName,
        text: &impl fmt::Display,
        query_type: QueryType,
    ) -> Entry {
        let text = cut(text);
        let started = self.clock.now();
        let (kill, killed) = watch::channel(false);
        let progress = QueryProgress::received();
        let mut list = self.list.lock();
        list.last_id += 1;
        let id = list.last_id;
        let query = RunningQuery {
            id,
            database: database.clone(),
            text,
            query_type,
            started,
            killed: false,
        };
        let listed = Listed {
            query,
            progress: progress.clone(),
            kill,
        };
        list.queries.insert(id, listed);
        Entry {
            id,
            registry: self.clone(),
            stop: StopSignal {
                killed,
                deadline: self.timeout.map(Deadline::after),
            },
            progress,
            kept: true,
        }
    }

    /// The queries in progress, oldest first.
    pub(crate) fn in_progress(&self) -> Vec<QueryRecord> {
        let list = self.list.lock();
        // One that was killed is over, even if its reader does not know yet.
        let running = list.queries.values().filter(|l| l.progress.is_running());
        running.map(Listed::record).collect()
    }

    /// The queries of a database, or of all: those in progress and those that have ended not long ago, in the
    /// order in which they came.
    pub(crate) fn records(&self, database: Option<&DatabaseName>) -> Vec<QueryRecord> {
        let now = self.clock.now();
        let mut list = self.list.lock();
        list.forget(now);
        let wanted = |query: &RunningQuery| database.is_none_or(|name| query.database == *name);
        let finished = list.finished.iter().map(|(_, record)| record);
        let finished = finished.filter(|record| wanted(&record.query)).cloned();
        let mut records: Vec<QueryRecord> = finished.collect();
        let running = list.queries.values().filter(|l| wanted(&l.query));
        records.extend(running.map(Listed::record));
        drop(list);
        records.sort_by_key(|record| record.query.id);
        records
    }

    /// Ends a query. False when there is none of that number.
    pub(crate) fn kill(&self, id: u64) -> bool {
        let mut list = self.list.lock();
        let Some(listed) = list.queries.get_mut(&id) else {
            return false;
        };
        if !listed.progress.is_running() {
            return false;
        }
        listed.query.killed = true;
        listed.kill.send_replace(true);
        true
    }
}

/// The beginning of a text.
fn cut(text: &impl fmt::Display) -> Arc<str> {
    let mut beginning = Beginning(String::new());
    // The one error there is says that there was more text than is wanted.
    if write!(beginning, "{text}").is_err() {
        beginning.0.push_str("...");
    }
    beginning.0.into()
}

struct Beginning(String);

impl fmt::Write for Beginning {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = TEXT_BYTES_MAX - self.0.len();
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        self.0.push_str(&text[..text.floor_char_boundary(room)]);
        Err(fmt::Error)
    }
}

/// Tells that a query has to end.
#[derive(Debug, Clone)]
pub(crate) struct StopSignal {
    killed: watch::Receiver<bool>,
    deadline: Option<Deadline>,
}

#[derive(Debug, Clone, Copy)]
struct Deadline {
    at: Instant,
    seconds: u64,
}

impl Deadline {
    fn after(timeout: Duration) -> Self {
        Self {
            at: Instant::now() + timeout,
            seconds: timeout.as_secs(),
        }
    }

    const fn stopped(self) -> Stopped {
        Stopped::Timeout {
            seconds: self.seconds,
        }
    }
}

impl StopSignal {
    /// Resolves when the query is killed or its time is over, and never otherwise.
    pub(crate) async fn wait(&mut self) -> Stopped {
        let killed = async {
            if self.killed.wait_for(|killed| *killed).await.is_err() {
                // The query has ended in another way.
                std::future::pending::<()>().await;
            }
            Stopped::Killed
        };
        let Some(deadline) = self.deadline else {
            return killed.await;
        };
        tokio::select! {
            biased;
            stopped = killed => stopped,
            () = tokio::time::sleep_until(deadline.at) => deadline.stopped(),
        }
    }

    /// Asks whether anybody still wants the plan. Costs one load of an atomic.
    ///
    /// # Errors
    /// The query was killed, or it has left the list: its time is over, or whoever asked is gone. Who is still there to
    /// hear of it is told by [`Entry::plan`], whatever this error says.
    pub(crate) fn check(&self) -> Result<(), DataFusionError> {
        match self.killed.has_changed() {
            Ok(false) => Ok(()),
            Ok(true) | Err(_) => Err(Stopped::Killed.into()),
        }
    }

    fn now(&self) -> Option<Stopped> {
        if *self.killed.borrow() {
            return Some(Stopped::Killed);
        }
        let deadline = self.deadline?;
        (deadline.at <= Instant::now()).then(|| deadline.stopped())
    }
}

/// The place of a query in the list.
#[derive(Debug)]
pub(crate) struct Entry {
    id: u64,
    registry: Registry,
    stop: StopSignal,
    progress: QueryProgress,
    /// Whether it is still known when it has ended.
    kept: bool,
}

impl Drop for Entry {
    fn drop(&mut self) {
        // Whatever has not ended in another way has lost its reader.
        self.progress.end(Phase::Cancel);
        let now = self.registry.clock.now();
        let mut list = self.registry.list.lock();
        if let Some(listed) = list.queries.remove(&self.id)
            && self.kept
        {
            let record = QueryRecord {
                query: listed.query,
                statistics: listed.progress.statistics(),
            };
            list.finished.push_back((now, record));
            list.forget(now);
        }
    }
}

/// A query for those who do the work on other threads.
#[derive(Debug, Clone)]
pub(crate) struct InProgress {
    pub(crate) stop: StopSignal,
    pub(crate) progress: QueryProgress,
}

impl Entry {
    /// For those who do the work on other threads.
    pub(crate) fn in_progress(&self) -> InProgress {
        InProgress {
            stop: self.stop.clone(),
            progress: self.progress.clone(),
        }
    }

    /// Waits for `planned`, but no longer than the query lives, and keeps the query in the list until its
    /// stream ends.
    pub(crate) async fn plan(
        mut self,
        planned: impl Future<Output = Result<QueryOutput, QueryError>>,
    ) -> Result<QueryOutput, QueryError> {
        let output = self.in_time(planned).await?;
        Ok(self.watch(output))
    }

    /// Waits for what is said about a query that is not run, but no longer than it lives. If all goes well nothing is
    /// kept of it: the query itself may come and be kept.
    pub(crate) async fn describe<T>(
        mut self,
        described: impl Future<Output = Result<T, QueryError>>,
    ) -> Result<T, QueryError> {
        let described = self.in_time(described).await?;
        self.kept = false;
        Ok(described)
    }

    async fn in_time<T>(
        &mut self,
        work: impl Future<Output = Result<T, QueryError>>,
    ) -> Result<T, QueryError> {
        tokio::select! {
            // First, because planning fails too when the query is killed, and knows less about it.
            biased;
            stopped = self.stop.wait() => {
                self.progress.end(stopped.phase());
                Err(QueryError::execution(stopped.into()))
            }
            result = work => result.inspect_err(|_| self.progress.end(Phase::Fail)),
        }
    }

    /// The same rows; a kill is their last item.
    fn watch(self, output: QueryOutput) -> QueryOutput {
        let QueryOutput {
            schema,
            stream,
            progress,
            executor,
        } = output;
        let rows = stream::unfold(Some((stream, self)), |state| async move {
            let (mut rows, mut entry) = state?;
            let item = tokio::select! {
                biased;
                stopped = entry.stop.wait() => Some(Err(stopped.into())),
                batch = rows.next() => match batch {
                    // Whoever computes the rows may have seen the signal first. These are not all of them.
                    None => entry.stop.now().map(|stopped| Err(stopped.into())),
                    some => some,
                },
            };
            match item {
                Some(Ok(batch)) => {
                    entry.progress.gave(&batch);
                    Some((Ok(batch), Some((rows, entry))))
                }
                Some(Err(error)) => {
                    let phase = stopped(&error).map_or(Phase::Fail, Stopped::phase);
                    entry.progress.end(phase);
                    Some((Err(error), None))
                }
                None => {
                    entry.progress.end(Phase::Success);
                    None
                }
            }
        });
        let stream = Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&schema), rows));
        QueryOutput {
            schema,
            stream,
            progress,
            executor,
        }
    }
}

#[cfg(test)]
mod tests;
