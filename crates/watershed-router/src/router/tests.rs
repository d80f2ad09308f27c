mod fakes;
mod property;

use super::*;
use crate::SinkError;
use fakes::{MemoryCatalog, MemorySink, render};
use std::collections::BTreeMap;
use std::fmt::Write;
use watershed_catalog::{
    ColumnRequest, DatabaseSettings, NewDatabase, SqliteCatalog, TableRequest,
};
use watershed_model::{ColumnType, DatabaseId, ManualClock, Timestamp};

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

/// A database, a sink and a router between them, at noon of day 10.
struct World {
    catalog: Arc<MemoryCatalog>,
    sink: Arc<MemorySink>,
    settings: Settings,
    precision: Precision,
    /// Of all requests, as in one router.
    caches: Arc<CachePool>,
    runtime: tokio::runtime::Runtime,
}

fn database() -> DatabaseName {
    DatabaseName::new("db").unwrap()
}

fn empty_schema() -> DatabaseSchema {
    DatabaseSchema {
        id: DatabaseId::new(7),
        name: database(),
        retention_nanos: None,
        tables_max: 500,
        columns_max: 250,
        tables: BTreeMap::new(),
    }
}

/// Reads `cpu host:tag usage:f64` as what the catalog is asked for.
fn table(text: &str) -> TableRequest {
    let mut words = text.split(' ');
    let name = words.next().unwrap();
    let columns = words.map(|word| {
        let (name, column_type) = word.split_once(':').unwrap();
        ColumnRequest {
            name: name.into(),
            column_type: ColumnType::parse(column_type).unwrap(),
        }
    });
    TableRequest {
        table: name.into(),
        columns: columns.collect(),
    }
}

impl World {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut DatabaseSchema)) -> Self {
        let mut schema = empty_schema();
        change(&mut schema);
        Self {
            catalog: Arc::new(MemoryCatalog::new(schema)),
            sink: Arc::default(),
            settings: Settings::default(),
            precision: Precision::Nanosecond,
            caches: Arc::default(),
            runtime: tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap(),
        }
    }

    fn tables(self, tables: &[&str]) -> Self {
        self.catalog
            .create(&tables.iter().map(|text| table(text)).collect::<Vec<_>>());
        self
    }

    fn write(&self, body: &[u8]) -> Result<Written, WriteError> {
        let clock = ManualClock::at(Timestamp::from_nanos(10 * DAY + DAY / 2));
        let (catalog, sink) = (Arc::clone(&self.catalog) as _, Arc::clone(&self.sink) as _);
        let mut router = Router::new(catalog, sink, Arc::new(clock), self.settings.clone());
        router.caches = Arc::clone(&self.caches);
        let body = Bytes::copy_from_slice(body);
        self.runtime
            .block_on(router.write(&database(), body, self.precision))
    }

    /// What became of the lines: the rows in the sink, then the errors, each with `! ` before it.
    fn outcome(&self, lines: &str) -> String {
        let result = self.write(lines.as_bytes());
        let mut text = String::new();
        let mut rows = 0;
        for batch in self.sink.take() {
            rows += batch.rows() as u64;
            text += &render(&batch, &self.catalog.schema());
        }
        match result {
            Ok(written) => assert_eq!(written.rows, rows),
            Err(WriteError::Rejected(rejection)) => {
                assert_eq!(rejection.written, rows);
                assert_eq!(rejection.rejected, rejection.lines.len() as u64);
                for line in &rejection.lines {
                    assert!(line.message.contains(&format!("line {} ", line.line)));
                    writeln!(text, "! {}", line.message).unwrap();
                }
            }
            Err(error) => writeln!(text, "!! {error}").unwrap(),
        }
        text
    }

    #[track_caller]
    fn check(&self, lines: &str, expected: &str) {
        assert_eq!(self.outcome(lines).trim_end(), dedent(expected));
    }

    fn rejection(&self, lines: &str) -> Rejection {
        match self.write(lines.as_bytes()) {
            Err(WriteError::Rejected(rejection)) => rejection,
            other => panic!("not rejected: {other:?}"),
        }
    }

    /// The columns of a table that lines have created, as `name:type`.
    fn columns(&self, table: &str) -> Vec<String> {
        let schema = self.catalog.schema();
        let columns = schema
            .table(table)
            .map(|table| table.columns().to_vec())
            .unwrap_or_default();
        columns
            .iter()
            .map(|column| format!("{}:{}", column.name, column.column_type))
            .collect()
    }
}

