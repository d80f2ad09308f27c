use super::*;
use std::collections::HashSet;
use watershed_line_protocol::parse_points;

const NOW: i64 = 1_800_000_000 * SECOND;

fn sets() -> impl Iterator<Item = DataSet> {
    (0..20).flat_map(|seed| (0..8).map(move |index| DataSet::generate(seed, index, NOW)))
}

#[test]
fn one_seed_makes_one_set() {
    let lines = |seed, index| DataSet::generate(seed, index, NOW).lines().unwrap();
    assert_eq!(lines(1, 2), lines(1, 2));
    assert_ne!(lines(1, 2), lines(1, 3));
    assert_ne!(lines(1, 2), lines(2, 2));
}

#[test]
fn lines_say_what_the_points_are() {
    for set in sets() {
        let lines = set.lines().unwrap();
        let read: Vec<Point> = parse_points(&lines).map(Result::unwrap).collect();
        assert_eq!(read, set.points);
    }
}

#[test]
fn sets_without_ties_have_none() {
    for set in sets().filter(|set| !set.ties) {
        let mut series = BTreeMap::new();
        for point in &set.points {
            let at = (&point.measurement, point.timestamp);
            assert_eq!(
                *series.entry(at).or_insert(&point.tags),
                &point.tags,
                "{point:?}"
            );
        }
    }
}

#[test]
fn sets_with_ties_have_some() {
    let has_tie = |set: DataSet| {
        let mut series = HashSet::new();
        let mut times = HashSet::new();
        for point in &set.points {
            series.insert((&point.measurement, &point.tags, point.timestamp));
            times.insert((&point.measurement, point.timestamp));
        }
        times.len() < series.len()
    };
    assert!(sets().filter(|set| set.ties).any(has_tie));
}

#[test]
fn there_is_all_that_makes_queries_go_wrong() {
    let sets: Vec<DataSet> = sets().collect();
    let points = || sets.iter().flat_map(|set| &set.points);
    assert!(points().any(|point| point.tags.is_empty()));
    assert!(points().any(|point| point.timestamp < Some(0)));
    assert!(points().any(|point| point.timestamp > Some(6_000_000_000 * SECOND)));
    for kind in [
        FieldKind::Float,
        FieldKind::Integer,
        FieldKind::Boolean,
        FieldKind::String,
    ] {
        assert!(points().any(|point| point.fields.iter().any(|(_, value)| value.kind() == kind)));
    }
    let absent = |set: &DataSet| {
        let of_measurement = |point: &&Point| point.measurement == set.measurements[0].name;
        let tags = |point: &Point| point.tags.len();
        let all = set.points.iter().filter(of_measurement);
        all.clone().map(tags).min() != all.map(tags).max()
    };
    assert!(sets.iter().any(absent));
    assert!(
        sets.iter()
            .any(|set| set.recent && set.max_time < NOW && set.min_time > NOW - 12 * HOUR)
    );
    let overwritten = |set: &DataSet| {
        let mut keys = HashSet::new();
        let key = |point: &Point| {
            (
                point.measurement.clone(),
                point.tags.clone(),
                point.timestamp,
            )
        };
        !set.points.iter().all(|point| keys.insert(key(point)))
    };
    assert!(sets.iter().any(overwritten));
}

#[test]
fn no_name_is_a_tag_and_a_field() {
    for set in sets() {
        let tags: HashSet<&String> = set
            .measurements
            .iter()
            .flat_map(|m| m.tags.keys())
            .collect();
        assert!(
            !set.measurements
                .iter()
                .any(|m| m.fields.keys().any(|name| tags.contains(name)))
        );
    }
}

#[test]
fn fewer_points_are_described_anew() {
    let set = DataSet::generate(1, 0, NOW);
    let first = set.points[0].clone();
    let smaller = set.with_points(vec![first.clone()]);
    assert_eq!(smaller.measurements.len(), 1);
    assert_eq!(smaller.measurements[0].name, first.measurement);
    assert_eq!(smaller.measurements[0].fields.len(), first.fields.len());
    assert_eq!(
        (Some(smaller.min_time), Some(smaller.max_time)),
        (first.timestamp, first.timestamp)
    );
}
