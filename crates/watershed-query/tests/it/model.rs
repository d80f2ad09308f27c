//! Whatever is where: a query sees what a map of all rows would give.

use crate::rows::{Key, Rows, Value};
use crate::world::World;
use crate::writes::{Fate, write};
use arrow::util::pretty::pretty_format_batches;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use std::collections::BTreeMap;
use watershed_model::NANOS_PER_DAY;
use watershed_storage::arrow_schema;

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        1 => Just(Fate::Persisted),
        1 => Just(Fate::PersistedAndBuffered),
        2 => Just(Fate::Buffered),
    ]
}

fn key() -> impl Strategy<Value = Key> {
    let host = prop::option::of(prop::sample::select(vec!["a", "b"]));
    let region = prop::option::of(prop::sample::select(vec!["x", "y"]));
    (host, region, 0..2_i64, 0..6_i64).prop_map(|(host, region, day, tick)| {
        let tags = [("host", host), ("region", region)];
        let tags = tags
            .into_iter()
            .filter_map(|(tag, value)| Some((tag.to_owned(), value?.to_owned())));
        (tags.collect(), day * NANOS_PER_DAY + tick)
    })
}

fn fields() -> impl Strategy<Value = BTreeMap<String, Value>> {
    (0..3, 0..4_i64).prop_map(|(which, value)| {
        let mut fields = BTreeMap::new();
        if which != 0 {
            fields.insert("idle".to_owned(), Value::I64(value));
        }
        if which != 1 {
            fields.insert("usage".to_owned(), Value::F64(value as f64));
        }
        fields
    })
}

fn batches() -> impl Strategy<Value = Vec<(Rows, Fate)>> {
    let rows = btree_map(key(), fields(), 1..12).prop_map(Rows);
    vec((rows, fate()), 1..8)
}

/// Runs a query over all columns and compares it with the rows of the model that pass `keep`.
async fn compare(
    world: &World,
    model: &Rows,
    condition: &str,
    keep: impl Fn(&Key, &Fields) -> bool,
) {
    let kept = model.0.iter().filter(|(key, fields)| keep(key, fields));
    let kept = Rows(
        kept.map(|(key, fields)| (key.clone(), fields.clone()))
            .collect(),
    );
    let table = world.table("cpu", "").await;
    let expected = pretty_format_batches(&[kept.batch(&arrow_schema(&table))])
        .unwrap()
        .to_string();
    let order = "ORDER BY host, region, time";
    let batches = world
        .sql(&format!("SELECT * FROM cpu WHERE {condition} {order}"))
        .await
        .unwrap();
    let shown = pretty_format_batches(&batches).unwrap().to_string();
    assert_eq!(shown, expected, "{condition}");

    let counted = world
        .shown(&format!("SELECT count(*) FROM cpu WHERE {condition}"))
        .await;
    assert!(
        counted.contains(&format!("| {} ", kept.0.len())),
        "{condition}\n{counted}"
    );
}

type Fields = BTreeMap<String, Value>;

async fn check(batches: Vec<(Rows, Fate)>) {
    let world = World::new().await;
    world
        .table("cpu", "host:tag region:tag usage:f64 idle:i64")
        .await;
    let model = write(&world, "cpu", &batches).await;
    compare(&world, &model, "true", |_, _| true).await;
    let day = "1970-01-02T00:00:00.000000002Z";
    compare(&world, &model, &format!("time >= '{day}'"), |key, _| {
        key.1 >= NANOS_PER_DAY + 2
    })
    .await;
    let range =
        "time > '1970-01-01T00:00:00.000000001Z' AND time <= '1970-01-01T00:00:00.000000003Z'";
    compare(&world, &model, range, |key, _| key.1 > 1 && key.1 <= 3).await;
    let host = |key: &Key| key.0.get("host").cloned();
    compare(&world, &model, "host = 'a'", |key, _| {
        host(key).as_deref() == Some("a")
    })
    .await;
    compare(
        &world,
        &model,
        "host IS NULL AND usage >= 2",
        |key, fields| {
            host(key).is_none() && matches!(fields.get("usage"), Some(Value::F64(v)) if *v >= 2.0)
        },
    )
    .await;
    compare(&world, &model, "idle = 1", |_, fields| {
        fields.get("idle") == Some(&Value::I64(1))
    })
    .await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_row_is_seen_once_with_its_newest_values(batches in batches()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(batches));
    }
}
