use super::*;
use arrow::datatypes::Schema;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use std::sync::Arc;

fn footer() -> ArrowReaderMetadata {
    let schema = Arc::new(Schema::empty());
    let bytes = ArrowWriter::try_new(Vec::new(), schema, None)
        .unwrap()
        .into_inner()
        .unwrap();
    ArrowReaderMetadata::load(&Bytes::from(bytes), ArrowReaderOptions::new()).unwrap()
}

fn cost(footer: &ArrowReaderMetadata) -> usize {
    footer.metadata().memory_size() + 2
}

#[test]
fn the_least_recently_used_goes_first() {
    let (a, b, c) = (Path::from("a"), Path::from("b"), Path::from("c"));
    let footer = footer();
    let footers = Footers::new(2 * cost(&footer));
    footers.put(&a, &footer);
    footers.put(&b, &footer);
    assert!(footers.get(&a).is_some());
    footers.put(&c, &footer);
    assert!(footers.get(&b).is_none());
    assert!(footers.get(&a).is_some() && footers.get(&c).is_some());
    assert_eq!(footers.lock().bytes, 2 * cost(&footer));
}

#[test]
fn putting_twice_counts_once() {
    let footer = footer();
    let footers = Footers::new(10 * cost(&footer));
    footers.put(&Path::from("a"), &footer);
    footers.put(&Path::from("a"), &footer);
    let state = footers.lock();
    assert_eq!((state.bytes, state.by_use.len()), (cost(&footer), 1));
}

#[test]
fn what_is_larger_than_the_cache_is_not_kept() {
    let footers = Footers::new(1);
    footers.put(&Path::from("a"), &footer());
    assert!(footers.get(&Path::from("a")).is_none());
    assert_eq!(footers.lock().bytes, 0);
}
