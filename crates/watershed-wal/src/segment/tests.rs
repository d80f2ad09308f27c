use super::*;

#[test]
fn file_names_sort_like_ids_and_read_back() {
    assert_eq!(file_name(7), "00000000000000000007.wal");
    for id in [0, 7, 10, u64::MAX] {
        assert_eq!(parse_file_name(&file_name(id)), Some(id));
    }
    assert!(file_name(9) < file_name(10));
}

#[test]
fn other_file_names_are_no_segments() {
    for name in [
        "7.wal",
        "00000000000000000007.wal.new",
        "0000000000000000000x.wal",
        "+0000000000000000007.wal",
        "99999999999999999999.wal",
        "LOCK",
    ] {
        assert_eq!(parse_file_name(name), None, "{name}");
    }
}

#[test]
fn records_must_fill_their_group_exactly() {
    let payload = [1, 0, 0, 0, 9, 0, 0, 0, 0];
    assert_eq!(count_records(&payload), Some(2));
    let group = Group {
        first: Counter::new(5),
        payload: &payload,
    };
    let records: Vec<_> = group.records().collect();
    assert_eq!(
        records,
        [(Counter::new(5), &[9][..]), (Counter::new(6), &[][..])]
    );
    assert_eq!(count_records(&payload[..8]), None);
    assert_eq!(count_records(&[255, 255, 255, 255, 1]), None);
    assert_eq!(count_records(&[]), None);
}
