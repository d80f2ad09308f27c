//! How fast lines like those of the time series benchmark suite are read: 10 tags, 10 integer
//! fields, a timestamp.
//!
//! `cargo bench -p watershed-line-protocol`

use std::collections::HashMap;
use std::fmt::Write;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use watershed_line_protocol::{Parser, Value, check_utf8, parse_points};

const HOSTS: usize = 1000;
const LINES: usize = 10_000;

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

/// The lines, with values that depend on nothing but their place.
fn lines(value: impl Fn(usize) -> String) -> String {
    let mut body = String::new();
    for line in 0..LINES {
        let host = line % HOSTS;
        let _ = write!(
            body,
            "cpu,hostname=host_{host},region=eu-central-1,datacenter=eu-central-1a,rack={},os=Ubuntu15.10,arch=x64,team=SF,\
             service={},service_version=1,service_environment=production ",
            host % 100,
            host % 20,
        );
        for (index, field) in FIELDS.iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            let _ = write!(body, "{separator}{field}={}", value(line * 31 + index * 17));
        }
        let _ = writeln!(
            body,
            " {}",
            1_451_606_400_000_000_000_u64 + (line / HOSTS) as u64 * 10_000_000_000
        );
    }
    body
}

/// Series, fields and timestamps, with all keys as expected and the series not looked at.
fn read(body: &str) -> u64 {
    let mut parser = Parser::new(body);
    let mut sum = 0_u64;
    while let Some(series) = parser.next_series() {
        sum = sum.wrapping_add(series.as_str().len() as u64);
        sum = sum.wrapping_add(read_rest(&mut parser));
    }
    sum
}

fn read_rest(parser: &mut Parser<'_>) -> u64 {
    let mut sum = 0_u64;
    let mut keys = FIELDS.iter();
    while let Ok(Some(field)) = parser.next_field(keys.next().copied()) {
        sum = sum.wrapping_add(match field.value {
            Value::Float(value) => value.to_bits(),
            Value::Integer(value) => value.cast_unsigned(),
            _ => 0,
        });
    }
    match parser.timestamp() {
        Ok(timestamp) => sum.wrapping_add(timestamp.unwrap_or_default().cast_unsigned()),
        Err(_) => sum,
    }
}

/// As `read`, and every series is looked up by its text.
fn read_and_look_up(body: &str) -> u64 {
    let mut parser = Parser::new(body);
    let mut known: HashMap<&str, usize> = HashMap::new();
    let mut sum = 0_u64;
    while let Some(series) = parser.next_series() {
        let id = *known
            .entry(series.as_str())
            .or_insert_with(|| series.parse().map_or(0, |series| series.tags.len()));
        sum = sum
            .wrapping_add(id as u64)
            .wrapping_add(read_rest(&mut parser));
    }
    sum
}

fn read_without_expected_keys(body: &str) -> usize {
    let mut parser = Parser::new(body);
    let mut bytes = 0;
    while parser.next_series().is_some() {
        while let Ok(Some(field)) = parser.next_field(None) {
            bytes += field.key.raw().len();
        }
        bytes += usize::from(parser.timestamp().is_ok());
    }
    bytes
}

fn parse_series(body: &str) -> usize {
    let mut parser = Parser::new(body);
    let mut tags = 0;
    while let Some(series) = parser.next_series() {
        tags += series.parse().map_or(0, |series| series.tags.len());
        while let Ok(Some(_)) = parser.next_field(None) {}
        let _ = parser.timestamp();
    }
    tags
}

fn benches(criterion: &mut Criterion) {
    let integers = lines(|seed| format!("{}i", seed % 101));
    let floats = lines(|seed| format!("{}.{}", seed % 101, seed * 7919 % 1_000_000));
    let mut group = criterion.benchmark_group("parse");
    group.throughput(Throughput::Bytes(integers.len() as u64));
    group.bench_function("integers", |b| b.iter(|| read(black_box(&integers))));
    group.bench_function("integers, series looked up", |b| {
        b.iter(|| read_and_look_up(black_box(&integers)))
    });
    group.bench_function("integers, keys not expected", |b| {
        b.iter(|| read_without_expected_keys(black_box(&integers)))
    });
    group.bench_function("integers, series parsed", |b| {
        b.iter(|| parse_series(black_box(&integers)))
    });
    group.bench_function("integers, owned points", |b| {
        b.iter(|| {
            parse_points(black_box(&integers))
                .filter(Result::is_ok)
                .count()
        })
    });
    group.bench_function("check UTF-8", |b| {
        b.iter(|| check_utf8(black_box(integers.as_bytes())).is_ok())
    });
    group.throughput(Throughput::Bytes(floats.len() as u64));
    group.bench_function("floats", |b| b.iter(|| read(black_box(&floats))));
    group.finish();
}

criterion_group!(parse, benches);
criterion_main!(parse);
