use super::*;
use std::collections::BTreeSet;
use watershed_line_protocol::{FieldValue, Point, parse_points};

fn points(body: &str) -> Vec<Point> {
    parse_points(body).collect::<Result<_, _>>().unwrap()
}

#[test]
fn rows_are_what_they_are_called() {
    let body = cpu(100, 1000);
    let points_cpu = points(&body);
    assert_eq!(points_cpu.len(), 1000);
    assert!(
        points_cpu
            .iter()
            .all(|p| p.tags.len() == 10 && p.fields.len() == 10)
    );
    assert!((330..360).contains(&(body.len() / 1000)), "{}", body.len());
    let points_iot = points(&iot(100, 1000));
    assert_eq!(points_iot.len(), 1000);
    assert!(
        points_iot
            .iter()
            .all(|p| p.tags.len() == 8 && p.fields.len() == 10)
    );
}

#[test]
fn no_two_rows_have_one_key() {
    let key = |p: Point| (p.tags[0].clone(), p.timestamp);
    for body in [cpu(7, 100), iot(7, 100)] {
        let keys: BTreeSet<_> = points(&body).into_iter().map(key).collect();
        assert_eq!(keys.len(), 100);
    }
}

#[test]
fn a_batch_has_its_own_time_and_mark() {
    let shape = Shape {
        hosts: 3,
        ticks: 4,
        start_nanos: START_NANOS,
        tick_nanos: 1000,
    };
    let mut template = Template::new(shape, 1);
    let mut keys = BTreeSet::new();
    for batch in [0, 1, 2, 500] {
        let body = String::from_utf8(template.batch(batch).to_vec()).unwrap();
        let rows = points(&body);
        assert_eq!(rows.len() as u64, shape.rows());
        for row in rows {
            let time = row.timestamp.unwrap();
            assert!((shape.begin_nanos(batch)..shape.begin_nanos(batch + 1)).contains(&time));
            let mark = FieldValue::Integer(Shape::mark(batch) as i64);
            assert_eq!(row.fields[0], ("usage_user".to_owned(), mark));
            keys.insert((row.tags[0].clone(), time));
        }
    }
    assert_eq!(keys.len() as u64, 4 * shape.rows());
}
