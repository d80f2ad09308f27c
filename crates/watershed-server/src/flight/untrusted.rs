//! Arrow batches from clients.
//!
//! What decodes Arrow's messages trusts their numbers: it takes as much memory as a compressed buffer says it
//! needs, and panics at buffers that lie outside of the message. Here the numbers are checked first
//! (<https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format>).

use arrow::array::RecordBatch;
use arrow::ipc;
use arrow_flight::FlightData;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use futures::{FutureExt as _, Stream, StreamExt as _};
use std::panic::AssertUnwindSafe;
use tonic::Status;

/// The most rows of a batch, or items of a list in it.
const LENGTH_MAX: i64 = 1 << 20;

/// The most bytes of a batch without its compression.
const BATCH_BYTES_MAX: i64 = 16 << 20;

/// The first batch of the stream, if there is one.
///
/// # Errors
/// INVALID_ARGUMENT for what is no batch of moderate size; failures of the stream.
pub(super) async fn first_batch(
    data: impl Stream<Item = Result<FlightData, Status>> + Send + 'static,
) -> Result<Option<RecordBatch>, Status> {
    let invalid =
        |e: &dyn std::fmt::Display| Status::invalid_argument(format!("Invalid parameters: {e}"));
    let checked = data.map(|message| {
        let message = message.map_err(|status| FlightError::Tonic(Box::new(status)))?;
        check(&message).map_err(FlightError::DecodeError)?;
        Ok(message)
    });
    let mut batches = FlightRecordBatchStream::new_from_flight_data(checked);
    // A message may be wrong in ways that are not looked for here.
    let first = AssertUnwindSafe(batches.next()).catch_unwind().await;
    match first {
        Ok(batch) => batch.transpose().map_err(|e| invalid(&e)),
        Err(_) => Err(invalid(&"the batch cannot be decoded")),
    }
}

/// Checks the numbers of a message that others calculate with.
fn check(data: &FlightData) -> Result<(), String> {
    if data.data_header.is_empty() {
        return Ok(());
    }
    let message = ipc::root_as_message(&data.data_header).map_err(|e| e.to_string())?;
    let batch = match message.header_as_dictionary_batch() {
        Some(dictionary) => dictionary.data(),
        None => message.header_as_record_batch(),
    };
    let Some(batch) = batch else { return Ok(()) };
    let nodes = batch.nodes().into_iter().flatten();
    let mut lengths = nodes.flat_map(|node| [node.length(), node.null_count()]);
    if !is_length(batch.length()) || !lengths.all(is_length) {
        return Err(format!("a batch has at most {LENGTH_MAX} rows"));
    }
    let mut plain_bytes = 0_i64;
    for buffer in batch.buffers().into_iter().flatten() {
        let bytes = part(&data.data_body, buffer.offset(), buffer.length())
            .ok_or("a buffer lies outside of its message")?;
        if batch.compression().is_some() && !bytes.is_empty() {
            let plain = bytes.first_chunk().copied().map(i64::from_le_bytes);
            // -1 stands for a buffer that is not compressed after all.
            let plain = plain.filter(|plain| *plain >= -1);
            let plain = plain.ok_or("a compressed buffer says no length")?;
            plain_bytes = plain_bytes.saturating_add(plain.max(0));
            if plain_bytes > BATCH_BYTES_MAX {
                return Err(format!("a batch has at most {BATCH_BYTES_MAX} bytes"));
            }
        }
    }
    Ok(())
}

fn is_length(length: i64) -> bool {
    (0..=LENGTH_MAX).contains(&length)
}

fn part(body: &[u8], offset: i64, length: i64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    body.get(start..end)
}

#[cfg(test)]
mod tests;
