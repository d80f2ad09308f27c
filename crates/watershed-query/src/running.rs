//! The queries in progress: who wants to can see them, and end them by their number.
//!
//! 1. [`Registry::enter`] gives a query a number and lists it, before it is planned;
//! 2. [`Entry::plan`] ends its planning and [`Entry::watch`] its stream when it is killed;
//! 3. the list forgets it when its [`Entry`] is dropped: at its end, on an error, and when its client
//!    goes away.
//!
//! The list is as long as there are requests in progress, and holds at most [`TEXT_BYTES_MAX`] bytes of the
//! text of each.

use crate::{QueryError, QueryOutput};
use datafusion::common::DataFusionError;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt as _;
use futures::stream;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;
use tokio::sync::watch;
use watershed_model::{Clock, DatabaseName, Timestamp};

/// The most bytes of a query's text that are kept.
const TEXT_BYTES_MAX: usize = 4096;

/// A query in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningQuery {
    /// Its number. Later queries have higher ones; a start of the server begins at 1 again.
    pub id: u64,
    /// The database it reads.
    pub database: DatabaseName,
    /// Its text. A long one is cut and ends in `...`; an InfluxQL statement is as it is printed.
    pub text: Arc<str>,
    /// When it came.
    pub started: Timestamp,
    /// Whether it was killed. It is listed until its reader has been told so, or is gone.
    pub killed: bool,
}

/// Somebody has killed the query.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("query killed")]
pub(crate) struct Killed;

/// The list.
#[derive(Debug, Clone)]
pub(crate) struct Registry {
    clock: Arc<dyn Clock>,
    list: Arc<Mutex<List>>,
}

#[derive(Debug, Default)]
struct List {
    last_id: u64,
    queries: BTreeMap<u64, Listed>,
}

#[derive(Debug)]
struct Listed {
    query: RunningQuery,
    kill: watch::Sender<bool>,
}

impl Registry {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            list: Arc::default(),
        }
    }

    /// Lists a query until the entry is dropped.
    pub(crate) fn enter(&self, database: &DatabaseName, text: &impl fmt::Display) -> Entry {
        let text = cut(text);
        let started = self.clock.now();
        let (kill, killed) = watch::channel(false);
        let mut list = self.list.lock();
        list.last_id += 1;
        let id = list.last_id;
        let query = RunningQuery {
            id,
            database: database.clone(),
            text,
            started,
            killed: false,
        };
        list.queries.insert(id, Listed { query, kill });
        Entry {
            id,
            list: Arc::clone(&self.list),
            killed: KillSignal(killed),
        }
    }

    /// The queries in progress, oldest first.
    pub(crate) fn queries(&self) -> Vec<RunningQuery> {
        let list = self.list.lock();
        list.queries.values().map(|l| l.query.clone()).collect()
    }

    /// Ends a query. False when there is none of that number.
    pub(crate) fn kill(&self, id: u64) -> bool {
        let mut list = self.list.lock();
        let Some(listed) = list.queries.get_mut(&id) else {
            return false;
        };
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

/// Tells that a query was killed.
#[derive(Debug, Clone)]
pub(crate) struct KillSignal(watch::Receiver<bool>);

impl KillSignal {
    /// Resolves when the query is killed, and never otherwise.
    pub(crate) async fn wait(&mut self) {
        if self.0.wait_for(|killed| *killed).await.is_err() {
            // The query has ended in another way.
            std::future::pending::<()>().await;
        }
    }

    fn is_set(&self) -> bool {
        *self.0.borrow()
    }
}

/// The place of a query in the list.
#[derive(Debug)]
pub(crate) struct Entry {
    id: u64,
    list: Arc<Mutex<List>>,
    killed: KillSignal,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.list.lock().queries.remove(&self.id);
    }
}

impl Entry {
    /// For those who do the work on other threads.
    pub(crate) fn signal(&self) -> KillSignal {
        self.killed.clone()
    }

    /// Waits for `planned`, but no longer than the query lives, and keeps the query in the list until its
    /// stream ends.
    pub(crate) async fn plan(
        mut self,
        planned: impl Future<Output = Result<QueryOutput, QueryError>>,
    ) -> Result<QueryOutput, QueryError> {
        tokio::select! {
            () = self.killed.wait() => Err(QueryError::Killed),
            output = planned => output.map(|output| self.watch(output)),
        }
    }

    /// The same rows; a kill is their last item.
    fn watch(self, output: QueryOutput) -> QueryOutput {
        let QueryOutput { schema, stream } = output;
        let rows = stream::unfold(Some((stream, self)), |state| async move {
            let (mut rows, mut entry) = state?;
            tokio::select! {
                biased;
                () = entry.killed.wait() => Some((Err(killed()), None)),
                batch = rows.next() => match batch {
                    Some(batch) => Some((batch, Some((rows, entry)))),
                    // Whoever computes the rows may have seen the signal first. These are not all of them.
                    None if entry.killed.is_set() => Some((Err(killed()), None)),
                    None => None,
                },
            }
        });
        let stream = Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&schema), rows));
        QueryOutput { schema, stream }
    }
}

fn killed() -> DataFusionError {
    DataFusionError::External(Box::new(Killed))
}

#[cfg(test)]
mod tests;
