use super::*;
use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray};
use arrow::ipc::reader::StreamReader;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::sync::Arc;

const FORMATS: [Format; 6] = [
    Format::Json,
    Format::JsonLines,
    Format::Csv,
    Format::Pretty,
    Format::Parquet,
    Format::Arrow,
];

/// Rows that no compression makes short.
fn batch(rows: usize, seed: u64) -> RecordBatch {
    let mut state = seed | 1;
    let mut random = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state
    };
    let columns: [(&str, ArrayRef); 3] = [
        (
            "n",
            Arc::new(Int64Array::from_iter((0..rows).map(|_| {
                let n = random();
                (n % 7 > 0).then_some((n >> 1).cast_signed())
            }))),
        ),
        (
            "f",
            Arc::new(Float64Array::from_iter_values(
                (0..rows).map(|_| f64::from_bits(random() >> 2)),
            )),
        ),
        (
            "s",
            Arc::new(StringArray::from_iter_values(
                (0..rows).map(|_| format!("{:x},\"{}", random(), random() % 3)),
            )),
        ),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

/// The bytes of the beginning, of each batch and of the end.
fn encoded(format: Format, batches: &[RecordBatch]) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(format, batches[0].schema());
    encoder.row_group_bytes = 1 << 20;
    let mut pieces = vec![Vec::new()];
    encoder.begin(&mut pieces[0]).unwrap();
    for batch in batches {
        let mut piece = Vec::new();
        encoder.batch(batch, &mut piece).unwrap();
        pieces.push(piece);
    }
    let mut end = Vec::new();
    encoder.end(&mut end).unwrap();
    pieces.push(end);
    pieces
}

#[test]
fn what_is_written_in_pieces_is_read_as_a_whole() {
    let batches = [batch(3, 1), batch(0, 2), batch(5, 3)];
    let whole = arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap();
    let bytes = |format| encoded(format, &batches).concat();
    let json: serde_json::Value = serde_json::from_slice(&bytes(Format::Json)).unwrap();
    let lines = String::from_utf8(bytes(Format::JsonLines)).unwrap();
    let lines = lines
        .lines()
        .map(|line| line.parse::<serde_json::Value>().unwrap());
    assert_eq!(json, lines.collect::<serde_json::Value>());
    assert_eq!(json.as_array().unwrap().len(), 8);

    let parquet = Bytes::from(bytes(Format::Parquet));
    let reader = ParquetRecordBatchReaderBuilder::try_new(parquet).unwrap();
    let read: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    assert_eq!(read[0].columns(), whole.columns());

    let arrow = bytes(Format::Arrow);
    let reader = StreamReader::try_new(arrow.as_slice(), None).unwrap();
    let read: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    assert_eq!(read, [batches[0].clone(), batches[2].clone()]);

    let csv = String::from_utf8(bytes(Format::Csv)).unwrap();
    assert_eq!(csv.lines().count(), 9);
    assert!(csv.starts_with("n,f,s\n"), "{csv}");
}

#[test]
fn what_is_written_is_given_out_at_once_but_a_row_group() {
    let batches: Vec<RecordBatch> = (0..16).map(|seed| batch(8192, seed)).collect();
    for format in FORMATS {
        let pieces = encoded(format, &batches);
        let total: usize = pieces.iter().map(Vec::len).sum();
        let largest = pieces.iter().map(Vec::len).max().unwrap();
        // A table of text is held until the first rows have told its widths, here the first batch.
        assert!(largest < 2 << 20, "{format:?}: {largest} of {total}");
        assert!(total > 2 * largest, "{format:?}: {largest} of {total}");
    }
}

#[test]
fn without_its_end_an_answer_is_not_whole() {
    let batches = [batch(3, 1)];
    for format in [Format::Json, Format::Parquet] {
        let mut pieces = encoded(format, &batches);
        pieces.pop();
        let cut = pieces.concat();
        let readable = match format {
            Format::Json => serde_json::from_slice::<serde_json::Value>(&cut).is_ok(),
            _ => ParquetRecordBatchReaderBuilder::try_new(Bytes::from(cut)).is_ok(),
        };
        assert!(!readable, "{format:?}");
    }
}
