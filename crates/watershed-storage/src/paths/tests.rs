use super::*;
use uuid::Uuid;

fn path(partition: &str) -> String {
    let file = FileId::new(Uuid::from_u128(7));
    parquet_path(
        DatabaseId::new(1),
        TableId::new(2),
        &PartitionKey::new(partition),
        file,
    )
    .to_string()
}

const FILE: &str = "00000000-0000-0000-0000-000000000007.parquet";

#[test]
fn ids_partition_and_uuid() {
    assert_eq!(path("2026-11-22"), format!("1/2/2026-11-22/{FILE}"));
}

#[test]
fn hostile_partition_keys_stay_one_segment() {
    assert_eq!(path("a/b"), format!("1/2/a%2Fb/{FILE}"));
    assert_eq!(path(".."), format!("1/2/%2E%2E/{FILE}"));
    assert_eq!(path(""), format!("1/2/none/{FILE}"));
}

#[test]
fn long_partition_keys_are_cut_at_a_character() {
    let segment = path(&"é".repeat(200));
    let segment = segment.split('/').nth(2).unwrap();
    assert_eq!(segment, "%C3%A9".repeat(40));
}
