//! Admission for unit tests.

use super::{Admission, Permit, Pressure, Refusal};
use crate::metrics::Metrics;
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use watershed_model::DatabaseId;

#[derive(Debug)]
struct Answers(Option<Refusal>);

impl Pressure for Answers {
    fn refusal(&self, _: DatabaseId, _: u64) -> Option<Refusal> {
        self.0.clone()
    }
}

pub(in crate::http) fn admission(
    writes_max: usize,
    bytes_max: u64,
    refusal: Option<Refusal>,
) -> Admission {
    let metrics = Metrics::new(Arc::new(Mutex::new(Registry::default())));
    let stopping = Arc::new(AtomicBool::new(false));
    let pressure = Arc::new(Answers(refusal));
    Admission::new(writes_max, bytes_max, stopping, pressure, metrics)
}

/// A permit for a write that is alone under a limit of memory.
pub(in crate::http) fn permit_of(bytes_max: u64) -> Permit {
    let admission = admission(1, bytes_max, None);
    admission.admit(DatabaseId::new(1), 0).unwrap()
}
