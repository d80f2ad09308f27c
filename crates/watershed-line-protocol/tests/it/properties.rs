//! The parser against its twin, and against itself through the printer.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use watershed_line_protocol::{FieldValue, Parser, Point, check_utf8, parse_points};

use crate::twin;

/// Compares all lines of a body: numbers, points (with the bits of their doubles) and error texts.
#[track_caller]
fn check_same(body: &str) {
    let mut points = parse_points(body);
    for (number, expected) in twin::parse(body) {
        match (points.next(), expected) {
            (Some(Ok(point)), Ok(expected)) => {
                assert_eq!(format!("{point:?}"), format!("{expected:?}"), "{body:?}")
            }
            (Some(Err(error)), Err(expected)) => {
                assert_eq!(
                    (error.line, error.error.to_string()),
                    (number, expected),
                    "{body:?}"
                );
            }
            (result, expected) => panic!("line {number} of {body:?}\n{result:?}\n{expected:?}"),
        }
    }
    assert_eq!(points.next(), None, "{body:?}");
}

/// The fast layer with and without guesses: same keys and values, and guesses that are right are
/// used.
#[track_caller]
fn check_guesses(body: &str) {
    let mut plain = Parser::new(body);
    let mut guessing = Parser::new(body);
    while let Some(series) = plain.next_series() {
        assert_eq!(
            guessing.next_series().map(|raw| raw.as_str()),
            Some(series.as_str())
        );
        loop {
            let field = plain.next_field(None);
            let key = field
                .as_ref()
                .ok()
                .and_then(|field| field.as_ref().map(|field| field.key.raw()));
            let wrong = guessing.clone().next_field(Some("other"));
            let right = guessing.next_field(key);
            assert_eq!(
                right
                    .as_ref()
                    .map(|field| field.map(|field| (field.key, field.value))),
                without_flag(&field)
            );
            assert_eq!(without_flag(&wrong), without_flag(&field));
            assert!(
                right.iter().flatten().all(|field| field.expected),
                "{body:?}"
            );
            if !matches!(field, Ok(Some(_))) {
                break;
            }
        }
        assert_eq!(plain.timestamp(), guessing.timestamp());
    }
    assert!(guessing.next_series().is_none());
}

type Parts<'a> = (
    watershed_line_protocol::RawKey<'a>,
    watershed_line_protocol::Value<'a>,
);

fn without_flag<'a, 'b>(
    field: &'b Result<Option<watershed_line_protocol::Field<'a>>, watershed_line_protocol::Error>,
) -> Result<Option<Parts<'a>>, &'b watershed_line_protocol::Error> {
    field
        .as_ref()
        .map(|field| field.map(|field| (field.key, field.value)))
}

/// Pieces of lines; put together at random, they make most of the mistakes that one can make.
fn pieces() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "m",
        "cpu,host=a",
        ",",
        "=",
        " ",
        " ",
        "  ",
        "\n",
        "\n",
        "\r\n",
        "\r",
        "\t",
        "\"",
        "\\",
        "\\\\",
        "\\\"",
        "#",
        "\0",
        "f=1",
        "f=1",
        "g=2i",
        "f=\"x y\"",
        "t",
        "true",
        "Falsee",
        "T",
        "time",
        "-",
        "+",
        ".",
        "e",
        "E",
        "i",
        "u",
        "0",
        "9",
        "1.5",
        "1e3",
        "1e400",
        "18446744073709551615",
        "9223372036854775808",
        "00000000000000000000001",
        "é",
        "日本",
        "\u{FEFF}",
        "m f=1 1\n",
        "m,a=b f=\"s\",g=t 22222222\n",
        " f=1",
        " f=1 10",
    ];
    prop::collection::vec(select(PIECES), 0..24).prop_map(|pieces| pieces.concat())
}

/// A good line, and one or two characters of it replaced.
fn mutated() -> impl Strategy<Value = String> {
    const GOOD: &str = "we\\ ather,loc\\=ation=us\\,midwest,b=c temp=82.5e-3,\"k\"=\"a\\\"b,\\\\ =c\",n=-12i,u=7u,ok=True 1465839830100400200\n";
    let replacement = select(
        &[
            "\"", "\\", " ", ",", "=", "\n", "\r", "", "1", "x", "é", "i",
        ][..],
    );
    let change = (any::<Index>(), replacement);
    prop::collection::vec(change, 0..4).prop_map(|changes| {
        let mut characters: Vec<String> = GOOD.repeat(2).chars().map(String::from).collect();
        for (index, replacement) in changes {
            let index = index.index(characters.len());
            characters[index] = replacement.to_owned();
        }
        characters.concat()
    })
}

