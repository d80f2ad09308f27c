use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

fn encoded(batch: &WriteBatch) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(batch, &mut bytes);
    bytes
}

/// Integers as senders have them: near each other, or anything.
fn integer() -> impl Strategy<Value = i64> {
    prop_oneof![
        0..100_i64,
        -40_000..40_000_i64,
        any::<i64>(),
        Just(i64::MIN),
        Just(i64::MAX)
    ]
}

fn values(rows: usize) -> impl Strategy<Value = FieldValues> {
    let text = vec("\\PC{0,4}", rows).prop_map(|texts| {
        let mut values = StringValues::default();
        texts.iter().for_each(|text| values.push(text));
        FieldValues::String(values)
    });
    let float = prop_oneof![
        -1e3..1e3_f64,
        Just(-0.0),
        Just(f64::MAX),
        Just(f64::MIN_POSITIVE)
    ];
    prop_oneof![
        vec(float, rows).prop_map(FieldValues::F64),
        vec(integer(), rows).prop_map(FieldValues::I64),
        vec(integer().prop_map(i64::cast_unsigned), rows).prop_map(FieldValues::U64),
        vec(any::<bool>(), rows).prop_map(FieldValues::Bool),
        text,
    ]
}

fn bitmap(rows: usize) -> impl Strategy<Value = Bitmap> {
    vec(any::<bool>(), rows).prop_map(|bits| {
        let mut bitmap = Bitmap::default();
        bits.into_iter().for_each(|bit| bitmap.push(bit));
        bitmap
    })
}

fn fields(rows: usize) -> impl Strategy<Value = Vec<FieldColumn>> {
    let field = (values(rows), prop::option::of(bitmap(rows)));
    prop::collection::btree_map(integer(), field, 0..4).prop_map(|fields| {
        let columns = fields.into_iter();
        columns
            .map(|(id, (values, validity))| FieldColumn {
                column: ColumnId::new(id),
                values,
                validity,
            })
            .collect()
    })
}

/// Times as clocks of different units give them.
fn times(rows: usize) -> impl Strategy<Value = Vec<i64>> {
    let unit = prop::sample::select(vec![1, 1_000, 1_000_000, 1_000_000_000]);
    let ticking = (unit, vec(0..3_000_i64, rows)).prop_map(|(unit, ticks)| {
        ticks
            .iter()
            .map(|tick| 1_767_225_600_000_000_000 + tick * unit)
            .collect()
    });
    prop_oneof![ticking, vec(integer(), rows)]
}

fn table(number: i64) -> impl Strategy<Value = TableBatch> {
    (0..40_usize).prop_flat_map(move |rows| {
        let series = vec(vec("\\PC{1,4}", 0..3), rows.min(1)..=rows);
        (series, vec(any::<Index>(), rows), times(rows), fields(rows)).prop_map(
            move |(keys, rows, times, fields)| {
                let mut series = SeriesList::default();
                for tags in &keys {
                    series.push(
                        (1..)
                            .map(ColumnId::new)
                            .zip(tags.iter().map(String::as_str)),
                    );
                }
                let row_series = rows
                    .iter()
                    .map(|row| row.index(keys.len()) as u32)
                    .collect();
                let partition = PartitionKey::for_day(20_000 + number);
                let table = TableId::new(number);
                TableBatch {
                    table,
                    partition,
                    series,
                    row_series,
                    times,
                    fields,
                }
            },
        )
    })
}

fn batch() -> impl Strategy<Value = WriteBatch> {
    (any::<i64>(), 0..4_i64).prop_flat_map(|(database, tables)| {
        (0..tables)
            .map(table)
            .collect::<Vec<_>>()
            .prop_map(move |tables| WriteBatch {
                database: DatabaseId::new(database),
                tables,
            })
    })
}

proptest! {
    #[test]
    fn every_batch_survives(batch in batch()) {
        prop_assert_eq!(decode(&encoded(&batch)).unwrap(), batch);
    }

    #[test]
    fn no_beginning_of_a_batch_is_a_batch(batch in batch(), cut: Index) {
        let bytes = encoded(&batch);
        prop_assert!(decode(&bytes[..cut.index(bytes.len())]).is_err());
    }

    #[test]
    fn flipped_bytes_give_an_error_or_a_batch_that_can_be_used(
        batch in batch(),
        flips in vec((any::<Index>(), 1..=255_u8), 1..4),
    ) {
        let mut bytes = encoded(&batch);
        for (at, flip) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
        }
        if let Ok(read) = decode(&bytes) {
            // What decoded is whole: it can be walked and encoded again.
            prop_assert_eq!(decode(&encoded(&read)).map(|again| again.rows()), Ok(read.rows()));
        }
    }

    #[test]
    fn any_bytes_can_be_looked_at(mut bytes in vec(any::<u8>(), 0..200)) {
        if let Some(first) = bytes.first_mut() {
            *first = VERSION;
        }
        if let Ok(read) = decode(&bytes) {
            prop_assert!(read.rows() <= bytes.len());
        }
    }
}

fn small() -> WriteBatch {
    let mut series = SeriesList::default();
    series.push([(ColumnId::new(3), "a")]);
    let field = |column, values| FieldColumn {
        column: ColumnId::new(column),
        values,
        validity: None,
    };
    WriteBatch {
        database: DatabaseId::new(1),
        tables: vec![TableBatch {
            table: TableId::new(2),
            partition: PartitionKey::new("d"),
            series,
            row_series: vec![0, 0],
            times: vec![5_000_000_000, 4_000_000_000],
            fields: vec![
                field(4, FieldValues::I64(vec![7, 300])),
                FieldColumn {
                    column: ColumnId::new(5),
                    values: FieldValues::Bool(vec![true, false]),
                    validity: Bitmap::from_bytes(vec![0b01], 2),
                },
            ],
        }],
    }
}

