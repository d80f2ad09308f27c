use super::*;
use arrow::array::{ArrayRef, Int64Array};

#[test]
fn what_is_about_no_query_knows_nothing() {
    let progress = QueryProgress::default();
    assert_eq!(progress.statistics(), QueryStatistics::default());
}

#[test]
fn stages_are_known_when_they_are_reached() {
    let progress = QueryProgress::received();
    let statistics = progress.statistics();
    assert_eq!(statistics.phase, Phase::Received);
    assert_eq!((statistics.queue, statistics.execution), (None, None));
    assert!(statistics.total.is_some());
    progress.planning_begins();
    assert!(progress.statistics().queue.is_some());
    progress.logically_planned();
    let statistics = progress.statistics();
    assert_eq!(statistics.phase, Phase::LogicallyPlanned);
    assert!(statistics.logical_planning.is_some());
    assert_eq!(statistics.planning(), None);
    let queued = statistics.queue.unwrap();
    progress.turn(Duration::from_secs(3));
    let statistics = progress.statistics();
    assert_eq!(statistics.phase, Phase::Permit);
    assert_eq!(statistics.queue, Some(queued + Duration::from_secs(3)));
    assert!(statistics.execution.is_some());
}

#[test]
fn nothing_changes_after_the_end() {
    let progress = QueryProgress::received();
    progress.turn(Duration::ZERO);
    progress.end(Phase::Fail);
    let ended = progress.statistics();
    assert_eq!(ended.phase, Phase::Fail);
    std::thread::sleep(Duration::from_millis(2));
    progress.end(Phase::Cancel);
    assert_eq!(progress.statistics(), ended);
}

#[test]
fn rows_of_a_slice_are_counted_without_the_rest_of_their_buffers() {
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1000));
    let batch = RecordBatch::try_from_iter([("n", column)]).unwrap();
    let progress = QueryProgress::received();
    progress.gave(&batch.slice(10, 5));
    progress.gave(&batch.slice(0, 1));
    let statistics = progress.statistics();
    assert_eq!((statistics.rows, statistics.bytes), (6, 48));
}
