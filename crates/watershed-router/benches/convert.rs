//! From body to columns: rows per second on one core, without HTTP, log and buffer.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;
use watershed_line_protocol::{Parser, check_utf8};
use watershed_model::batch::codec;
use watershed_model::{
    Column, ColumnId, ColumnType, DatabaseId, DatabaseName, DatabaseSchema, Precision, TableId,
    TableName, TableSchema, Timestamp, WriteBatch,
};
use watershed_router::bench::{Rules, SeriesCache, convert};

const ROWS: usize = 10_000;

const TAGS: [&str; 10] = [
    "hostname",
    "region",
    "datacenter",
    "rack",
    "os",
    "arch",
    "team",
    "service",
    "service_version",
    "service_environment",
];

const FIELDS: [&str; 10] = [
    "usage_user",
    "usage_system",
    "usage_idle",
    "usage_nice",
    "usage_iowait",
    "usage_irq",
    "usage_softirq",
    "usage_steal",
    "usage_guest",
    "usage_guest_nice",
];

/// The table `cpu` of the Time Series Benchmark Suite.
fn schema() -> DatabaseSchema {
    let column = |id: usize, name: &str, column_type| Column {
        id: ColumnId::new(id as i64),
        name: name.into(),
        column_type,
    };
    let names = TAGS.iter().map(|name| (*name, ColumnType::Tag));
    let names = names.chain(FIELDS.iter().map(|name| (*name, ColumnType::I64)));
    let names = names.chain([("time", ColumnType::Time)]);
    let columns = names
        .enumerate()
        .map(|(id, (name, kind))| column(id, name, kind))
        .collect();
    let name = TableName::from("cpu");
    let table = TableSchema::new(TableId::new(1), name.clone(), columns, 250);
    DatabaseSchema {
        id: DatabaseId::new(1),
        name: DatabaseName::new("bench").expect("a good name"),
        retention_nanos: None,
        tables_max: 500,
        columns_max: 250,
        tables: BTreeMap::from([(name, Arc::new(table))]),
    }
}

/// One round of all hosts after another, ten seconds apart, as the suite sends them.
fn body(hosts: usize) -> String {
    let mut body = String::new();
    let mut random = 1_u64;
    for row in 0..ROWS {
        let host = row % hosts;
        write!(
            body,
            "cpu,hostname=host_{host},region=eu-central-1,datacenter=eu-central-1a,rack={},os=Ubuntu16.10,\
             arch=x86,team=SF,service={},service_version=1,service_environment=test ",
            host % 100,
            host % 20
        )
        .expect("text grows");
        for (at, field) in FIELDS.iter().enumerate() {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let comma = if at == 0 { "" } else { "," };
            write!(body, "{comma}{field}={}i", (random >> 33) % 101).expect("text grows");
        }
        let time = 1_451_606_400_000_000_000 + (row / hosts) as i64 * 10_000_000_000;
        writeln!(body, " {time}").expect("text grows");
    }
    body
}

fn batch(schema: &DatabaseSchema, body: &str, cache: &mut SeriesCache) -> WriteBatch {
    let rules = Rules {
        precision: Precision::Nanosecond,
        now: Timestamp::from_nanos(0),
        line_errors_max: 100,
        cells_max: 1 << 26,
    };
    let converted = convert(schema, body, &rules, cache).expect("a small request");
    assert_eq!(converted.rejections.total, 0);
    WriteBatch {
        database: schema.id,
        tables: converted.tables,
    }
}

fn conversions(criterion: &mut Criterion) {
    let schema = schema();
    for hosts in [100, 4_000] {
        let body = body(hosts);
        let mut group = criterion.benchmark_group(format!("{hosts} hosts"));
        group
            .throughput(Throughput::Elements(ROWS as u64))
            .sample_size(30);
        group.bench_function("utf-8 check", |bencher| {
            bencher.iter(|| check_utf8(black_box(body.as_bytes())).map(str::len));
        });
        group.bench_function("parse only", |bencher| {
            bencher.iter(|| parse(black_box(&body)))
        });
        group.bench_function("body to batch, series new", |bencher| {
            bencher.iter(|| batch(&schema, black_box(&body), &mut SeriesCache::default()));
        });
        let mut cache = SeriesCache::default();
        group.bench_function("body to batch", |bencher| {
            bencher.iter(|| batch(&schema, black_box(&body), &mut cache));
        });
        let batch = batch(&schema, &body, &mut cache);
        let mut bytes = Vec::new();
        group.bench_function("encode", |bencher| {
            bencher.iter(|| {
                bytes.clear();
                codec::encode(black_box(&batch), &mut bytes);
            });
        });
        group.bench_function("decode", |bencher| {
            bencher.iter(|| codec::decode(black_box(&bytes)))
        });
        group.finish();
    }
}

/// What the parser alone takes, with the best of guesses.
fn parse(body: &str) -> i64 {
    let mut parser = Parser::new(body);
    let mut sum = 0_i64;
    while let Some(series) = parser.next_series() {
        sum += series.as_str().len() as i64;
        for field in FIELDS {
            if let Ok(Some(field)) = &parser.next_field(Some(field)) {
                sum += i64::from(field.expected);
            }
        }
        sum = sum.wrapping_add(parser.timestamp().ok().flatten().unwrap_or_default());
    }
    sum
}

criterion_group!(benches, conversions);
criterion_main!(benches);
