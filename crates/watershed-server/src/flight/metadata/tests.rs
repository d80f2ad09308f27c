use super::*;

fn map(pairs: &[(&'static str, &str)]) -> MetadataMap {
    let mut map = MetadataMap::new();
    for (key, value) in pairs {
        map.append(*key, value.parse().unwrap());
    }
    map
}

fn database(pairs: &[(&'static str, &str)]) -> Result<String, String> {
    let name = database_of(&map(pairs));
    name.map(|d| d.to_string())
        .map_err(|s| s.message().to_owned())
}

#[test]
fn the_database_header_may_be_spelled_several_ways_but_mean_one() {
    for key in DATABASE_KEYS {
        assert_eq!(database(&[(key, "db")]).unwrap(), "db");
    }
    assert_eq!(
        database(&[("bucket", "db"), ("database", "db")]).unwrap(),
        "db"
    );
    assert_eq!(
        database(&[]).unwrap_err(),
        "no 'database' header in request"
    );
    assert_eq!(
        database(&[("bucket", "a"), ("database", "b")]).unwrap_err(),
        r#"More than one headers are found in request: ["database", "bucket"]. Please include only one of them"#
    );
    assert_eq!(
        database(&[("database", "a"), ("database", "b")]).unwrap_err(),
        r#"More than one headers are found in request: ["database", "database"]. Please include only one of them"#
    );
}

#[test]
fn a_header_that_is_no_text_is_named() {
    let mut metadata = MetadataMap::new();
    let value = tonic::metadata::MetadataValue::try_from(b"d\xc3\xa9".as_slice()).unwrap();
    metadata.insert("bucket", value);
    let status = database_of(&metadata).unwrap_err();
    assert_eq!(status.message(), "the header 'bucket' is not ASCII text");
}

#[test]
fn switches_have_many_words_for_yes() {
    for word in ["1", "on", "yes", "y", "true", "t", "TRUE", "On"] {
        assert!(options_of(&map(&[("iox-debug", word)])).debug, "{word}");
    }
    for word in ["0", "off", "no", "false", "", "truely"] {
        assert!(!options_of(&map(&[("iox-debug", word)])).debug, "{word}");
    }
    assert!(!options_of(&map(&[])).debug);
}

#[test]
fn the_language_is_sql_unless_influxql_is_said() {
    let language = |value| language_of(&map(&[("x-influxdata-query-language", value)]));
    assert_eq!(language("influxql"), Language::InfluxQl);
    assert_eq!(language("InfluxQL"), Language::InfluxQl);
    assert_eq!(language("sql"), Language::Sql);
    assert_eq!(language("flux"), Language::Sql);
    assert_eq!(language_of(&map(&[])), Language::Sql);
}

#[test]
fn tables_have_one_of_two_names() {
    let name = |value| base_table_type_of(&map(&[("x-influxdata-base-table-type", value)]));
    assert_eq!(name("table").unwrap(), "TABLE");
    assert_eq!(name("Base Table").unwrap(), "BASE TABLE");
    assert_eq!(base_table_type_of(&map(&[])).unwrap(), "BASE TABLE");
    assert_eq!(
        name("view").unwrap_err().message(),
        "Invalid base table type: 'view'. Valid values are 'BASE TABLE' or 'TABLE'"
    );
}

#[test]
fn rows_are_plain_unless_asked_for_otherwise() {
    let wire = Wire::of(&map(&[])).unwrap();
    assert!(wire.compression.is_none() && !wire.dictionaries);
    let wire = Wire::of(&map(&[
        ("x-watershed-ipc-compression", "ZSTD"),
        ("x-watershed-dictionaries", "true"),
    ]));
    let wire = wire.unwrap();
    assert_eq!(wire.compression, Some(CompressionType::ZSTD));
    assert!(wire.dictionaries);
    let status = Wire::of(&map(&[("x-watershed-ipc-compression", "gzip")])).unwrap_err();
    assert_eq!(
        status.message(),
        "Invalid IPC compression: 'gzip'. Valid values are 'lz4' and 'zstd'; leave out x-watershed-ipc-compression for none"
    );
}

#[test]
fn limits_that_are_no_numbers_are_none() {
    let limits = |partitions, files| {
        let options = options_of(&map(&[
            ("x-influxdata-partition-limit", partitions),
            ("x-influxdata-parquet-file-limit", files),
        ]));
        (options.partitions_max, options.parquet_files_max)
    };
    assert_eq!(limits("10", "20"), (Some(10), Some(20)));
    assert_eq!(limits("ten", "-1"), (None, None));
    let options = options_of(&map(&[]));
    assert_eq!(
        (options.partitions_max, options.parquet_files_max),
        (None, None)
    );
}
