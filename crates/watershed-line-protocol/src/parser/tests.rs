//! Text in, text out: what the parser makes of a body, one item a line.

use crate::{LineError, NAME_BYTES_MAX, Parser, Reason, STRING_BYTES_MAX, Value, check_utf8};

/// Reads a body with the fast layer and describes it: for a line its number, series, fields and
/// timestamp, or its error.
fn describe(body: &str) -> String {
    let mut parser = Parser::new(body);
    let mut lines = Vec::new();
    while let Some(series) = parser.next_series() {
        let described = series
            .parse()
            .map(|_| series.as_str())
            .and_then(|series| describe_rest(&mut parser, series));
        let line = parser.line_number();
        lines.push(match described {
            Ok(text) => format!("{line}: {text}"),
            Err(error) => format!(
                "{} at {}",
                LineError {
                    line,
                    error: error.clone()
                },
                error.column()
            ),
        });
    }
    lines.join("\n")
}

fn describe_rest(parser: &mut Parser<'_>, series: &str) -> Result<String, crate::Error> {
    let mut text = series.to_owned();
    let mut separator = ' ';
    while let Some(field) = parser.next_field(None)? {
        let value = match field.value {
            Value::Float(value) => format!("{value:?}"),
            Value::Integer(value) => format!("{value}i"),
            Value::Unsigned(value) => format!("{value}u"),
            Value::Boolean(value) => value.to_string(),
            Value::String(value) => format!("{:?}", value.unescaped()),
        };
        text += &format!("{separator}{}={value}", field.key.name());
        separator = ',';
    }
    if let Some(timestamp) = parser.timestamp()? {
        text += &format!(" {timestamp}");
    }
    Ok(text)
}

#[track_caller]
fn check(body: &str, expected: &str) {
    assert_eq!(describe(body), expected, "{body:?}");
}

/// One bad line: its error text and the column.
#[track_caller]
fn check_error(line: &str, column: usize, text: &str) {
    check(
        line,
        &format!("error parsing line 1 (1-based): {text} at {column}"),
    );
}

#[test]
fn sections() {
    check("m f=1", "1: m f=1.0");
    check("m,a=x,b=y f=1,g=2i 10", "1: m,a=x,b=y f=1.0,g=2i 10");
    check("m,a=x   f=1   -5   ", "1: m,a=x f=1.0 -5");
    check("m f=1  ", "1: m f=1.0");
    check(" \t m f=1 1\n \t", "1: m f=1.0 1");
    check("", "");
    check("m \"f\"=1,'=2", "1: m \"f\"=1.0,'=2.0");
}

#[test]
fn no_fields() {
    check_error(
        "m",
        2,
        "Expected at least one space character, got end of input",
    );
    check_error(
        "m\tf=1",
        2,
        "Expected at least one space character, got `\tf=1`",
    );
    check_error(
        "m,a=b\tf=1",
        6,
        "Expected at least one space character, got `\tf=1`",
    );
    check_error("m ", 3, "No fields were provided");
    check_error("m 1234", 3, "No fields were provided");
    check_error("m f", 3, "No fields were provided");
    check_error("m f 10", 3, "No fields were provided");
    check_error("m =1", 3, "No fields were provided");
    check_error("m ,g=1", 3, "No fields were provided");
    check_error("m f=", 5, "No fields were provided");
    check_error("m f==1", 5, "No fields were provided");
    check_error("m f\t=1", 3, "No fields were provided");
}

#[test]
fn commas_between_fields() {
    check_error(
        "m f=1,",
        6,
        "Could not parse entire line. Found trailing content: `,`",
    );
    check_error(
        "m f=1,\r\n",
        6,
        "Could not parse entire line. Found trailing content: `,`",
    );
    check_error(
        "m f=1,,g=2",
        7,
        "Could not parse entire line. Found trailing content: `,g=2`",
    );
    check_error(
        "m f=1, g=2",
        7,
        "Could not parse entire line. Found trailing content: ` g=2`",
    );
    check_error(
        "m f=1,g",
        7,
        "Could not parse entire line. Found trailing content: `g`",
    );
    check_error(
        "m f=1,g,h=2",
        7,
        "Could not parse entire line. Found trailing content: `g,h=2`",
    );
    check_error(
        "m f=1,g= 10",
        7,
        "Could not parse entire line. Found trailing content: `g= 10`",
    );
    check_error("m f,g=1", 3, "No fields were provided");
}