fn dedent(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines.join("\n")
}

#[track_caller]
fn check(lines: &str, expected: &str) {
    World::new().check(lines, expected);
}

#[test]
fn every_type_arrives() {
    check(
        "m,b=2,a=1 f=1.5,i=-2i,u=3u,t=T,s=\"x \\\" y\" 10\nempty f=1 11",
        r#"
        m 1970-01-01 a=1 b=2; f=1.5 i=-2i s="x \" y" t=true u=3u @10
        empty 1970-01-01; f=1.0 @11
        "#,
    );
}

#[test]
fn columns_are_created_once_and_with_their_types() {
    let world = World::new();
    world.check("m,a=1 f=1i 10", "m 1970-01-01 a=1; f=1i @10");
    assert_eq!(world.columns("m"), ["a:tag", "f:i64", "time:time"]);
    assert_eq!(world.catalog.changes(), 1);
    world.check("m,a=2 f=2i 11", "m 1970-01-01 a=2; f=2i @11");
    assert_eq!(world.catalog.changes(), 1);
}

#[test]
fn absent_fields_are_null_wherever_they_are_absent() {
    check(
        "m a=1 1\nm b=1 2\nm a=2,b=2,c=\"x\" 3\nm c=\"\" 4\nm b=3,a=3 5",
        r#"
        m 1970-01-01; a=1.0 @1
        m 1970-01-01; b=1.0 @2
        m 1970-01-01; a=2.0 b=2.0 c="x" @3
        m 1970-01-01; c="" @4
        m 1970-01-01; a=3.0 b=3.0 @5
        "#,
    );
}

#[test]
fn a_body_without_points_writes_nothing() {
    for body in ["", "\n\n", "# a comment\n", " \t\n#x", "\u{feff}"] {
        let world = World::new();
        assert_eq!(world.write(body.as_bytes()).unwrap(), Written { rows: 0 });
        assert!(world.sink.take().is_empty());
        assert_eq!(world.catalog.changes(), 0);
    }
}

#[test]
fn bad_lines_do_not_disturb_good_ones() {
    check(
        "m f=1 1\nm f=\n\n# comment\nm,=x f=1\nm f=2 2",
        "
        m 1970-01-01; f=1.0 @1
        m 1970-01-01; f=2.0 @2
        ! error parsing line 2 (1-based): No fields were provided
        ! error parsing line 5 (1-based): Expected tag key, got `=x f=1`
        ",
    );
}

#[test]
fn a_line_that_fails_late_leaves_no_value_behind() {
    check(
        "m a=1,b=1,s=\"one\" 1\nm a=2,c=2,s=\"two\",b=x 2\nm a=3,b=3,s=\"three\" 3z\nm b=4,s=\"four\" 4",
        r#"
        m 1970-01-01; a=1.0 b=1.0 s="one" @1
        m 1970-01-01; b=4.0 s="four" @4
        ! error parsing line 2 (1-based): Could not parse entire line. Found trailing content: `b=x 2`
        ! error parsing line 3 (1-based): Could not parse entire line. Found trailing content: `z`
        "#,
    );
}

