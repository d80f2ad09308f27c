//! What the server counts.

use http::StatusCode;
use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, EncodeLabelValue, EncodeMetric, LabelValueEncoder, text,
};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Weak};
use watershed_ingester::{Shares, encode_by_database};

/// The class of a status, a closed set.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusClass {
    status: &'static str,
}

/// Why a write was answered 503, a closed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Too many writes at one time.
    Writes,
    /// The bodies in progress take too much memory.
    Bytes,
    /// The buffer of the ingester is full.
    Buffer,
    /// The log is full.
    Log,
    /// The disk is nearly full.
    Disk,
    /// The server is going down.
    Stopping,
    /// Refused after it had been let in: limits were met, or the disk was full, while it was under way.
    Late,
}

impl Reason {
    /// Every one there is.
    pub(crate) const ALL: [Self; 7] = [
        Self::Writes,
        Self::Bytes,
        Self::Buffer,
        Self::Log,
        Self::Disk,
        Self::Stopping,
        Self::Late,
    ];
}

impl EncodeLabelValue for Reason {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        encoder.write_str(match self {
            Self::Writes => "writes",
            Self::Bytes => "bytes",
            Self::Buffer => "buffer",
            Self::Log => "log",
            Self::Disk => "disk",
            Self::Stopping => "stopping",
            Self::Late => "late",
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refused {
    reason: Reason,
}

/// Counters of the HTTP side, and the registry that `/metrics` prints.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    responses: Family<StatusClass, Counter>,
    refused: Family<Refused, Counter>,
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
        let (responses, refused) = (Family::default(), Family::default());
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
                "watershed_server_writes_refused",
                "Writes answered 503, by what was lacking",
                refused.clone(),
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
            to.register_collector(Box::new(Process));
        }
        Self {
            registry,
            responses,
            refused,
            write_bytes,
            write_rows,
            queries,
        }
    }

    /// From now on shows what writes in progress hold.
    pub(crate) fn watch_writes(&self, writes: &Arc<Shares>, bytes: &Arc<Shares>) {
        let in_flight = InFlight {
            writes: Arc::downgrade(writes),
            bytes: Arc::downgrade(bytes),
        };
        self.registry.lock().register_collector(Box::new(in_flight));
    }

    pub(crate) fn count_refusal(&self, reason: Reason) {
        self.refused.get_or_create(&Refused { reason }).inc();
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

    /// Answers so far of a class: `2xx`, `3xx`, `4xx`, `5xx`.
    pub(crate) fn responses(&self, status: &'static str) -> u64 {
        self.responses.get_or_create(&StatusClass { status }).get()
    }

    /// Writes refused so far for a reason.
    pub(crate) fn refusals(&self, reason: Reason) -> u64 {
        self.refused.get_or_create(&Refused { reason }).get()
    }

    pub(crate) fn encode(&self) -> Result<String, fmt::Error> {
        let mut out = String::new();
        text::encode(&mut out, &self.registry.lock())?;
        Ok(out)
    }
}

fn encode_gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: u64,
) -> Result<(), fmt::Error> {
    let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
    gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
}

/// What writes in progress hold, read when somebody asks.
#[derive(Debug)]
struct InFlight {
    writes: Weak<Shares>,
    bytes: Weak<Shares>,
}

impl Collector for InFlight {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let (Some(writes), Some(bytes)) = (self.writes.upgrade(), self.bytes.upgrade()) else {
            return Ok(());
        };
        encode_gauge(
            &mut encoder,
            "watershed_server_writes_in_flight",
            "Writes in progress",
            writes.total(),
        )?;
        encode_gauge(
            &mut encoder,
            "watershed_server_in_flight_bytes",
            "Memory set aside for writes in progress",
            bytes.total(),
        )?;
        encode_by_database(
            &mut encoder,
            "watershed_server_in_flight_database_bytes",
            "Memory set aside for writes in progress, of the databases that hold most",
            bytes.by_database(),
        )
    }
}

/// What the operating system says about the process.
#[derive(Debug)]
struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(bytes) = resident_bytes() else {
            return Ok(());
        };
        let help = "Memory of the process that is in use, as the system counts it";
        encode_gauge(&mut encoder, "process_resident_memory_bytes", help, bytes)
    }
}

/// `None` where there is no such file, and where it has changed its looks.
pub(crate) fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
