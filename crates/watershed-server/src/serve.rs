//! One port for HTTP/1.1, HTTP/2 and gRPC.

use crate::auth::Authenticator;
use crate::cors;
use crate::flight;
use crate::http::{self, Admission, BodyBuffers, HttpSettings, HttpState, Pressure};
use crate::metrics::Metrics;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use watershed_catalog::Catalog;
use watershed_model::Clock;
use watershed_query::QueryEngine;

/// How long connections may take to finish what they are doing after the stop signal.
const GRACE: Duration = Duration::from_secs(30);

/// How long a peer may take to answer a ping over HTTP/2.
const PING_TIME: Duration = Duration::from_secs(60);

/// The most that a connection over HTTP/1 reads ahead of whoever handles its request; also the longest head.
/// Nobody accounts for it, so it is small: all connections together may take 1 GiB.
const READ_AHEAD_BYTES_MAX: usize = 128 << 10;

/// Memory of bodies that was not used for so long is given up.
const BODIES_IDLE: Duration = Duration::from_secs(10);

/// Connections open at one time; more wait in the operating system's queue.
const CONNECTIONS_MAX: usize = 8192;

/// What a server is put together from.
#[derive(Debug)]
pub struct Parts {
    /// Limits and the version.
    pub settings: HttpSettings,
    /// Who may do what.
    pub authenticator: Authenticator,
    /// Databases and tokens.
    pub catalog: Arc<dyn Catalog>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Takes writes.
    pub router: Arc<watershed_router::Router>,
    /// Tells whether writes can be taken.
    pub pressure: Arc<dyn Pressure>,
    /// Answers queries.
    pub query: QueryEngine,
    /// Counts.
    pub metrics: Metrics,
}

/// The server: routes and the switch that stops them.
#[derive(Debug)]
pub struct Server {
    routes: axum::Router,
    silence_max: Duration,
    stopping: Arc<AtomicBool>,
    body_buffers: BodyBuffers,
}

impl Server {
    /// Puts the routes together.
    pub fn new(parts: Parts) -> Self {
        let stopping = Arc::new(AtomicBool::new(false));
        let admission = Arc::new(Admission::new(
            parts.settings.writes_max,
            parts.settings.in_flight_bytes_max,
            Arc::clone(&stopping),
            parts.pressure,
            parts.metrics.clone(),
        ));
        let silence_max = parts.settings.silence_max;
        let body_buffers = BodyBuffers::default();
        let state = HttpState {
            settings: Arc::new(parts.settings),
            authenticator: parts.authenticator,
            started: parts.clock.now(),
            catalog: parts.catalog,
            clock: parts.clock,
            router: parts.router,
            query: parts.query,
            metrics: parts.metrics,
            stopping: Arc::clone(&stopping),
            admission,
            body_buffers: body_buffers.clone(),
        };
        let cors = cors::layer(&state.settings.cors_origins);
        let mut routes = flight::routes(state.clone()).merge(http::routes(state));
        if let Some(cors) = cors {
            routes = routes.layer(cors);
        }
        Self {
            routes,
            silence_max,
            stopping,
            body_buffers,
        }
    }

    /// Serves connections until `stop` resolves; then refuses new work, lets what is in progress finish
    /// (30 seconds at most), and returns.
    ///
    /// # Errors
    /// When the listener breaks. Failures of one connection are logged and harm no other.
    pub async fn serve(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let graceful = GracefulShutdown::new();
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut idle = tokio::time::interval(BODIES_IDLE);
        tokio::pin!(stop);
        loop {
            let place = tokio::select! {
                () = &mut stop => break,
                place = Arc::clone(&places).acquire_owned() => place.map_err(io::Error::other)?,
            };
            let accepted = tokio::select! {
                () = &mut stop => break,
                _ = idle.tick() => {
                    self.body_buffers.age();
                    continue;
                }
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => self.connection(stream, &graceful, place),
                Err(error) if is_of_the_connection(&error) => {}
                Err(error) => {
                    // Out of file descriptors, most likely: let some connections end first.
                    tracing::error!(%error, "accepting a connection failed");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        self.stopping.store(true, Ordering::Release);
        drop(listener);
        if tokio::time::timeout(GRACE, graceful.shutdown())
            .await
            .is_err()
        {
            tracing::warn!("some connections did not end in time and are cut");
        }
        Ok(())
    }

    fn connection(
        &self,
        stream: TcpStream,
        graceful: &GracefulShutdown,
        place: tokio::sync::OwnedSemaphorePermit,
    ) {
        // Answers are small and whole: waiting to fill a packet would only delay them.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(self.routes.clone());
        let mut builder = auto::Builder::new(TokioExecutor::new());
        // Peers that fell silent, through loss of power or on purpose, must not hold places for ever.
        builder
            .http1()
            .timer(TokioTimer::new())
            .max_buf_size(READ_AHEAD_BYTES_MAX)
            // Idle connections count too: clients that keep them for a minute find them open.
            .header_read_timeout(2 * self.silence_max);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_TIME);
        // Large result batches need large windows to keep a fast reader busy.
        builder
            .http2()
            .adaptive_window(true)
            .max_concurrent_streams(1024);
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        let connection = graceful.watch(connection.into_owned());
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }
}

/// Whether an error of `accept` concerns the one connection that was about to be accepted.
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}