/// Numbers of all sizes, in all spellings.
fn numbers() -> impl Strategy<Value = String> {
    let value = "-?[0-9]{1,25}(\\.[0-9]{0,25})?([eE][+-]?[0-9]{0,3})?[iu]?";
    (value, "( -?[0-9]{1,25})?").prop_map(|(value, timestamp)| format!("m f={value}{timestamp}"))
}

fn names() -> impl Strategy<Value = String> {
    "[a-cé\\\\ ,=\"#\r日\t\n']{1,6}"
}

fn values() -> impl Strategy<Value = FieldValue> {
    prop_oneof![
        any::<f64>().prop_map(FieldValue::Float),
        any::<i64>().prop_map(FieldValue::Integer),
        any::<u64>().prop_map(FieldValue::Unsigned),
        any::<bool>().prop_map(FieldValue::Boolean),
        "[a-c\\\\\"\n\r ,=é]{0,8}".prop_map(FieldValue::String),
    ]
}

fn points() -> impl Strategy<Value = Point> {
    let tags = prop::collection::vec((names(), names()), 0..4);
    let fields = prop::collection::vec((names(), values()), 1..4);
    (names(), tags, fields, any::<Option<i64>>()).prop_map(
        |(measurement, tags, fields, timestamp)| Point {
            measurement,
            tags,
            fields,
            timestamp,
        },
    )
}

/// At least 2048 cases, and more when `PROPTEST_CASES` says so.
fn config() -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig {
        cases: config.cases.max(2048),
        failure_persistence: None,
        ..config
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn agrees_with_the_twin_on_pieces(body in pieces()) {
        check_same(&body);
        check_guesses(&body);
    }

    #[test]
    fn agrees_with_the_twin_on_mutated_lines(body in mutated()) {
        check_same(&body);
        check_guesses(&body);
    }

    #[test]
    fn agrees_with_the_twin_on_numbers(body in numbers()) {
        check_same(&body);
    }

    #[test]
    fn never_panics_on_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let body = String::from_utf8_lossy(&bytes);
        prop_assert_eq!(check_utf8(&bytes).is_ok(), matches!(body, std::borrow::Cow::Borrowed(_)));
        check_same(&body);
    }

    #[test]
    fn what_is_printed_is_read_back(points in prop::collection::vec(points(), 1..4)) {
        let printable: Vec<(String, &Point)> =
            points.iter().filter_map(|point| Some((point.to_line().ok()?, point))).collect();
        let lines: Vec<&str> = printable.iter().map(|(line, _)| line.as_str()).collect();
        let read: Vec<Point> = parse_points(&lines.join("\n")).collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(read.iter().collect::<Vec<_>>(), printable.iter().map(|(_, point)| *point).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_read_can_be_printed(body in mutated()) {
        for point in parse_points(&body).flatten() {
            let line = point.to_line().unwrap();
            prop_assert_eq!(parse_points(&line).collect::<Vec<_>>(), vec![Ok(point)]);
        }
    }

    #[test]
    fn good_lines_survive_bad_ones(lines in prop::collection::vec(any::<bool>(), 1..50), crlf in any::<bool>()) {
        const BAD: [&str; 6] = ["m", "m,a= f=1", "m f=", "m f=1 x", "m,a=b\tf=1", "m f=1i,g=9223372036854775808i"];
        let body: Vec<String> = lines
            .iter()
            .enumerate()
            .map(|(i, good)| if *good { format!("m,a=b f={i}i {i}") } else { BAD[i % BAD.len()].to_owned() })
            .collect();
        let results: Vec<_> = parse_points(&body.join(if crlf { "\r\n" } else { "\n" })).collect();
        prop_assert_eq!(results.len(), lines.len());
        for (i, (result, good)) in results.iter().zip(&lines).enumerate() {
            match result {
                Ok(point) => prop_assert!(*good && point.timestamp == Some(i64::try_from(i).unwrap())),
                Err(error) => prop_assert!(!good && error.line == i + 1),
            }
        }
    }
}
