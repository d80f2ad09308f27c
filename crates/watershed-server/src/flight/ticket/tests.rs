use super::*;
use watershed_query::ParamValue;

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
fn a_message_of_another_type_is_not_read_as_a_database() {
    let other = Any {
        type_url: "type.googleapis.com/arrow.flight.protocol.sql.CommandStatementQuery".to_owned(),
        value: Bytes::from_static(b"\x0a\x08SELECT 1"),
    };
    let error = ReadTicket::decode(&other.encode_to_vec().into()).unwrap_err();
    assert_eq!(error.code(), tonic::Code::InvalidArgument);
    let text = "Invalid ticket. Error: Invalid ticket: it is a \
                type.googleapis.com/arrow.flight.protocol.sql.CommandStatementQuery, expected";
    assert!(error.message().starts_with(text), "{}", error.message());
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
        ReadTicket::command(&database, &any, false).with_id(Uuid::from_u128(7)),
        ReadTicket::text(&database, "SELECT 1", Language::Sql, false),
        ReadTicket {
            database: database.clone(),
            read,
            debug: false,
            id: None,
        },
    ] {
        assert_eq!(ReadTicket::decode(&ticket.encode()).unwrap(), ticket);
    }
}

/// A bare message, field by field as the wire has it.
fn bare(query_type: u8) -> Vec<u8> {
    let mut bytes = vec![0x0a, 2, b'd', b'b', 0x12, 1, b'q', 0x18, query_type];
    // A parameter `x` of 7, and an unset one.
    bytes.extend([0x32, 5, 0x0a, 1, b'x', 0x20, 7]);
    bytes.extend([0x32, 3, 0x0a, 1, b'y']);
    bytes
}

#[test]
fn the_bare_message_is_read() {
    for (query_type, language) in [
        (0, Language::Sql),
        (1, Language::Sql),
        (2, Language::InfluxQl),
    ] {
        let mut params = Params::new();
        params.insert("x", ParamValue::U64(7));
        params.insert("y", ParamValue::Null);
        let read = Read::Text {
            text: "q".into(),
            language,
            params,
        };
        let ticket = ReadTicket::decode(&bare(query_type).into()).unwrap();
        assert_eq!(ticket.read, read);
    }
    // A text beside the type for commands, and a type that is none.
    for query_type in [3, 4] {
        let status = ReadTicket::decode(&bare(query_type).into()).unwrap_err();
        assert_eq!(status.message(), "Invalid ticket. Error: Invalid ticket");
    }
    // A command beside the type for texts.
    let mut bytes = bare(1);
    bytes.extend([0x22, 1, 1]);
    let status = ReadTicket::decode(&bytes.into()).unwrap_err();
    assert_eq!(status.message(), "Invalid ticket. Error: Invalid ticket");
}

#[test]
fn no_language_is_sql() {
    for json in [
        r#"{"database":"db","sql_query":"q","query_type":null,"params":null}"#,
        r#"{"database":"db","sql_query":"q"}"#,
    ] {
        let ticket = decode(json).unwrap();
        let database = DatabaseName::new("db").unwrap();
        assert_eq!(
            ticket,
            ReadTicket::text(&database, "q", Language::Sql, false)
        );
    }
}

#[test]
fn values_of_parameters_are_single_values() {
    let status = decode(r#"{"database":"db","sql_query":"q","params":{"x":[1]}}"#).unwrap_err();
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    assert!(
        status
            .message()
            .starts_with("Invalid ticket. Error: JSON arrays")
    );
}
