//! `system.queries`.

use crate::running::QueryRecord;
use crate::statistics::Phase;
use arrow::array::{
    ArrayRef, BooleanArray, DurationNanosecondArray, Int64Array, RecordBatch, StringArray,
    TimestampNanosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use std::sync::Arc;
use std::time::Duration;

pub(super) fn schema() -> SchemaRef {
    let duration = DataType::Duration(TimeUnit::Nanosecond);
    let column =
        |name: &str, data_type: &DataType, nullable| Field::new(name, data_type.clone(), nullable);
    Arc::new(Schema::new(vec![
        column("id", &DataType::Utf8, false),
        column("phase", &DataType::Utf8, false),
        column(
            "issue_time",
            &DataType::Timestamp(TimeUnit::Nanosecond, None),
            false,
        ),
        column("query_type", &DataType::Utf8, false),
        column("query_text", &DataType::Utf8, false),
        column("partitions", &DataType::Int64, true),
        column("parquet_files", &DataType::Int64, true),
        column("plan_duration", &duration, true),
        column("permit_duration", &duration, true),
        column("execute_duration", &duration, true),
        column("end2end_duration", &duration, true),
        column("compute_duration", &duration, true),
        column("max_memory", &DataType::Int64, true),
        column("success", &DataType::Boolean, false),
        column("running", &DataType::Boolean, false),
        column("cancelled", &DataType::Boolean, false),
        column("trace_id", &DataType::Utf8, true),
    ]))
}

/// The queries in the order given.
pub(super) fn rows(records: &[QueryRecord]) -> Result<RecordBatch, ArrowError> {
    let texts = |of: &dyn Fn(&QueryRecord) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(records.iter().map(of)))
    };
    let numbers = |of: &dyn Fn(&QueryRecord) -> Option<u64>| -> ArrayRef {
        let numbers = records.iter().map(of);
        Arc::new(Int64Array::from_iter(numbers.map(|number| {
            number.map(|number| i64::try_from(number).unwrap_or(i64::MAX))
        })))
    };
    let durations = |of: &dyn Fn(&QueryRecord) -> Option<Duration>| -> ArrayRef {
        let durations = records.iter().map(of);
        Arc::new(DurationNanosecondArray::from_iter(durations.map(
            |duration| duration.map(|d| i64::try_from(d.as_nanos()).unwrap_or(i64::MAX)),
        )))
    };
    let flags = |of: &dyn Fn(Phase) -> bool| -> ArrayRef {
        let phases = records.iter().map(|record| record.statistics.phase);
        Arc::new(BooleanArray::from_iter(phases.map(|phase| Some(of(phase)))))
    };
    let issued = records.iter().map(|record| record.query.started.nanos());
    let columns = vec![
        texts(&|record| record.query.id.to_string()),
        texts(&|record| record.statistics.phase.as_str().to_owned()),
        Arc::new(TimestampNanosecondArray::from_iter_values(issued)),
        texts(&|record| record.query.query_type.as_str().to_owned()),
        texts(&|record| record.query.text.as_ref().to_owned()),
        numbers(&|record| record.statistics.partitions),
        numbers(&|record| record.statistics.parquet_files),
        durations(&|record| record.statistics.planning()),
        durations(&|record| record.statistics.queue),
        durations(&|record| record.statistics.execution),
        durations(&|record| record.statistics.total),
        durations(&|record| record.statistics.compute),
        numbers(&|record| record.statistics.memory_bytes_max),
        flags(&|phase| phase == Phase::Success),
        flags(&Phase::is_running),
        flags(&|phase| phase == Phase::Cancel),
        Arc::new(StringArray::new_null(records.len())),
    ];
    RecordBatch::try_new(schema(), columns)
}
