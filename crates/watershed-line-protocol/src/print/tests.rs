use crate::{FieldValue, Point, PrintError, STRING_BYTES_MAX, parse_points};

fn point(measurement: &str, tag: (&str, &str), field: &str, value: FieldValue) -> Point {
    Point {
        measurement: measurement.to_owned(),
        tags: vec![(tag.0.to_owned(), tag.1.to_owned())],
        fields: vec![(field.to_owned(), value)],
        timestamp: Some(-1),
    }
}

#[track_caller]
fn check(point: &Point, expected: &str) {
    assert_eq!(point.to_line().as_deref(), Ok(expected));
    assert_eq!(
        parse_points(expected).collect::<Vec<_>>(),
        [Ok(point.clone())]
    );
}

#[test]
fn names_are_escaped() {
    let point = point(
        r"a,b c=d\e",
        (r"f,g h=i\j", r"k,l m=n\o"),
        r"p,q r=s\t",
        FieldValue::Integer(1),
    );
    check(
        &point,
        r"a\,b\ c=d\\e,f\,g\ h\=i\\j=k\,l\ m\=n\\o p\,q\ r\=s\\t=1i -1",
    );
}

#[test]
fn a_backslash_carries_a_blank() {
    let point = point(
        "a\\\nb",
        ("c\\\t\\\n", "d\\\\\n"),
        "e\\\n",
        FieldValue::Unsigned(1),
    );
    check(&point, "a\\\nb,c\\\t\\\n=d\\\\\\\n e\\\n=1u -1");
}

#[test]
fn values() {
    for (value, expected) in [
        (FieldValue::Float(1.0), "1.0"),
        (FieldValue::Float(-0.0), "-0.0"),
        (FieldValue::Float(1e300), "1e300"),
        (FieldValue::Float(5e-324), "5e-324"),
        (FieldValue::Float(0.1), "0.1"),
        (FieldValue::Integer(i64::MIN), "-9223372036854775808i"),
        (FieldValue::Unsigned(u64::MAX), "18446744073709551615u"),
        (FieldValue::Boolean(false), "false"),
        (
            FieldValue::String("a\"b\\c\n,= ".to_owned()),
            "\"a\\\"b\\\\c\n,= \"",
        ),
        (FieldValue::String(String::new()), "\"\""),
    ] {
        check(
            &point("m", ("a", "b"), "f", value),
            &format!("m,a=b f={expected} -1"),
        );
    }
}

#[test]
fn what_cannot_be_printed() {
    let one = || FieldValue::Float(1.0);
    let name = |name: &str| {
        Err(PrintError::Name {
            name: name.to_owned(),
        })
    };
    for bad in ["", "a\\", "a\nb", "a\tb", "#a", "a\0", "\u{FEFF}a"] {
        assert_eq!(point(bad, ("a", "b"), "f", one()).to_line(), name(bad));
    }
    for bad in ["", "a\\", "a\nb", "a\tb", "\n"] {
        assert_eq!(point("m", ("a", bad), "f", one()).to_line(), name(bad));
        assert_eq!(point("m", (bad, "a"), "f", one()).to_line(), name(bad));
        assert_eq!(point("m", ("a", "b"), bad, one()).to_line(), name(bad));
    }
    assert_eq!(
        point("m", ("time", "b"), "f", one()).to_line(),
        name("time")
    );
    assert_eq!(
        point("m", ("a", "b"), "time", one()).to_line(),
        name("time")
    );
    assert_eq!(
        point("m", ("f", "b"), "f", one()).to_line(),
        Err(PrintError::Duplicate {
            name: "f".to_owned()
        })
    );
    let not_finite = Err(PrintError::NotFinite {
        name: "f".to_owned(),
    });
    assert_eq!(
        point("m", ("a", "b"), "f", FieldValue::Float(f64::NAN)).to_line(),
        not_finite
    );
    let long = FieldValue::String("x".repeat(STRING_BYTES_MAX + 1));
    assert_eq!(
        point("m", ("a", "b"), "f", long).to_line(),
        Err(PrintError::StringTooLong {
            name: "f".to_owned()
        })
    );
    let no_fields = Point {
        fields: Vec::new(),
        ..point("m", ("a", "b"), "f", one())
    };
    assert_eq!(no_fields.to_line(), Err(PrintError::NoFields));
}
