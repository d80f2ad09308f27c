//! Functions InfluxDB adds to those of DataFusion, and those it means differently.

mod approx_distinct;
mod bounded;
mod changes;
mod date_bin_wallclock;
mod documents;
pub(crate) mod gap_fill_markers;
mod influx_regex;
mod integers;
mod may_be_null;
mod mended;
mod selector;
mod sleep;
mod to_timestamp;
mod tz;
pub(crate) mod wall_clock;

pub(crate) use date_bin_wallclock::{
    bin_argument_types, date_bin_wallclock, interval_nanos, time_zone,
};
pub(crate) use mended::mended;
pub(crate) use selector::{selector_first, selector_last, selector_max, selector_min};
pub(crate) use tz::tz;

use datafusion::common::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::SessionState;
use integers::MixedIntegers;
use std::sync::Arc;

/// Adds the functions to those of the state; ours win over those of the same name.
pub(crate) fn register(mut state: SessionState) -> Result<SessionState> {
    let scalars = [
        to_timestamp::to_timestamp(),
        tz(),
        date_bin_wallclock(),
        sleep::sleep(),
    ];
    let scalars = scalars.into_iter().chain(gap_fill_markers::all());
    for function in scalars.chain(influx_regex::all()) {
        state.register_udf(function)?;
    }
    for function in bounded::limited(&state) {
        state.register_udf(function)?;
    }
    for function in changes::all() {
        state.register_udwf(function)?;
    }
    for function in [
        approx_distinct::approx_distinct(),
        selector_first(),
        selector_last(),
        selector_min(),
        selector_max(),
    ] {
        state.register_udaf(function)?;
    }
    state.register_expr_planner(Arc::new(MixedIntegers))?;
    Ok(state)
}
