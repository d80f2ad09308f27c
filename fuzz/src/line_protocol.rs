//! Line protocol: the fast parser, the obvious layer over it, the twin of both, and the printer.

use crate::twin;
use watershed_line_protocol::{Error, Field, Parser, PrintError, check_utf8, parse_points};

/// Any bytes: both ways to check UTF-8 agree, the parser agrees with its twin line by line, guesses
/// change nothing, and what was read prints and reads again as the same point.
///
/// # Panics
/// When one of these does not hold.
pub fn line_protocol(bytes: &[u8]) {
    let body = check_utf8(bytes);
    assert_eq!(
        body.err().map(|e| e.valid_up_to()),
        std::str::from_utf8(bytes).err().map(|e| e.valid_up_to())
    );
    // What is not UTF-8 is refused as a whole; its readable rest is as good an input as any.
    let body = String::from_utf8_lossy(bytes);
    agrees_with_twin(&body);
    agrees_with_guesses(&body);
    prints(&body);
}

/// Numbers of lines, points to the bits of their doubles, texts of errors.
fn agrees_with_twin(body: &str) {
    let mut points = parse_points(body);
    for (number, expected) in twin::parse(body) {
        match (points.next(), expected) {
            (Some(Ok(point)), Ok(expected)) => {
                // The debug form tells -0 from 0.
                assert_eq!(format!("{point:?}"), format!("{expected:?}"));
            }
            (Some(Err(error)), Err(expected)) => {
                assert_eq!(error.line, number);
                same_text(&error.error.to_string(), &expected);
            }
            (found, expected) => panic!("line {number}: {found:?}, not {expected:?}"),
        }
    }
    assert_eq!(points.next(), None);
}

/// The parser cuts a number short that is as long as a line; its twin does not.
fn same_text(found: &str, expected: &str) {
    let cut = found.strip_suffix("...`");
    let same = found == expected || cut.is_some_and(|start| expected.starts_with(start));
    assert!(same, "{found}, not {expected}");
}

/// A guess of the next key, right or wrong, saves time and changes nothing else.
fn agrees_with_guesses(body: &str) {
    let mut plain = Parser::new(body);
    let mut guessing = Parser::new(body);
    while let Some(series) = plain.next_series() {
        let other = guessing.next_series().map(|raw| raw.as_str());
        assert_eq!(other, Some(series.as_str()));
        loop {
            let field = plain.next_field(None);
            let key = field.as_ref().ok().and_then(Option::as_ref);
            let key = key.map(|field| field.key.raw());
            let wrong = guessing.clone().next_field(Some("another"));
            let right = guessing.next_field(key);
            same_field(&wrong, &field);
            same_field(&right, &field);
            assert!(right.iter().flatten().all(|field| field.expected));
            if !matches!(field, Ok(Some(_))) {
                break;
            }
        }
        assert_eq!(plain.timestamp(), guessing.timestamp());
    }
    assert!(guessing.next_series().is_none());
}

fn same_field(one: &Result<Option<Field<'_>>, Error>, other: &Result<Option<Field<'_>>, Error>) {
    match (one, other) {
        (Ok(Some(one)), Ok(Some(other))) => {
            assert_eq!((one.key, one.value), (other.key, other.value));
        }
        (Ok(None), Ok(None)) => {}
        (Err(one), Err(other)) => assert_eq!(one, other),
        _ => panic!("{one:?}, not {other:?}"),
    }
}

fn prints(body: &str) {
    for point in parse_points(body).flatten() {
        let line = match point.to_line() {
            Ok(line) => line,
            // Further on in a body it is part of the name; in front of a line of its own it is not.
            Err(PrintError::Name { name }) if name.starts_with('\u{FEFF}') => continue,
            Err(error) => panic!("{point:?} does not print: {error}"),
        };
        let again: Vec<_> = parse_points(&line).collect();
        assert_eq!(
            format!("{again:?}"),
            format!("{:?}", [Ok::<_, Error>(point)])
        );
    }
}
