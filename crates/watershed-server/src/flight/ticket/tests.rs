use super::*;

fn decode(json: &str) -> Result<ReadTicket, Status> {
    ReadTicket::decode(&Bytes::copy_from_slice(json.as_bytes()))
}

#[test]
fn the_json_ticket_has_four_names_for_the_database() {
    for key in ["database", "namespace_name", "bucket", "bucket-name"] {
        let ticket = decode(&format!(
            r#"{{"{key}":"db","sql_query":"SELECT 1","other":[]}}"#
        ))
        .unwrap();
        assert_eq!(
            ticket,
            ReadTicket::text(
                &DatabaseName::new("db").unwrap(),
                "SELECT 1",
                Language::Sql,
                false
            )
        );
    }
}

#[test]
fn the_json_ticket_has_values_and_a_language() {
    let ticket = decode(
        r#"{"database":"db","sql_query":"q","query_type":"influxql","params":{"a":1,"b":-1,"c":0.5,"d":"x","e":true,"f":null},"is_debug":true}"#,
    )
    .unwrap();
    assert!(ticket.debug);
    let Read::Text {
        language, params, ..
    } = ticket.read
    else {
        panic!("a text")
    };
    assert_eq!(language, Language::InfluxQl);
    let expected = [
        ("a", ParamValue::U64(1)),
        ("b", ParamValue::I64(-1)),
        ("c", ParamValue::F64(0.5)),
        ("d", ParamValue::String("x".into())),
        ("e", ParamValue::Bool(true)),
        ("f", ParamValue::Null),
    ];
    assert_eq!(
        params.iter().collect::<Vec<_>>(),
        expected.iter().map(|(n, v)| (*n, v)).collect::<Vec<_>>()
    );
}

#[test]
fn what_is_no_ticket_is_refused() {
    for text in [
        "",
        "not a ticket",
        "{}",
        r#"{"database":"db"}"#,
        r#"{"database":"db","sql_query":"q","query_type":"SQL"}"#,
    ] {
        let error = decode(text).unwrap_err();
        assert_eq!(error.code(), tonic::Code::InvalidArgument, "{text}");
        assert_eq!(
            error.message(),
            "Invalid ticket. Error: Invalid ticket",
            "{text}"
        );
    }
    let broken = Any {
        type_url: READ_INFO_URL.to_owned(),
        value: Bytes::from_static(b"\xff"),
    };
    assert!(ReadTicket::decode(&broken.encode_to_vec().into()).is_err());
}

#[test]
fn tickets_of_ours_come_back_as_they_went() {
    let database = DatabaseName::new("a/b").unwrap();
    let any = Any {
        type_url: "type.googleapis.com/x".to_owned(),
        value: Bytes::from_static(b"abc"),
    };
    let mut params = Params::new();
    params.insert("x", ParamValue::F64(1.5));
    params.insert("y", ParamValue::Null);
    let read = Read::Text {
        text: "q".into(),
        language: Language::InfluxQl,
        params,
    };
    for ticket in [
        ReadTicket::command(&database, &any, true),
        ReadTicket::text(&database, "SELECT 1", Language::Sql, false),
        ReadTicket {
            database: database.clone(),
            read,
            debug: false,
        },
    ] {
        assert_eq!(ReadTicket::decode(&ticket.encode()).unwrap(), ticket);
    }
}

#[test]
fn the_database_header_may_be_spelled_several_ways_but_mean_one() {
    let metadata = |pairs: &[(&'static str, &str)]| {
        let mut map = MetadataMap::new();
        for (key, value) in pairs {
            map.insert(*key, value.parse().unwrap());
        }
        database_of(&map)
            .map(|d| d.to_string())
            .map_err(|s| s.message().to_owned())
    };
    for key in DATABASE_KEYS {
        assert_eq!(metadata(&[(key, "db")]).unwrap(), "db");
    }
    assert_eq!(
        metadata(&[("bucket", "db"), ("database", "db")]).unwrap(),
        "db"
    );
    assert_eq!(
        metadata(&[]).unwrap_err(),
        "no 'database' header in request"
    );
    assert_eq!(
        metadata(&[("bucket", "a"), ("database", "b")]).unwrap_err(),
        r#"More than one headers are found in request: ["database", "bucket"]. Please include only one of them"#
    );
}