#[test]
fn a_refused_line_leaves_no_column_type_or_table() {
    let world = World::new();
    world.check(
        "m x=1i,y=oops 1\nm x=1.5 2\nm,t=a f=oops 3\nm t=1 4\nn,h=a f=1 5z\n",
        "
        m 1970-01-01; x=1.5 @2
        m 1970-01-01; t=1.0 @4
        ! error parsing line 1 (1-based): Could not parse entire line. Found trailing content: `y=oops 1`
        ! error parsing line 3 (1-based): No fields were provided
        ! error parsing line 5 (1-based): Could not parse entire line. Found trailing content: `z`
        ",
    );
    assert_eq!(world.columns("m"), ["t:f64", "time:time", "x:f64"]);
    assert!(world.catalog.schema().table("n").is_none());
}

#[test]
fn nothing_is_created_when_all_lines_are_refused() {
    let world = World::new();
    world.check(
        "m x=1i,y=oops 1",
        "! error parsing line 1 (1-based): Could not parse entire line. Found trailing content: `y=oops 1`",
    );
    assert_eq!(world.catalog.changes(), 0);
}

#[test]
fn a_type_conflict_within_the_request() {
    check(
        "m temp=\"warm\" 1\nm temp=1i 2\nm other=1,temp=1 3\nm temp=\"cold\" 4",
        r#"
        m 1970-01-01; temp="warm" @1
        m 1970-01-01; temp="cold" @4
        ! error writing line 2 (1-based): Unable to insert iox::column_type::field::integer type into column temp with type iox::column_type::field::string
        ! error writing line 3 (1-based): Unable to insert iox::column_type::field::float type into column temp with type iox::column_type::field::string
        "#,
    );
}

#[test]
fn a_type_conflict_with_the_catalog() {
    let world = World::new().tables(&["m t:tag f:f64 u:u64 b:bool"]);
    world.check(
        "m f=1i 1\nm u=1i 2\nm b=\"x\" 3\nm f=1,u=1u,b=f 4\nm t=1 5\nm,f=a b=t 6",
        "
        m 1970-01-01; b=false f=1.0 u=1u @4
        ! error writing line 1 (1-based): Unable to insert iox::column_type::field::integer type into column f with type iox::column_type::field::float
        ! error writing line 2 (1-based): Unable to insert iox::column_type::field::integer type into column u with type iox::column_type::field::uinteger
        ! error writing line 3 (1-based): Unable to insert iox::column_type::field::string type into column b with type iox::column_type::field::boolean
        ! error writing line 5 (1-based): Unable to insert iox::column_type::field::float type into column t with type iox::column_type::tag
        ! error writing line 6 (1-based): Unable to insert iox::column_type::tag type into column f with type iox::column_type::field::float
        ",
    );
    assert_eq!(world.catalog.changes(), 0);
}

#[test]
fn tags_and_fields_of_the_request_do_not_share_names() {
    check(
        "m,a=1 f=1 1\nm,f=1 g=1 2\nm a=1 3\nm,a=1 a=t 4\nm,z=1 z=1 5",
        "
        m 1970-01-01 a=1; f=1.0 @1
        ! error writing line 2 (1-based): Unable to insert iox::column_type::tag type into column f with type iox::column_type::field::float
        ! error writing line 3 (1-based): Unable to insert iox::column_type::field::float type into column a with type iox::column_type::tag
        ! error writing line 4 (1-based): Unable to insert iox::column_type::field::boolean type into column a with type iox::column_type::tag
        ! error writing line 5 (1-based): Unable to insert iox::column_type::field::float type into column z with type iox::column_type::tag
        ",
    );
}

#[test]
fn names_repeated_in_a_line() {
    check(
        "m f=1,g=1,f=2 1\nm s=\"long text\",s=\"x\" 2\nm f=3,f=3i 3\nm,a=1,a=1 f=1 4\nm f=4,f=5,f=6 5",
        r#"
        m 1970-01-01; f=2.0 g=1.0 @1
        m 1970-01-01; s="x" @2
        m 1970-01-01; f=6.0 @5
        ! error parsing line 3 (1-based): the field 'f' is specified more than once with conflicting types
        ! error parsing line 4 (1-based): the tag 'a' is specified more than once with conflicting values
        "#,
    );
}

