use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn id(value: i64) -> ColumnId {
    ColumnId::new(value)
}

#[test]
fn a_series_gives_back_its_tags() {
    let mut list = SeriesList::default();
    assert_eq!(list.push([(id(3), "a"), (id(200), "Zürich")]), 0);
    assert_eq!(list.push([]), 1);
    assert_eq!(list.push([(id(i64::MAX), "x")]), 2);
    let tags: Vec<Vec<_>> = (0..3).map(|series| list.tags(series).collect()).collect();
    assert_eq!(
        tags,
        [
            vec![(id(3), "a"), (id(200), "Zürich")],
            vec![],
            vec![(id(i64::MAX), "x")]
        ]
    );
}

#[test]
fn equal_tag_sets_have_equal_keys() {
    let mut list = SeriesList::default();
    list.push([(id(1), "a"), (id(2), "b")]);
    list.push([(id(1), "a"), (id(2), "b")]);
    list.push([(id(1), "ab")]);
    assert_eq!(list.key(0), list.key(1));
    assert_ne!(list.key(0), list.key(2));
}

#[test]
fn a_pushed_key_is_the_key() {
    let mut list = SeriesList::default();
    list.push([(id(1), "a")]);
    let key = list.key(0).to_vec();
    assert_eq!(list.push_key(&key), 1);
    assert_eq!(list.key(1), key);
}

#[test]
fn truncated_series_are_gone() {
    let mut list = SeriesList::default();
    list.push([(id(1), "a")]);
    let one = list.clone();
    list.push([(id(1), "b")]);
    list.truncate(2);
    assert_eq!(list.len(), 2);
    list.truncate(1);
    assert_eq!(list, one);
    list.truncate(0);
    assert_eq!(list, SeriesList::default());
}

#[test]
fn damaged_keys_are_found() {
    for (key, why) in [
        (&[1_u8, 1][..], "cut before the value"),
        (&[1, 2, b'a'], "cut within the value"),
        (&[1, 0], "an empty value"),
        (&[2, 1, b'a', 1, 1, b'b'], "ids that descend"),
        (&[1, 1, b'a', 1, 1, b'b'], "an id twice"),
        (&[1, 1, 0xff], "bytes that are not UTF-8"),
        (&[0x80; 11], "a number without an end"),
        (&[0x80], "a cut number"),
    ] {
        assert!(!SeriesTags::check(key), "{why}");
    }
    assert!(SeriesTags::check(&[]));
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    assert!(SeriesList::from_parts(vec![1, 2], vec![0, 0]).is_some());
    assert_eq!(SeriesList::from_parts(vec![1], vec![0, 0]), None);
    assert_eq!(SeriesList::from_parts(vec![2, 1, 2], vec![0, 0]), None);
    assert_eq!(SeriesList::from_parts(vec![], vec![0]), None);
}

proptest! {
    #[test]
    fn numbers_survive(value: u64) {
        let mut bytes = Vec::new();
        push_varint(&mut bytes, value);
        bytes.push(7);
        prop_assert_eq!(read_varint(&bytes), Some((value, &[7][..])));
    }

    #[test]
    fn any_tag_set_survives(tags in prop::collection::btree_map(any::<i64>(), "\\PC{1,5}", 0..6)) {
        // Negative ids sort before positive ones here and are written as large numbers.
        let tags: BTreeMap<ColumnId, String> = tags.into_iter().map(|(c, v)| (id(c), v)).collect();
        let mut list = SeriesList::default();
        list.push(tags.iter().map(|(column, value)| (*column, value.as_str())));
        prop_assert!(SeriesTags::check(list.key(0)));
        let read: BTreeMap<ColumnId, String> =
            list.tags(0).map(|(column, value)| (column, value.to_owned())).collect();
        prop_assert_eq!(read, tags);
    }

    #[test]
    fn any_bytes_can_be_looked_at(key in prop::collection::vec(any::<u8>(), 0..40)) {
        let tags = SeriesTags::new(&key).count();
        prop_assert!(tags <= key.len());
        SeriesTags::check(&key);
    }
}
