use super::*;
use arrow::array::{ArrayRef, Int64Array, StringArray};
use arrow::ipc::CompressionType;
use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::encode::FlightDataEncoderBuilder;
use futures::{TryStreamExt as _, stream};
use std::sync::Arc;

/// The messages of a batch of numbers and texts: a schema, then the batch.
async fn messages(compression: Option<CompressionType>) -> Vec<FlightData> {
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "n",
            Arc::new(Int64Array::from(vec![Some(1), None, Some(3)])),
        ),
        (
            "t",
            Arc::new(StringArray::from(vec!["a", "bb", &"c".repeat(100)])),
        ),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let options = IpcWriteOptions::default()
        .try_with_compression(compression)
        .unwrap();
    let encoder = FlightDataEncoderBuilder::new().with_options(options);
    let batches = stream::iter([Ok(batch)]);
    encoder.build(batches).try_collect().await.unwrap()
}

async fn read(messages: Vec<FlightData>) -> Result<Option<RecordBatch>, String> {
    let data = stream::iter(messages.into_iter().map(Ok));
    let first = first_batch(data).await;
    first.map_err(|status| status.message().to_owned())
}

const COMPRESSIONS: [Option<CompressionType>; 3] = [
    None,
    Some(CompressionType::LZ4_FRAME),
    Some(CompressionType::ZSTD),
];

#[tokio::test]
async fn honest_batches_are_read() {
    for compression in COMPRESSIONS {
        let batch = read(messages(compression).await).await.unwrap().unwrap();
        assert_eq!(batch.num_rows(), 3);
    }
    assert_eq!(read(Vec::new()).await, Ok(None));
}

/// Every eight bytes of the header and the body are replaced by numbers that nobody could mean. Each batch is read
/// or refused; nothing ends the process.
#[tokio::test]
async fn no_number_of_a_message_is_trusted() {
    for compression in COMPRESSIONS {
        let honest = messages(compression).await;
        for number in [-1_i64, i64::MIN, 1 << 62, 1 << 40, i64::MAX] {
            for in_header in [true, false] {
                let length = match in_header {
                    true => honest[1].data_header.len(),
                    false => honest[1].data_body.len(),
                };
                for start in (0..length.saturating_sub(8)).step_by(4) {
                    let mut messages = honest.clone();
                    let part = match in_header {
                        true => &mut messages[1].data_header,
                        false => &mut messages[1].data_body,
                    };
                    let mut bytes = part.to_vec();
                    bytes[start..start + 8].copy_from_slice(&number.to_le_bytes());
                    *part = bytes.into();
                    let _ = read(messages).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_buffer_says_how_large_it_is_and_is_not_believed() {
    let mut messages = messages(Some(CompressionType::ZSTD)).await;
    let header = messages[1].data_header.clone();
    let message = ipc::root_as_message(&header).unwrap();
    let batch = message.header_as_record_batch().unwrap();
    let buffers = batch.buffers().unwrap();
    let buffer = buffers.iter().find(|buffer| buffer.length() > 0).unwrap();
    let start = usize::try_from(buffer.offset()).unwrap();
    let mut body = messages[1].data_body.to_vec();
    body[start..start + 8].copy_from_slice(&(1_i64 << 62).to_le_bytes());
    messages[1].data_body = body.into();
    let error = read(messages).await.unwrap_err();
    assert!(
        error.contains("a batch has at most 16777216 bytes"),
        "{error}"
    );
}

#[tokio::test]
async fn a_buffer_lies_in_its_message() {
    let mut messages = messages(None).await;
    messages[1].data_body.truncate(8);
    let error = read(messages).await.unwrap_err();
    assert!(
        error.contains("a buffer lies outside of its message"),
        "{error}"
    );
}
