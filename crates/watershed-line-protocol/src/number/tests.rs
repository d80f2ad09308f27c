use super::{Flaw, number, timestamp};
use crate::Value;

/// The number at the start of a text, with the text behind it.
fn read(text: &str) -> Result<(Value<'static>, &str), Flaw> {
    number(text, 0).map(|number| (number.value(), &text[number.end..]))
}

#[track_caller]
fn check_float(text: &str) {
    let (value, rest) = read(text).unwrap();
    let Value::Float(value) = value else {
        panic!("{text}: {value:?}")
    };
    assert_eq!(
        (value.to_bits(), rest),
        (text.parse::<f64>().unwrap().to_bits(), ""),
        "{text}: {value:?}"
    );
}

#[test]
fn integers() {
    for text in [
        "0",
        "7",
        "42",
        "1234567",
        "12345678",
        "123456789",
        "1234567890123456",
        "9223372036854775807",
    ] {
        let value: i64 = text.parse().unwrap();
        assert_eq!(read(&format!("{text}i,")), Ok((Value::Integer(value), ",")));
        assert_eq!(read(&format!("-{text}i")), Ok((Value::Integer(-value), "")));
        assert_eq!(
            read(&format!("{text}u")),
            Ok((Value::Unsigned(value.cast_unsigned()), ""))
        );
    }
    assert_eq!(
        read("-9223372036854775808i"),
        Ok((Value::Integer(i64::MIN), ""))
    );
    assert_eq!(
        read("18446744073709551615u"),
        Ok((Value::Unsigned(u64::MAX), ""))
    );
    assert_eq!(read("-0i"), Ok((Value::Integer(0), "")));
}

#[test]
fn leading_zeros() {
    assert_eq!(read("007i"), Ok((Value::Integer(7), "")));
    assert_eq!(
        read("-0009223372036854775808i"),
        Ok((Value::Integer(i64::MIN), ""))
    );
    assert_eq!(
        read("00018446744073709551615u"),
        Ok((Value::Unsigned(u64::MAX), ""))
    );
    check_float("000000000000000000000000000000001.5");
}

#[test]
fn out_of_range() {
    assert_eq!(read("9223372036854775808i"), Err(Flaw::Integer { end: 19 }));
    assert_eq!(
        read("-9223372036854775809i"),
        Err(Flaw::Integer { end: 20 })
    );
    assert_eq!(
        read("99999999999999999999999999i"),
        Err(Flaw::Integer { end: 26 })
    );
    assert_eq!(
        read("18446744073709551616u"),
        Err(Flaw::Unsigned { end: 20 })
    );
    assert_eq!(read("1e400"), Err(Flaw::Float { end: 5 }));
    assert_eq!(read("-1e400"), Err(Flaw::Float { end: 6 }));
    assert_eq!(read(&"9".repeat(400)), Err(Flaw::Float { end: 400 }));
    assert_eq!(read("1e99999999999999999999"), Err(Flaw::Float { end: 22 }));
}

#[test]
fn floats_are_the_nearest_double() {
    for text in [
        "0",
        "-0",
        "1",
        "-1",
        "0.0",
        "1.5",
        "1e3",
        "1E3",
        "1e+3",
        "25e-2",
        "82.5",
        "0.1",
        "0.3",
        "1e22",
        "1e23",
        "1e-22",
        "1e-23",
        "9007199254740992",
        "9007199254740993",
        "9007199254740993.0",
        "18446744073709551615",
        "18446744073709551616",
        "0.1234567890123456789012345678901234567890",
        "123456789012345678.9",
        "1.7976931348623157e308",
        "5e-324",
        "2e-324",
        "1e-400",
        "0e400",
        "2.2250738585072011e-308",
        "1e000000000000000000000003",
        "1.0000000000000009",
        "-1.234456e-10",
        "6.02214076e23",
        "100000000000000000000000000000000000000000000000000",
    ] {
        check_float(text);
    }
}

#[test]
fn the_grammar_decides_where_a_number_ends() {
    for (text, value, rest) in [
        ("1.", 1.0, "."),
        ("1.x", 1.0, ".x"),
        ("1.1.1", 1.1, ".1"),
        ("1e", 1.0, "e"),
        ("1e+", 1.0, "e+"),
        ("1.5E-", 1.5, "E-"),
        ("1.e5", 1.0, ".e5"),
        ("0x10", 0.0, "x10"),
        ("1_000", 1.0, "_000"),
        ("1I", 1.0, "I"),
        ("1.0i", 1.0, "i"),
        ("1e3i", 1000.0, "i"),
        ("-1u", -1.0, "u"),
        ("1 ", 1.0, " "),
        ("12345678é", 12_345_678.0, "é"),
        ("1234é", 1234.0, "é"),
    ] {
        assert_eq!(read(text), Ok((Value::Float(value), rest)), "{text}");
    }
    assert_eq!(read("1ii"), Ok((Value::Integer(1), "i")));
    for text in [
        "", "-", "--1", "-.5", ".5", "+1", "-i", "NaN", "inf", "-e5", "é",
    ] {
        assert_eq!(read(text), Err(Flaw::Missing), "{text}");
    }
}

/// Every byte that is no digit ends a number, wherever it stands among eight.
#[test]
fn any_other_byte_ends_the_digits() {
    for other in ('\0'..='\u{7F}')
        .chain(['\u{80}', 'é', 'ÿ', '日', '\u{10FFFF}'])
        .filter(|c| !c.is_ascii_digit())
    {
        for digits in 1..9 {
            let text = format!("{}{other}987654321", &"12345678"[..digits]);
            let value = text[..digits].parse().unwrap();
            assert_eq!(timestamp(&text, 0), Ok((value, digits)), "{text:?}");
        }
    }
}

#[test]
fn timestamps() {
    assert_eq!(
        timestamp("1465839830100400200", 0),
        Ok((1_465_839_830_100_400_200, 19))
    );
    assert_eq!(timestamp(" -9223372036854775808\n", 1), Ok((i64::MIN, 21)));
    assert_eq!(
        timestamp("9223372036854775808", 0),
        Err(Flaw::Integer { end: 19 })
    );
    assert_eq!(timestamp("x", 0), Err(Flaw::Missing));
}