#[test]
fn the_name_time() {
    check(
        "m f=1,time=2i 1\nm time=\"x\",f=2 2\nm time=1 3\nm,time=a f=1 4\nm f=3 5",
        r#"
        m 1970-01-01; f=1.0 @1
        m 1970-01-01; f=2.0 @2
        m 1970-01-01; f=3.0 @5
        ! error parsing line 3 (1-based): invalid field name: input field "time" on measurement "m" is invalid
        ! error parsing line 4 (1-based): input tag "time" on measurement "m" is invalid
        "#,
    );
}

#[test]
fn escaped_names_are_the_names_they_mean() {
    let world = World::new();
    world.check(
        "a\\ b,t\\,g=v\\ w f\\=1=1 1\na\\ b,t\\,g=v\\ w f\\=1=2 2",
        "
        a b 1970-01-01 t,g=v w; f=1=1.0 @1
        a b 1970-01-01 t,g=v w; f=1=2.0 @2
        ",
    );
    assert_eq!(world.columns("a b"), ["f=1:f64", "t,g:tag", "time:time"]);
}

#[test]
fn a_series_is_one_however_its_tags_are_ordered() {
    let world = World::new().tables(&["m a:tag b:tag c:tag f:f64"]);
    world
        .write(b"m,a=1,b=2 f=1 1\nm,b=2,a=1 f=2 2\nm,c=3 f=3 3\nm,a=1,b=2 f=4 4")
        .unwrap();
    let batch = world.sink.take().remove(0);
    assert_eq!(batch.tables[0].series.len(), 2);
    assert_eq!(batch.tables[0].row_series, [0, 0, 1, 0]);
}

#[test]
fn rows_are_split_by_day_in_line_order() {
    let world = World::new();
    let day = |day: i64| day * DAY + 5;
    let lines = [
        format!("m,h=a f=1,s=\"x\" {}", day(1)),
        format!("m,h=b f=2 {}", day(0)),
        format!("n f=3 {}", day(1)),
        format!("m,h=a g=4i {}", day(1)),
        format!("m,h=c f=5 {}", day(-1)),
        format!("m,h=b f=6,b=t {}", day(0)),
    ];
    world.check(
        &lines.join("\n"),
        r#"
        m 1969-12-31 h=c; f=5.0 @-86399999999995
        m 1970-01-01 h=b; f=2.0 @5
        m 1970-01-01 h=b; b=true f=6.0 @5
        m 1970-01-02 h=a; f=1.0 s="x" @86400000000005
        m 1970-01-02 h=a; g=4i @86400000000005
        n 1970-01-02; f=3.0 @86400000000005
        "#,
    );
}

#[test]
fn timestamps_are_scaled_and_may_not_overflow() {
    let mut world = World::new();
    world.precision = Precision::Second;
    world.check(
        "m f=1 9223372036\nm f=2 9223372037\nm f=3 -9223372037\nm f=4 -1",
        "
        m 1969-12-31; f=4.0 @-1000000000
        m 2262-04-11; f=1.0 @9223372036000000000
        ! timestamp overflows i64 on line 2 (1-based)
        ! timestamp overflows i64 on line 3 (1-based)
        ",
    );
}

#[test]
fn points_without_timestamp_share_the_servers_instant() {
    let mut world = World::new();
    world.precision = Precision::Hour;
    let noon = 10 * DAY + DAY / 2;
    world.check(
        "m f=1\nm f=2 241\nm f=3",
        &format!(
            "m 1970-01-11; f=1.0 @{noon}\nm 1970-01-11; f=2.0 @{}\nm 1970-01-11; f=3.0 @{noon}",
            241 * 3600 * SECOND
        ),
    );
}

fn keeping_one_day() -> World {
    World::with(|schema| schema.retention_nanos = Some(DAY))
}

