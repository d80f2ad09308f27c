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

/// Sorts rows by table and day, without disturbing the order within. A row's table and day reach up to its first
/// tag or the semicolon; a name with a year in it is cut too early, on both sides alike.
fn group(rows: &mut [String]) {
    rows.sort_by_key(|row| {
        let day = row.find("19").map_or(0, |at| at + "1970-01-01".len());
        row.get(..day).unwrap_or(row).to_owned()
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

/// What happens to a database.
#[derive(Debug, Clone)]
enum Event {
    Request(String),
    /// Another request is faster with these columns.
    Race(Vec<TableRequest>),
    Deletion(&'static str),
    /// Deleted, and made again with these columns.
    Replacement(TableRequest),
}

/// Lines that name few series, differently spelled, and fail at any place, the very end too.
fn odd_line() -> impl Strategy<Value = String> {
    let series = select(vec![
        "m",
        "m,a=1",
        "m,a=1",
        "m,a=2",
        "m,a=1,b=2",
        "m,b=2,a=1",
        "m,a=\\1,b=2",
        "m,\\a=1",
        "m,c=1",
        "m,c=1,d=1",
        "m,f=1",
        "n",
        "n",
        "n,a=1",
        "n,a=1",
        "o,a=1,b=1",
        "p,a=1",
        "q",
    ]);
    let fields = select(vec![
        "f=1",
        "f=1",
        "f=1",
        "f=2",
        "f=1,g=2",
        "f=1,g=2",
        "f=1i",
        "a=1",
        "b=\"x\"",
        "f=1,g=2",
        "g=2,f=1",
        "g=1u",
        "f=1,h=1,i=1",
        "f=1,f=1i",
        "time=1",
        "f=1,g=2,f=3",
    ]);
    let end = select(vec![
        "",
        "",
        " 900000000000000",
        " 800000000000000",
        " 1",
        " x",
        " 1 x",
        ",",
        ",x=",
        " 99999999999999999999",
    ]);
    (series, fields, end).prop_map(|(series, fields, end)| format!("{series} {fields}{end}"))
}

fn event() -> impl Strategy<Value = Event> {
    let race = select(vec![
        "m c:tag",
        "m f:i64",
        "m c:f64",
        "n a:tag f:f64",
        "o",
        "p a:f64",
    ]);
    prop_oneof![
        8 => (vec(odd_line(), 0..10), 1..3_usize)
            .prop_map(|(lines, times)| Event::Request((lines.join("\n") + "\n").repeat(times))),
        1 => race.prop_map(|text| Event::Race(vec![table(text)])),
        1 => select(vec!["m", "n", "o"]).prop_map(Event::Deletion),
        2 => select(vec!["m a:tag f:f64", "n a:tag f:f64 g:f64"])
            .prop_map(|text| Event::Replacement(table(text))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// A router that remembers series against one that has just been started, for each request.
    #[test]
    fn what_is_remembered_changes_nothing(
        events in vec(event(), 1..12),
        (tables_max, columns_max) in prop_oneof![2 => Just((500, 250)), 1 => (1..5_u32, 2..7_u32)],
        partial_writes in any::<bool>(),
    ) {
        let [remembers, mut forgets] = [(); 2].map(|()| {
            let mut world = World::with(|schema| {
                (schema.tables_max, schema.columns_max) = (tables_max, columns_max);
                schema.retention_nanos = Some(2 * DAY);
            });
            world.settings.partial_writes = partial_writes;
            world
        });
        for event in events {
            for world in [&remembers, &forgets] {
                match &event {
                    Event::Request(_) => {}
                    Event::Race(requests) => world.catalog.intrude(requests.clone()),
                    Event::Deletion(table) => world.catalog.delete(table),
                    Event::Replacement(request) => {
                        world.catalog.delete(request.table.as_str());
                        world.catalog.create_if_allowed(std::slice::from_ref(request));
                    }
                }
            }
            if let Event::Request(lines) = &event {
                forgets.caches = Arc::default();
                prop_assert_eq!(remembers.outcome(lines), forgets.outcome(lines), "{}", lines);
                let [one, other] = [&remembers, &forgets].map(|world| world.catalog.schema());
                prop_assert_eq!(&one.tables, &other.tables);
            }
        }
    }
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
