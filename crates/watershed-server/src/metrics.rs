//! What the server counts.

use http::StatusCode;
use parking_lot::Mutex;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use std::sync::Arc;

/// The class of a status, a closed set.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusClass {
    status: &'static str,
}

/// Counters of the HTTP side, and the registry that `/metrics` prints.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    responses: Family<StatusClass, Counter>,
    /// Bytes of line protocol after decompression.
    pub(crate) write_bytes: Counter,
    /// Points acknowledged with 204.
    pub(crate) write_rows: Counter,
    /// Queries over HTTP and Flight, by arrival.
    pub(crate) queries: Counter,
}

impl Metrics {
    /// Registers the server's metrics next to those that are in `registry` already.
    pub fn new(registry: Arc<Mutex<Registry>>) -> Self {
        let responses = Family::default();
        let (write_bytes, write_rows, queries) =
            (Counter::default(), Counter::default(), Counter::default());
        {
            let mut to = registry.lock();
            to.register(
                "watershed_http_responses",
                "HTTP answers by class of status",
                responses.clone(),
            );
            to.register(
                "watershed_http_write_bytes",
                "line protocol accepted for parsing, decompressed",
                write_bytes.clone(),
            );
            to.register(
                "watershed_http_write_rows",
                "points acknowledged",
                write_rows.clone(),
            );
            to.register(
                "watershed_queries",
                "queries begun, over HTTP and Flight",
                queries.clone(),
            );
        }
        Self {
            registry,
            responses,
            write_bytes,
            write_rows,
            queries,
        }
    }

    pub(crate) fn count_response(&self, status: StatusCode) {
        let status = match status.as_u16() / 100 {
            1 | 2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            _ => "5xx",
        };
        self.responses.get_or_create(&StatusClass { status }).inc();
    }

    pub(crate) fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut out = String::new();
        text::encode(&mut out, &self.registry.lock())?;
        Ok(out)
    }
}