#[test]
fn points_older_than_the_retention_period_are_refused_one_by_one() {
    let world = keeping_one_day();
    let oldest = 9 * DAY + DAY / 2;
    let lines = format!("m f=1 {oldest}\nm f=2 {}\nm f=3\nm f=4 0", oldest - 1);
    world.check(
        &lines,
        &format!(
            "
            m 1970-01-10; f=1.0 @{oldest}
            m 1970-01-11; f=3.0 @907200000000000
            ! error writing line 2 (1-based): data in table m is outside of the retention period: minimum acceptable timestamp is 1970-01-10T12:00:00Z, but observed timestamp 1970-01-10T11:59:59.999999999Z is older.
            ! error writing line 4 (1-based): data in table m is outside of the retention period: minimum acceptable timestamp is 1970-01-10T12:00:00Z, but observed timestamp 1970-01-01T00:00:00Z is older.
            "
        ),
    );
    let rejection = world.rejection(&lines);
    assert!(rejection.any_outside_retention && !rejection.all_outside_retention);
}

#[test]
fn it_is_known_when_every_point_is_too_old() {
    let all = keeping_one_day().rejection("m f=1 1\nm f=2 2");
    assert!(all.all_outside_retention && all.any_outside_retention);
    let mixed = keeping_one_day().rejection("m f=1 1\nm f=x 2");
    assert!(!mixed.all_outside_retention && mixed.any_outside_retention);
    let other = keeping_one_day().rejection("m f=x 2");
    assert!(!other.all_outside_retention && !other.any_outside_retention);
}

#[test]
fn a_retention_period_longer_than_time_keeps_everything() {
    let world = World::with(|schema| schema.retention_nanos = Some(i64::MAX));
    world.check(
        "m f=1 -8000000000000000000",
        "m 1716-06-28; f=1.0 @-8000000000000000000",
    );
}

#[test]
fn lines_that_need_a_table_too_many_are_refused() {
    let world = World::with(|schema| schema.tables_max = 2).tables(&["a f:f64"]);
    world.check(
        "b f=1 1\nc f=2 2\na f=3 3\nc f=4 4\nb f=5 5",
        "
        b 1970-01-01; f=1.0 @1
        b 1970-01-01; f=5.0 @5
        a 1970-01-01; f=3.0 @3
        ! error writing line 2 (1-based): service limit reached: couldn't create new table; namespace contains 2 existing tables, applying this write would result in 3 tables, limit is 2
        ! error writing line 4 (1-based): service limit reached: couldn't create new table; namespace contains 2 existing tables, applying this write would result in 3 tables, limit is 2
        ",
    );
}

#[test]
fn a_table_that_only_refused_lines_need_takes_no_place() {
    let world = World::with(|schema| schema.tables_max = 1);
    world.check(
        "a f=x 1\nb f=2 2",
        "
        b 1970-01-01; f=2.0 @2
        ! error parsing line 1 (1-based): No fields were provided
        ",
    );
}

#[test]
fn lines_that_need_columns_too_many_are_refused() {
    // Time and three more.
    let world = World::with(|schema| schema.columns_max = 4);
    world.check(
        "m,a=1 f=1 1\nm,a=1 g=2,h=2,i=2 2\nm,a=1,b=1,c=1 f=3 3\nm,a=1 g=4 4\nm f=5,g=5 5\nm h=6 6",
        "
        m 1970-01-01 a=1; f=1.0 @1
        m 1970-01-01 a=1; g=4.0 @4
        m 1970-01-01; f=5.0 g=5.0 @5
        ! error writing line 2 (1-based): service limit reached: couldn't create columns in table `m`; table contains 3 existing columns, applying this write would result in 6 columns, limit is 4
        ! error writing line 3 (1-based): service limit reached: couldn't create columns in table `m`; table contains 3 existing columns, applying this write would result in 5 columns, limit is 4
        ! error writing line 6 (1-based): service limit reached: couldn't create columns in table `m`; table contains 4 existing columns, applying this write would result in 5 columns, limit is 4
        ",
    );
    assert_eq!(world.columns("m"), ["a:tag", "f:f64", "g:f64", "time:time"]);
}

