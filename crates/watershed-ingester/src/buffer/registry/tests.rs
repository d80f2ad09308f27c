use super::*;

fn key(n: u32) -> Vec<u8> {
    let mut list = SeriesList::default();
    list.push([(
        watershed_model::ColumnId::new(1),
        format!("host_{n}").as_str(),
    )]);
    list.key(0).to_vec()
}

#[test]
fn numbers_follow_first_appearance_and_stay() {
    let mut registry = SeriesRegistry::default();
    for n in 0..1_000 {
        assert_eq!(registry.id_of(&key(n)), n);
    }
    for n in (0..1_000).rev() {
        assert_eq!(registry.id_of(&key(n)), n);
    }
    let keys = registry.into_keys();
    assert_eq!(keys.len(), 1_000);
    assert!((0..1_000).all(|n| keys.key(n) == key(n)));
}

#[test]
fn a_snapshot_does_not_see_later_series() {
    let mut registry = SeriesRegistry::default();
    registry.id_of(&key(0));
    let before = registry.keys();
    registry.id_of(&key(1));
    assert_eq!(before.len(), 1);
    assert_eq!(before.key(0), key(0));
    assert_eq!(registry.keys().len(), 2);
}

#[test]
fn the_empty_key_is_a_series() {
    let mut registry = SeriesRegistry::default();
    assert_eq!(registry.id_of(b""), 0);
    assert_eq!(registry.id_of(&key(7)), 1);
    assert_eq!(registry.id_of(b""), 0);
    assert_eq!(registry.keys().tags(0).count(), 0);
}

#[test]
fn memory_counts_all_blocks() {
    let mut registry = SeriesRegistry::default();
    for n in 0..(3 * BLOCK_SERIES + 5) {
        registry.id_of(&key(n));
    }
    let table = registry.ids.allocation_size();
    let whole = registry.memory_bytes();
    assert_eq!(whole, table + registry.into_keys().memory_bytes());
}