/// The bytes of version 1, spelled out: a change here is a new version.
#[test]
fn the_bytes_are_those_of_the_format_page() {
    let mut expected = vec![1, 2, 1]; // Version, database 1 (zigzag), one table.
    expected.extend([4, 1, b'd', 2, 1]); // Table 2, partition "d", two rows, one series.
    expected.extend([3, 0, 3, 1, b'a']); // Lengths from 3 on, in no bytes: the key of tag 3 = "a".
    expected.extend([0, 1, 0, 0]); // Series of the rows: from 0 on, in one byte each.
    expected.extend([0, 0x80, 0xa0, 0xd9, 0xe6, 0x1d, 1, 1, 0]); // Seconds from 4 s on, in one byte.
    expected.push(2); // Two columns.
    expected.extend([8, 1, 14, 2, 0, 0, 0x25, 1]); // Column 4: integers from 7 on, in two bytes.
    expected.extend([10, 0x83, 0b01, 0b01]); // Column 5: booleans with validity.
    assert_eq!(encoded(&small()), expected);
    assert_eq!(decode(&expected), Ok(small()));
}

#[test]
fn what_is_not_a_batch_is_refused() {
    let good = encoded(&small());
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        decode(&bytes)
    };
    assert_eq!(decode(&[]), Err(Error::Truncated("version")));
    assert_eq!(with(0, 2), Err(Error::Version { found: 2 }));
    assert_eq!(with(5, 0xff), Err(Error::Invalid("partition key")));
    assert_eq!(with(6, 127), Err(Error::Truncated("row count")));
    assert_eq!(with(7, 3), Err(Error::Invalid("series count")));
    assert_eq!(with(11, 9), Err(Error::Invalid("series keys")));
    assert_eq!(with(14, 3), Err(Error::Invalid("series of its rows")));
    assert_eq!(with(15, 1), Err(Error::Invalid("series of its rows")));
    assert_eq!(with(17, 4), Err(Error::Invalid("unit of times")));
    assert_eq!(with(35, 8), Err(Error::Invalid("order of columns")));
    assert_eq!(with(36, 0x85), Err(Error::Invalid("column type")));
    let longer = [good.as_slice(), &[0]].concat();
    assert_eq!(decode(&longer), Err(Error::Invalid("bytes after its end")));
}

#[test]
fn a_partition_may_occur_once() {
    let mut batch = small();
    batch.tables.push(batch.tables[0].clone());
    assert_eq!(
        decode(&encoded(&batch)),
        Err(Error::Invalid("partitions: one occurs twice"))
    );
    batch.tables[1].partition = PartitionKey::new("e");
    assert_eq!(decode(&encoded(&batch)), Ok(batch));
}

#[test]
fn a_claim_of_too_many_cells_is_refused() {
    // A column of equal values takes five bytes, so without a limit a small message could claim them all.
    let rows = 1 << 16;
    let column = |at: i64| FieldColumn {
        column: ColumnId::new(at),
        values: FieldValues::Bool(vec![true; rows]),
        validity: None,
    };
    let mut series = SeriesList::default();
    series.push([]);
    let mut batch = small();
    batch.tables[0] = TableBatch {
        series,
        row_series: vec![0; rows],
        times: vec![0; rows],
        fields: vec![column(0)],
        ..batch.tables[0].clone()
    };
    let mut bytes = encoded(&batch);
    let count_at = bytes.len() - rows / 8 - 3;
    assert_eq!(bytes[count_at], 1, "the number of columns");
    bytes.splice(count_at.., [0xff, 0xff, 0x7f]);
    for at in 0..=CELLS_MAX / rows {
        push_signed(&mut bytes, at as i64);
        bytes.extend([1, 0, 0]); // Integers, all 0.
    }
    assert_eq!(decode(&bytes), Err(Error::Invalid("size")));
}

#[test]
fn a_typical_row_takes_few_bytes() {
    let rows = 10_000;
    let mut series = SeriesList::default();
    (0..100).for_each(|host| {
        series.push([(ColumnId::new(1), format!("host_{host}").as_str())]);
    });
    let counter = |column: i64| FieldColumn {
        column: ColumnId::new(column),
        values: FieldValues::I64((0..rows).map(|row| (row * column) % 101).collect()),
        validity: None,
    };
    let table = TableBatch {
        table: TableId::new(1),
        partition: PartitionKey::for_day(20_000),
        series,
        row_series: (0..rows).map(|row| (row % 100) as u32).collect(),
        times: (0..rows)
            .map(|row| 1_767_225_600_000_000_000 + row / 100 * 10_000_000_000)
            .collect(),
        fields: (2..12).map(counter).collect(),
    };
    let batch = WriteBatch {
        database: DatabaseId::new(1),
        tables: vec![table],
    };
    let bytes = encoded(&batch).len();
    // A byte for the series, two for the time, one for each of ten fields.
    assert!(bytes < 13 * 10_000 + 2_000, "{bytes} bytes");
    assert_eq!(decode(&encoded(&batch)), Ok(batch));
}