#[test]
fn lines_that_add_nothing_pass_a_table_over_its_limit() {
    let world = World::with(|schema| schema.columns_max = 3).tables(&["m f:f64 g:f64"]);
    world.check(
        "m f=1,g=1 1\nm h=1 2\nm f=3 3",
        "
        m 1970-01-01; f=1.0 g=1.0 @1
        m 1970-01-01; f=3.0 @3
        ! error writing line 2 (1-based): service limit reached: couldn't create columns in table `m`; table contains 3 existing columns, applying this write would result in 4 columns, limit is 3
        ",
    );
}

#[test]
fn without_partial_writes_one_bad_line_refuses_all() {
    let mut world = World::new();
    world.settings.partial_writes = false;
    world.check("m f=1 1", "m 1970-01-01; f=1.0 @1");
    world.check(
        "n f=1 1\nm f=1i 2\nm f=x 3",
        "
        ! error writing line 2 (1-based): Unable to insert iox::column_type::field::integer type into column f with type iox::column_type::field::float
        ! error parsing line 3 (1-based): No fields were provided
        ",
    );
    assert!(world.catalog.schema().table("n").is_none());
    assert!(world.rejection("m f=x 3").refused_whole);
}

#[test]
fn all_refused_lines_are_counted_but_only_the_first_described() {
    let mut world = World::new();
    world.settings.line_errors_max = 3;
    let lines: String = (0..10).map(|line| format!("m f=x {line}\n")).collect();
    let rejection = world.rejection(&(lines + "m f=1 1"));
    let described: Vec<usize> = rejection.lines.iter().map(|line| line.line).collect();
    assert_eq!(
        (described, rejection.rejected, rejection.written),
        (vec![1, 2, 3], 10, 1)
    );
    assert_eq!(Settings::default().line_errors_max, 100);
}

#[test]
fn a_body_that_is_not_utf8_says_where() {
    let world = World::new();
    let error = world.write(b"m f=1 1\nm f=\"\xff\" 2").unwrap_err();
    assert!(matches!(error, WriteError::NotUtf8 { at: 13, .. }));
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(
        error.to_string(),
        "body content is not valid utf8: invalid utf-8 sequence of 1 bytes from index 13"
    );
    assert!(world.sink.take().is_empty());
}

#[test]
fn the_loser_of_a_race_for_a_type_gets_line_errors() {
    let world = World::new();
    world.catalog.intrude(vec![table("m temp:string")]);
    world.check(
        "m temp=1i 1\nm other=2i 2",
        "
        m 1970-01-01; other=2i @2
        ! error writing line 1 (1-based): Unable to insert iox::column_type::field::integer type into column temp with type iox::column_type::field::string
        ",
    );
    assert_eq!(
        world.columns("m"),
        ["other:i64", "temp:string", "time:time"]
    );
}

#[test]
fn the_loser_of_a_race_for_the_last_place_gets_line_errors() {
    let world = World::with(|schema| (schema.tables_max, schema.columns_max) = (1, 3));
    world.catalog.intrude(vec![table("m a:f64 b:f64")]);
    world.check(
        "m a=1,c=1 1\nm a=2 2\nn f=1 3",
        "
        m 1970-01-01; a=2.0 @2
        ! error writing line 1 (1-based): service limit reached: couldn't create columns in table `m`; table contains 3 existing columns, applying this write would result in 4 columns, limit is 3
        ! error writing line 3 (1-based): service limit reached: couldn't create new table; namespace contains 1 existing tables, applying this write would result in 2 tables, limit is 1
        ",
    );
}

