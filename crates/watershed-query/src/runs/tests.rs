use super::*;
use arrow::array::{ArrayRef, DictionaryArray, Int64Array};
use arrow::datatypes::Int32Type;
use std::sync::Arc;

fn batch(tags: &[Option<&str>], numbers: &[i64]) -> RecordBatch {
    let tags: DictionaryArray<Int32Type> = tags.iter().copied().collect();
    let numbers: ArrayRef = Arc::new(Int64Array::from(numbers.to_vec()));
    RecordBatch::try_from_iter([("tag", Arc::new(tags) as ArrayRef), ("number", numbers)]).unwrap()
}

fn run(rows: Range<usize>, continues: bool) -> Run {
    Run { rows, continues }
}

#[test]
fn a_run_goes_on_over_batches_until_a_value_changes() {
    let mut runs = Runs::new(vec![0]);
    let first = runs.of(&batch(&[Some("a"), Some("a"), Some("b")], &[1, 2, 3]));
    assert_eq!(first.unwrap(), [run(0..2, false), run(2..3, false)]);
    // The dictionary of the next batch is another one.
    let second = runs.of(&batch(&[Some("b"), None], &[4, 5]));
    assert_eq!(second.unwrap(), [run(0..1, true), run(1..2, false)]);
    assert_eq!(runs.of(&batch(&[], &[])).unwrap(), []);
    let last = runs.of(&batch(&[None, None], &[6, 7]));
    assert_eq!(last.unwrap(), [run(0..2, true)]);
}

#[test]
fn without_columns_all_is_one_run() {
    let mut runs = Runs::new(Vec::new());
    let first = runs.of(&batch(&[Some("a"), Some("b")], &[1, 2]));
    assert_eq!(first.unwrap(), [run(0..2, false)]);
    let second = runs.of(&batch(&[Some("c")], &[3]));
    assert_eq!(second.unwrap(), [run(0..1, true)]);
}