#[test]
fn field_keys_are_unescaped() {
    check(
        r"m f\,g=1,h\=i=2,j\ k=3,l\\m=4,n\o=5",
        r"1: m f,g=1.0,h=i=2.0,j k=3.0,l\m=4.0,n\o=5.0",
    );
    check("m f\\\ng=1", "1: m f\\\ng=1.0");
    check_error(r"m f\=1", 3, "No fields were provided");
    let ends_with_backslash =
        "Measurements, tag keys and values, and field keys may not end with a backslash";
    check_error(r"m f\\=1", 5, ends_with_backslash);
    check_error(r"m f=1,g\\=1", 9, ends_with_backslash);
    check_error(r"m f\", 4, ends_with_backslash);
    check_error("m f\\\r\n", 4, ends_with_backslash);
}

#[test]
fn booleans() {
    check(
        "m a=t,b=T,c=true,d=True,e=TRUE 1",
        "1: m a=true,b=true,c=true,d=true,e=true 1",
    );
    check(
        "m a=f,b=F,c=false,d=False,e=FALSE 1",
        "1: m a=false,b=false,c=false,d=false,e=false 1",
    );
    check_error(
        "m f=tRUE 1",
        6,
        "Could not parse entire line. Found trailing content: `RUE 1`",
    );
    check_error(
        "m f=truee 1",
        9,
        "Could not parse entire line. Found trailing content: `e 1`",
    );
    check_error(
        "m f=fals",
        6,
        "Could not parse entire line. Found trailing content: `als`",
    );
    check_error("m f=yes 1", 5, "No fields were provided");
}

#[test]
fn numbers_in_their_place() {
    check(
        "m a=1i,b=-1i,c=1u,d=1.5,e=-0 1",
        "1: m a=1i,b=-1i,c=1u,d=1.5,e=-0.0 1",
    );
    check_error(
        "m f=1x",
        6,
        "Could not parse entire line. Found trailing content: `x`",
    );
    check_error("m f=+1", 5, "No fields were provided");
    check_error("m f=-", 5, "No fields were provided");
    check_error("m f=１", 5, "No fields were provided");
    check_error(
        "m f=1,g=-",
        7,
        "Could not parse entire line. Found trailing content: `g=-`",
    );
    check_error(
        "m f=9223372036854775808i",
        5,
        "Unable to parse integer value `9223372036854775808`",
    );
    check_error(
        "m f=18446744073709551616u",
        5,
        "Unable to parse unsigned integer value `18446744073709551616`",
    );
    check_error(
        "m f=-1e400",
        5,
        "Unable to parse floating-point value `-1e400`",
    );
    check_error(
        &format!("m f={}i", "9".repeat(1000)),
        5,
        &format!("Unable to parse integer value `{}...`", "9".repeat(128)),
    );
}

#[test]
fn strings() {
    check(
        r#"m a="",b="x y",c="a,b=c" 5"#,
        r#"1: m a="",b="x y",c="a,b=c" 5"#,
    );
    check(r#"m f="a\"b\\c\d\,\ " 5"#, r#"1: m f="a\"b\\c\\d\\,\\ " 5"#);
    check(
        "m f=\"a\nb\r\nc\0\t日\" 5",
        "1: m f=\"a\\nb\\r\\nc\\0\\t日\" 5",
    );
    check_error(
        "m f=\"a\"b 5",
        8,
        "Could not parse entire line. Found trailing content: `b 5`",
    );
    check_error("m f=abc 5", 5, "No fields were provided");
    check_error("m f='abc' 5", 5, "No fields were provided");
    check_error(
        "m f=1,g=\"abc",
        7,
        "Could not parse entire line. Found trailing content: `g=\"abc`",
    );
}

#[test]
fn a_string_that_is_never_closed_takes_the_next_lines_along() {
    check(
        "m f=1 1\nm f=\"x 2\nm f=3 3",
        "1: m f=1.0 1\nerror parsing line 2 (1-based): No fields were provided at 5",
    );
    check(
        "m f=\"x 1\nm f=\"y\" 2\nm f=3 3",
        "error parsing line 1 (1-based): Could not parse entire line. Found trailing content: `y\" 2\nm f=3...` at 15",
    );
}

#[test]
fn quotes_count_only_in_values() {
    check(
        "m,a=\"x f=1 1\nm \"f=2 2",
        "1: m,a=\"x f=1.0 1\n2: m \"f=2.0 2",
    );
    check("m f=1,\"g=2\nm f=3", "1: m f=1.0,\"g=2.0\n2: m f=3.0");
    check(
        "m,a=\"x\" f=\"y\nz\" 1\nm f=2 2",
        "1: m,a=\"x\" f=\"y\\nz\" 1\n3: m f=2.0 2",
    );
}

#[test]
fn timestamps() {
    check(
        "m f=1 9223372036854775807",
        "1: m f=1.0 9223372036854775807",
    );
    check(
        "m f=1 -9223372036854775808\n",
        "1: m f=1.0 -9223372036854775808",
    );
    check("m f=1 00000000000000000000000000000012", "1: m f=1.0 12");
    check_error(
        "m f=1 9223372036854775808",
        7,
        "Unable to parse timestamp value `9223372036854775808`",
    );
    check_error(
        "m f=1 -9223372036854775809",
        7,
        "Unable to parse timestamp value `-9223372036854775809`",
    );
    check_error(
        "m f=1 1.5",
        8,
        "Could not parse entire line. Found trailing content: `.5`",
    );
    check_error(
        "m f=1  abc",
        6,
        "Could not parse entire line. Found trailing content: `  abc`",
    );
    check_error(
        "m f=1 -",
        6,
        "Could not parse entire line. Found trailing content: ` -`",
    );
    check_error(
        "m f=1 1 # no",
        9,
        "Could not parse entire line. Found trailing content: `# no`",
    );
    check_error(
        "m f=1 10\t",
        9,
        "Could not parse entire line. Found trailing content: `\t`",
    );
    check_error(
        "m f=1\t10",
        6,
        "Could not parse entire line. Found trailing content: `\t10`",
    );
    check_error(
        "m f=1 1 23456789012",
        9,
        "Could not parse entire line. Found trailing content: `2345678901...`",
    );
}

#[test]
fn line_ends() {
    check(
        "m f=1 1\r\nm f=2\r\n\r\n  \r\nm f=t\r\n",
        "1: m f=1.0 1\n2: m f=2.0\n5: m f=true",
    );
    check("m f=\"a\" \r\nm f=1i\r\n", "1: m f=\"a\"\n2: m f=1i");
    check_error(
        "m\r\n",
        2,
        "Expected at least one space character, got end of input",
    );
    check_error(
        "m f=1\r\r\n",
        6,
        "Could not parse entire line. Found trailing content: `\r`",
    );
    check_error(
        "m f=1\r",
        6,
        "Could not parse entire line. Found trailing content: `\r`",
    );
}

#[test]
fn comments_and_blank_lines() {
    check(
        "# hi, a=\"b\nm f=1 1\n \t #x\n\n\nm f=2 2\n#",
        "2: m f=1.0 1\n6: m f=2.0 2",
    );
    check("m,a=#1 f=1", "1: m,a=#1 f=1.0");
}

#[test]
fn byte_order_mark_at_the_beginning_only() {
    check(
        "\u{FEFF}m f=1\n\u{FEFF}m f=2",
        "1: m f=1.0\n2: \u{FEFF}m f=2.0",
    );
}

#[test]
fn an_escaped_space_or_newline_is_part_of_the_series() {
    check(r"m\ x,a=b\ c f=1", r"1: m\ x,a=b\ c f=1.0");
    check(
        "m\\\nx,a=b\\\nc f=1\nm f=2",
        "1: m\\\nx,a=b\\\nc f=1.0\n4: m f=2.0",
    );
    check_error(
        r"m\ f=1",
        7,
        "Expected at least one space character, got end of input",
    );
    // Three backslashes are one that is meant and one that escapes.
    check(r"m\\\ x f=1", r"1: m\\\ x f=1.0");
}

#[test]
fn a_bad_line_that_ends_in_a_backslash_takes_the_next_along() {
    check(
        "m f=1\\\nm f=2\nm f=3",
        "error parsing line 1 (1-based): Could not parse entire line. Found trailing content: `\\\nm f=2` at 6\n3: m f=3.0",
    );
}

#[test]
fn lengths() {
    let key = "k".repeat(NAME_BYTES_MAX);
    check(&format!("m {key}=1"), &format!("1: m {key}=1.0"));
    check_error(&format!("m {key}k=1"), 3, "String is greater than 64KB");
    let escaped = "\\,".repeat(NAME_BYTES_MAX);
    check(
        &format!("m {escaped}=1"),
        &format!("1: m {}=1.0", ",".repeat(NAME_BYTES_MAX)),
    );
    let text = "é".repeat(STRING_BYTES_MAX / 2);
    check(&format!("m f=\"{text}\""), &format!("1: m f=\"{text}\""));
    check_error(&format!("m f=\"{text}x\""), 5, "String is greater than 1MB");
    let escaped = r"\\".repeat(STRING_BYTES_MAX);
    check(
        &format!("m f=\"{escaped}\""),
        &format!("1: m f=\"{escaped}\""),
    );
}

#[test]
fn expected_keys() {
    let mut parser = Parser::new(r"m f=1,usage_long_name=2,h\==3,usage=4,usage_user=5");
    parser.next_series().unwrap();
    let mut next = |expected: &str| {
        let field = parser.next_field(Some(expected)).unwrap().unwrap();
        (field.key.raw(), field.value, field.expected)
    };
    assert_eq!(next("f"), ("f", Value::Float(1.0), true));
    assert_eq!(
        next("usage_long_nama"),
        ("usage_long_name", Value::Float(2.0), false)
    );
    assert_eq!(next(r"h\="), (r"h\=", Value::Float(3.0), true));
    assert_eq!(next("usage_user"), ("usage", Value::Float(4.0), false));
    assert_eq!(next("usage"), ("usage_user", Value::Float(5.0), false));
    assert_eq!(parser.next_field(Some("f")), Ok(None));
}

#[test]
fn a_guess_that_reaches_beyond_the_body_is_only_wrong() {
    let mut parser = Parser::new("m f=1");
    parser.next_series().unwrap();
    assert!(
        !parser
            .next_field(Some("f=1_and_more"))
            .unwrap()
            .unwrap()
            .expected
    );
}

#[test]
fn the_caller_may_leave_a_line_anywhere() {
    let mut parser = Parser::new("a f=1,g=\"x\ny\" 1\nb f=1,g=2 2\nc f=3 3\nd f=4");
    assert_eq!(parser.next_series().unwrap().as_str(), "a");
    assert_eq!(parser.next_series().unwrap().as_str(), "b");
    parser.next_field(None).unwrap();
    assert_eq!((parser.line(), parser.line_number()), ("b f=1,g=2 2", 3));
    let error = parser.error(Reason::DuplicateField {
        name: "g".to_owned(),
    });
    assert_eq!(error.column(), 6);
    parser.skip_line();
    assert_eq!(parser.next_series().unwrap().as_str(), "c");
    assert_eq!(parser.timestamp(), Ok(Some(3)));
    assert_eq!((parser.line(), parser.line_number()), ("c f=3 3", 4));
    parser.skip_line();
    parser.skip_line();
    assert_eq!(parser.next_series().unwrap().as_str(), "d");
    assert_eq!(parser.timestamp(), Ok(None));
    assert!(parser.next_series().is_none());
    assert_eq!(
        (parser.next_field(None), parser.timestamp()),
        (Ok(None), Ok(None))
    );
    assert!(parser.next_series().is_none());
}

#[test]
fn timestamp_checks_fields_that_were_not_pulled() {
    let mut parser = Parser::new("m f=1,g=x 1");
    parser.next_series().unwrap();
    parser.next_field(None).unwrap();
    assert!(matches!(
        parser.timestamp().unwrap_err().reason(),
        Reason::TrailingContent { .. }
    ));
}

#[test]
fn utf8_is_checked_with_the_place() {
    assert_eq!(check_utf8("m f=\"é\"".as_bytes()), Ok("m f=\"é\""));
    let error = check_utf8(b"m f=\"\xFF\"").unwrap_err();
    assert_eq!(error.valid_up_to(), 5);
    assert_eq!(
        error.to_string(),
        "invalid utf-8 sequence of 1 bytes from index 5"
    );
}

/// The series of all lines, each asked for with a guess.
fn series_guessed<'a>(body: &'a str, guess: Option<&str>) -> Vec<(&'a str, bool)> {
    let mut parser = Parser::new(body);
    let mut found = Vec::new();
    while let Some((series, expected)) = parser.next_series_expecting(guess) {
        found.push((series.as_str(), expected));
    }
    found
}

#[test]
fn a_guess_of_the_series_changes_nothing_but_the_way_to_it() {
    let body =
        "cpu,host=a f=1\n cpu,host=ab f=1\ncpu,host=a\\ b f=1\ncpu,host=a\n#c\ncpu,host=a f=2";
    let all = [
        ("cpu,host=a", true),
        ("cpu,host=ab", false),
        ("cpu,host=a\\ b", false),
        ("cpu,host=a", true),
        ("cpu,host=a", true),
    ];
    assert_eq!(series_guessed(body, Some("cpu,host=a")), all);
    let unguessed = all.map(|(series, _)| (series, false));
    assert_eq!(series_guessed(body, None), unguessed);
    assert_eq!(series_guessed(body, Some("cpu,host=abc")), unguessed);
}

#[test]
fn the_line_goes_on_behind_a_guessed_series() {
    let mut parser = Parser::new("m f=1 7\nm f=2 8");
    for time in [7, 8] {
        assert!(matches!(
            parser.next_series_expecting(Some("m")),
            Some((_, true))
        ));
        assert!(parser.next_field(None).unwrap().is_some());
        assert_eq!(parser.timestamp(), Ok(Some(time)));
    }
    assert!(parser.next_series_expecting(Some("m")).is_none());
}