#[test]
fn a_race_that_agrees_disturbs_no_one() {
    let world = World::new();
    world
        .catalog
        .intrude(vec![table("m f:f64 g:i64"), table("n x:tag")]);
    world.check("m f=1 1", "m 1970-01-01; f=1.0 @1");
}

#[test]
fn a_table_made_anew_does_not_disturb_the_series_of_others() {
    let world = World::new().tables(&["m a:tag f:f64", "n f:f64"]);
    world.check("n f=1 1", "n 1970-01-01; f=1.0 @1");
    world.catalog.delete("n");
    world.catalog.create(&[table("n f:f64")]);
    // The sink insists on series that are distinct.
    world.check(
        "m,a=1 f=1 1\nn f=1 2\nm,a=1 f=2 3\nm,a=2 f=3 4",
        "
        m 1970-01-01 a=1; f=1.0 @1
        m 1970-01-01 a=1; f=2.0 @3
        m 1970-01-01 a=2; f=3.0 @4
        n 1970-01-01; f=1.0 @2
        ",
    );
}

#[test]
fn tables_of_refused_lines_are_not_remembered() {
    let world = World::new().tables(&["m f:f64"]);
    world.write(b"m f=1 1").unwrap();
    let bytes = || {
        let cache = world.caches.take(DatabaseId::new(7));
        let bytes = cache.memory_bytes();
        world.caches.put(DatabaseId::new(7), cache);
        bytes
    };
    let before = bytes();
    let lines: String = (0..1_000).map(|at| format!("t{at},a=1 f=1 x\n")).collect();
    assert_eq!(world.rejection(&lines).rejected, 1_000);
    // Room for the one that was being looked at.
    assert!(bytes() < before + 2_000, "{} after {before}", bytes());
}

#[test]
fn races_without_end_end() {
    let world = World::new();
    // Each attempt finds one more of its columns taken.
    let lines: String = (0..20).map(|at| format!("m f{at}=1i {at}\n")).collect();
    for at in 0..20 {
        world.catalog.intrude(vec![table(&format!("m f{at}:f64"))]);
    }
    let error = world.write(lines.as_bytes()).unwrap_err();
    assert!(
        matches!(error, WriteError::Catalog(CatalogError::ColumnType { .. })),
        "{error:?}"
    );
    assert_eq!(world.catalog.changes(), ATTEMPTS_MAX as usize);
    assert!(world.sink.take().is_empty());
}

#[test]
fn what_the_sink_says_comes_through() {
    let world = World::new();
    let refusal = SinkError {
        kind: ErrorKind::Exhausted,
        message: "the buffer is full".to_owned(),
        retry_after_seconds: Some(5),
    };
    world.sink.refuse(refusal.clone());
    let error = world.write(b"m f=1 1\nm f=x 2").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exhausted);
    assert!(matches!(error, WriteError::Sink(error) if error == refusal));
}

