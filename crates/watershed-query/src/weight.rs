//! What a plan is expected to cost.
//!
//! A guess before it runs, from what the catalog counts: rows of files and of memory that the scans may read, by
//! how much of their time is asked for. A query that is thought light and is not takes a thread from other light
//! ones now and then; one that is thought heavy waits for its turn among the heavy ones. Nothing else depends on it.

use crate::admission::Weight;
use crate::gap_fill;
use crate::scan::ScanExec;
use crate::statistics::visit;
use datafusion::physical_plan::ExecutionPlan;
use std::sync::Arc;

/// Rows that a light query works on: some ten milliseconds of one core.
const LIGHT_ROWS_MAX: u64 = 1 << 18;

/// The weight of a plan.
pub(crate) fn weight(plan: &Arc<dyn ExecutionPlan>) -> Weight {
    let mut rows = Some(0_u64);
    let (mut product, mut joins) = (1_u64, false);
    visit(plan, &mut |node| {
        let name = node.name();
        joins |= name.contains("Join");
        let own = if let Some(scan) = node.downcast_ref::<ScanExec>() {
            let own = scan.rows_guessed();
            product = product.saturating_mul(own.max(1));
            Some(own)
        } else if let Some(buckets) = gap_fill::buckets(node) {
            Some(buckets)
        } else if is_unbounded(node) {
            None
        } else {
            Some(0)
        };
        rows = rows.zip(own).map(|(rows, own)| rows.saturating_add(own));
    });
    let light = rows.is_some_and(|rows| rows <= LIGHT_ROWS_MAX);
    // Every row of one side may meet every row of the other.
    if light && (!joins || product <= LIGHT_ROWS_MAX) {
        Weight::Light
    } else {
        Weight::Heavy
    }
}

/// Whether rows may come out that nobody has counted, or none for a long time: a function that makes a table, a list
/// turned into rows, a query about itself, a function that waits.
fn is_unbounded(node: &dyn ExecutionPlan) -> bool {
    matches!(
        node.name(),
        "LazyMemoryExec" | "UnnestExec" | "RecursiveQueryExec" | "WorkTableExec" | "AsyncFuncExec"
    )
}
