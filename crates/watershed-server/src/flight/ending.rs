//! What ends a call from outside: the deadline its client has set, and a request to cancel it.

use super::metadata;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;
use tonic::metadata::MetadataMap;
use uuid::Uuid;

/// The key that says how long a client waits.
const TIMEOUT_KEY: &str = "grpc-timeout";

/// The most digits of a time-out (gRPC over HTTP/2, "Timeout").
const TIMEOUT_DIGITS_MAX: usize = 8;

/// When a call has to end.
#[derive(Debug, Default)]
pub(super) struct Ending {
    deadline: Option<(Instant, Duration)>,
    entry: Option<Entry>,
}

impl Ending {
    /// The deadline that the client has set, counted from now.
    ///
    /// # Errors
    /// `InvalidArgument` for a time-out that is none.
    pub(super) fn of(metadata: &MetadataMap) -> Result<Self, Status> {
        let timeout = metadata::text(metadata, TIMEOUT_KEY)?;
        let timeout = timeout.map(timeout_of).transpose()?;
        // A deadline beyond all times is none.
        let deadline = timeout.and_then(|t| Some((Instant::now().checked_add(t)?, t)));
        Ok(Self {
            deadline,
            entry: None,
        })
    }

    /// The same, and whenever somebody cancels the query of that ticket.
    pub(super) fn or_cancelled(self, entry: Option<Entry>) -> Self {
        Self { entry, ..self }
    }

    /// Resolves when the call has to end, with what it answers then.
    async fn reached(&self) -> Status {
        let deadline = async {
            match self.deadline {
                Some((at, _)) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let cancelled = async {
            match &self.entry {
                Some(entry) => entry.token.cancelled().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = deadline => {
                let timeout = self.deadline.map(|(_, timeout)| timeout).unwrap_or_default();
                Status::deadline_exceeded(format!("Deadline exceeded: the client waits {timeout:?}; the query was cancelled"))
            }
            () = cancelled => Status::cancelled("Query cancelled by its client"),
        }
    }

    /// Does the work, but no longer than the call may take.
    pub(super) async fn run<T>(
        &self,
        work: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, Status> {
        tokio::select! {
            status = self.reached() => Err(status),
            result = work => result,
        }
    }

    /// The same items, but no longer than the call may take: then the stream is dropped, whether its client reads or
    /// not, and the status is the last item. One item is read ahead.
    pub(super) fn cut<T: Send + 'static>(
        self,
        items: BoxStream<'static, Result<T, Status>>,
    ) -> BoxStream<'static, Result<T, Status>> {
        if self.deadline.is_none() && self.entry.is_none() {
            return items;
        }
        // In a task of its own, because a stream is not polled while its client reads nothing.
        let (send, receive) = mpsc::channel(1);
        let task = AbortOnDropHandle::new(tokio::spawn(self.pass(items, send)));
        stream::unfold(Some((receive, task)), |state| async move {
            let (mut receive, task) = state?;
            if let Some(item) = receive.recv().await {
                return Some((item, Some((receive, task))));
            }
            // A task that has failed has not passed all items.
            let failed = task.await.err()?;
            Some((Err(Status::internal(failed.to_string())), None))
        })
        .boxed()
    }

    async fn pass<T>(
        self,
        items: BoxStream<'static, Result<T, Status>>,
        send: mpsc::Sender<Result<T, Status>>,
    ) {
        let passed = async {
            let mut items = items;
            while let Some(item) = items.next().await {
                if send.send(item).await.is_err() {
                    break;
                }
            }
        };
        let status = tokio::select! {
            biased;
            status = self.reached() => status,
            () = passed => return,
        };
        // A reader that is gone needs no status.
        let _ = send.send(Err(status)).await;
    }
}

/// A number and its unit, as gRPC writes time-outs.
fn timeout_of(text: &str) -> Result<Duration, Status> {
    let invalid = || {
        Status::invalid_argument(format!(
            "Invalid grpc-timeout: '{text}'. Expected up to {TIMEOUT_DIGITS_MAX} digits and a unit: H, M, S, m, u or n"
        ))
    };
    let (digits, unit) = text
        .split_at_checked(text.len().saturating_sub(1))
        .ok_or_else(invalid)?;
    if digits.len() > TIMEOUT_DIGITS_MAX || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(invalid());
    }
    let count: u64 = digits.parse().map_err(|_| invalid())?;
    Ok(match unit {
        "H" => Duration::from_secs(count * 3600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return Err(invalid()),
    })
}

/// The calls in progress that can be cancelled, by the number in their tickets. As many as there are calls.
#[derive(Debug, Clone, Default)]
pub(super) struct Cancellable(Arc<Mutex<HashMap<Uuid, Calls>>>);

/// All calls with one ticket end together.
#[derive(Debug, Default)]
struct Calls {
    token: CancellationToken,
    count: usize,
}

impl Cancellable {
    /// Notes a call until the entry is dropped.
    pub(super) fn enter(&self, id: Uuid) -> Entry {
        let mut calls = self.0.lock();
        let calls = calls.entry(id).or_default();
        calls.count += 1;
        Entry {
            id,
            token: calls.token.clone(),
            list: self.clone(),
        }
    }

    /// Ends the calls with that ticket. False when there are none.
    pub(super) fn cancel(&self, id: Uuid) -> bool {
        let calls = self.0.lock();
        let Some(calls) = calls.get(&id) else {
            return false;
        };
        calls.token.cancel();
        true
    }
}

/// A call that can be cancelled.
#[derive(Debug)]
pub(super) struct Entry {
    id: Uuid,
    token: CancellationToken,
    list: Cancellable,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut calls = self.list.0.lock();
        if let Some(of_ticket) = calls.get_mut(&self.id) {
            of_ticket.count -= 1;
            if of_ticket.count == 0 {
                calls.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests;