#[test]
fn an_unknown_database_is_not_found() {
    let world = World::with(|schema| schema.name = DatabaseName::new("other").unwrap());
    for body in ["m f=1 1", ""] {
        let error = world.write(body.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(matches!(error, WriteError::DatabaseNotFound(name) if name == database()));
    }
}

#[test]
fn large_bodies_go_the_same_way() {
    let world = World::new();
    let lines: String = (0..5_000)
        .map(|at| format!("m,h=h{} f={at}i,g={at} {at}\n", at % 7))
        .collect();
    assert!(lines.len() > BLOCKING_BYTES_MIN);
    assert_eq!(
        world.write(lines.as_bytes()).unwrap(),
        Written { rows: 5_000 }
    );
    let batch = world.sink.take().remove(0);
    assert_eq!(batch.tables[0].series.len(), 7);
    let schema = world.catalog.schema();
    let rendered = render(&batch, &schema);
    assert!(rendered.lines().enumerate().all(|(at, row)| {
        row == format!(
            "m 1970-01-01 h=h{}; f={at}i g={:?} @{at}",
            at % 7,
            at as f64
        )
    }));
}

#[test]
fn few_bytes_can_not_ask_for_much_memory() {
    let mut world = World::new();
    world.settings.cells_max = 1_000;
    let wide: String = (0..50).map(|at| format!("f{at}=1,")).collect();
    let wide = format!("m {} 1\n", wide.trim_end_matches(','));
    let narrow = "m f0=1 2\n";
    assert_eq!(
        world
            .write((wide.clone() + &narrow.repeat(19)).as_bytes())
            .unwrap()
            .rows,
        20
    );
    // One row more at the end, or fifty columns after many rows.
    for body in [wide.clone() + &narrow.repeat(20), narrow.repeat(30) + &wide] {
        let error = world.write(body.as_bytes()).unwrap_err();
        assert!(matches!(error, WriteError::TooLarge(_)), "{error}");
        assert_eq!(error.kind(), ErrorKind::TooLarge);
    }
}

#[test]
fn rows_of_many_tables_take_the_memory_of_their_values() {
    let world = World::new();
    // Lines are expected to be like the first one.
    let mut lines = "m f=1 1\n".to_owned();
    let fields: Vec<_> = (0..20).map(|at| format!("f{at}={at}")).collect();
    for at in 0..500 {
        writeln!(lines, "t{} {} {at}", at % 100, fields.join(",")).unwrap();
    }
    world.write(lines.as_bytes()).unwrap();
    let batch = world.sink.take().remove(0);
    let bytes: usize = batch.tables.iter().map(|of| of.memory_bytes()).sum();
    assert!(
        bytes < 8 * lines.len(),
        "{bytes} bytes, of {} of text",
        lines.len()
    );
}

#[test]
fn refused_lines_use_up_no_memory() {
    let mut world = World::new();
    world.settings.cells_max = 100;
    let lines = "m f=1 1\n".to_owned() + &"m f=1,g=1,h=1 z\n".repeat(200) + "m f=2 2";
    let rejection = world.rejection(&lines);
    assert_eq!((rejection.written, rejection.rejected), (2, 200));
}

#[test]
fn a_request_may_not_touch_partitions_without_end() {
    let mut world = World::new();
    world.precision = Precision::Hour;
    let lines: String = (0..70_000)
        .map(|day| format!("m f=1 {}\n", day * 24))
        .collect();
    let error = world.write(lines.as_bytes()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the request writes to more than 65536 partitions: send fewer tables and days at a time"
    );
}

#[tokio::test]
async fn the_real_catalog_does() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::from_nanos(10 * DAY)));
    let catalog = SqliteCatalog::open(&directory.path().join("c"), Arc::clone(&clock) as _).await;
    let catalog = Arc::new(catalog.unwrap());
    let settings = DatabaseSettings {
        columns_max: Some(3),
        ..DatabaseSettings::default()
    };
    catalog
        .create_database(NewDatabase {
            name: database(),
            settings,
        })
        .await
        .unwrap();
    let sink = Arc::new(MemorySink::default());
    let router = Router::new(
        Arc::clone(&catalog) as _,
        Arc::clone(&sink) as _,
        clock,
        Settings::default(),
    );
    let body = Bytes::from_static(b"m,a=1 f=1 1\nm f=1i 2\nm g=1 3\nm f=2");
    let error = router
        .write(&database(), body, Precision::Nanosecond)
        .await
        .unwrap_err();
    let WriteError::Rejected(rejection) = error else {
        panic!("{error}")
    };
    let lines: Vec<usize> = rejection.lines.iter().map(|line| line.line).collect();
    assert_eq!((lines, rejection.written), (vec![2, 3], 2));
    let schema = catalog.database(&database()).await.unwrap();
    assert_eq!(
        render(&sink.take()[0], &schema),
        "m 1970-01-01 a=1; f=1.0 @1\nm 1970-01-11; f=2.0 @864000000000000\n"
    );
}
