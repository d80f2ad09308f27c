//! The router against the obvious way: points parsed one by one, rules applied one by one.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use watershed_line_protocol::{FieldValue, Point, parse_points};

/// What the obvious way remembers: the type of each column of each table.
type Types = BTreeMap<(String, String), ColumnType>;

fn field_type(value: &FieldValue) -> ColumnType {
    match value {
        FieldValue::Float(_) => ColumnType::F64,
        FieldValue::Integer(_) => ColumnType::I64,
        FieldValue::Unsigned(_) => ColumnType::U64,
        FieldValue::Boolean(_) => ColumnType::Bool,
        FieldValue::String(_) => ColumnType::String,
    }
}

/// Adds the columns of the point, or nothing if one of them has another type.
fn fits(point: &Point, types: &mut Types) -> bool {
    let tags = point.tags.iter().map(|(name, _)| (name, ColumnType::Tag));
    let fields = point
        .fields
        .iter()
        .map(|(name, value)| (name, field_type(value)));
    let wanted: Vec<_> = tags
        .chain(fields)
        .map(|(name, column_type)| ((point.measurement.clone(), name.clone()), column_type))
        .collect();
    let fits = wanted
        .iter()
        .all(|(key, wanted)| types.get(key).is_none_or(|known| known == wanted));
    if fits {
        types.extend(wanted);
    }
    fits
}

fn render_point(point: &Point) -> String {
    let tags: BTreeMap<_, _> = point.tags.iter().cloned().collect();
    let fields: BTreeMap<_, _> = point.fields.iter().cloned().collect();
    let time = point.timestamp.unwrap_or(10 * DAY + DAY / 2);
    let day = watershed_model::PartitionKey::day_of(Timestamp::from_nanos(time));
    let day = watershed_model::PartitionKey::for_day(day);
    let mut text = format!("{} {day}", point.measurement);
    tags.iter()
        .for_each(|(name, value)| write!(text, " {name}={value}").unwrap());
    text.push(';');
    for (name, value) in &fields {
        match value {
            FieldValue::Float(value) => write!(text, " {name}={value:?}"),
            FieldValue::Integer(value) => write!(text, " {name}={value}i"),
            FieldValue::Unsigned(value) => write!(text, " {name}={value}u"),
            FieldValue::Boolean(value) => write!(text, " {name}={value}"),
            FieldValue::String(value) => write!(text, " {name}={value:?}"),
        }
        .unwrap();
    }
    write!(text, " @{time}").unwrap();
    text
}

/// The rows the obvious way accepts, grouped as the router groups them, and how many lines it refuses.
fn expected(body: &str, types: &mut Types) -> (Vec<String>, u64) {
    let (mut rows, mut refused) = (Vec::new(), 0);
    for point in parse_points(body) {
        match point {
            Ok(point) if fits(&point, types) => rows.push(render_point(&point)),
            _ => refused += 1,
        }
    }
    group(&mut rows);
    (rows, refused)
}

/// Sorts rows by table and day, without disturbing the order within. Names in these tests have no digits,
/// so a row's table and day reach up to its first tag or the semicolon.
fn group(rows: &mut [String]) {
    rows.sort_by_key(|row| {
        let day = row.find("19").map_or(0, |at| at + "1970-01-01".len());
        row[..day].to_owned()
    });
}

fn actual(world: &World, body: &str) -> (Vec<String>, u64) {
    let refused = match world.write(body.as_bytes()) {
        Ok(_) => 0,
        Err(WriteError::Rejected(rejection)) => rejection.rejected,
        Err(error) => panic!("{error}"),
    };
    let schema = world.catalog.schema();
    let mut rows: Vec<String> = Vec::new();
    for batch in world.sink.take() {
        rows.extend(render(&batch, &schema).lines().map(str::to_owned));
    }
    group(&mut rows);
    (rows, refused)
}

fn line() -> impl Strategy<Value = String> {
    let tag = (
        select(vec!["a", "b", "c", "f", "time"]),
        select(vec!["1", "2", "x\\ y", ""]),
    );
    let name = select(vec!["f", "f", "g", "g", "h", "i\\,j", "a", "time"]);
    let good = vec![
        "1",
        "2.5",
        "-0",
        "1",
        "2",
        "1i",
        "7u",
        "t",
        "\"s\"",
        "\"q\\\"r\"",
        "\"\"",
    ];
    let value = prop_oneof![
        10 => select(good),
        1 => select(vec!["1x", "", "\"open", "1i2", "1e999", "nan"]),
    ];
    let time = select(vec![
        "",
        " 0",
        " 1",
        " 2",
        " 90000000000000",
        " -1",
        " z",
        " 99999999999999999999",
    ]);
    let tags = prop_oneof![3 => vec(tag.clone(), 0..2), 1 => vec(tag, 0..5)];
    (
        select(vec!["m", "m", "n", "a\\ b"]),
        tags,
        vec((name, value), 1..5),
        time,
    )
        .prop_map(|(measurement, tags, fields, time)| {
            let tags: String = tags
                .iter()
                .map(|(key, value)| format!(",{key}={value}"))
                .collect();
            let fields: Vec<_> = fields
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            format!("{measurement}{tags} {}{time}", fields.join(","))
        })
}

fn body() -> impl Strategy<Value = String> {
    // Whole repeats make the guesses of series and fields come true.
    (vec(line(), 0..12), 1..3_usize)
        .prop_map(|(lines, times)| (lines.join("\n") + "\n").repeat(times))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn exactly_the_good_lines_are_written(bodies in vec(body(), 1..4)) {
        let world = World::new();
        let mut types = Types::new();
        for body in &bodies {
            prop_assert_eq!(actual(&world, body), expected(body, &mut types), "{}", body);
        }
        // What exists is what accepted lines needed.
        for (table, schema) in &world.catalog.schema().tables {
            for column in schema.columns().iter().filter(|column| column.name.as_str() != "time") {
                let key = (table.to_string(), column.name.to_string());
                prop_assert_eq!(types.remove(&key), Some(column.column_type));
            }
        }
        prop_assert!(types.is_empty(), "{:?}", types);
    }

    #[test]
    fn any_text_can_be_written(body in "[mn,= \\\\\"0-9iut.a-c\n-]{0,200}") {
        let world = World::new();
        let mut types = Types::new();
        prop_assert_eq!(actual(&world, &body).1, expected(&body, &mut types).1);
    }
}
