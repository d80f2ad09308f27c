//! MessagePack as 1.x clients read it, turned into the JSON that says the same.

use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value};

/// The extension type of a time.
const TIME: u8 = 5;

/// Reads one document; panics unless it is all there is.
#[track_caller]
pub(crate) fn decode(mut input: &[u8]) -> Value {
    let value = value(&mut input);
    assert!(
        input.is_empty(),
        "{} bytes are left after {value}",
        input.len()
    );
    value
}

fn value(input: &mut &[u8]) -> Value {
    let marker = take::<1>(input)[0];
    match marker {
        0x00..=0x7f => marker.into(),
        0x80..=0x8f => map(input, usize::from(marker & 0x0f)),
        0x90..=0x9f => array(input, usize::from(marker & 0x0f)),
        0xa0..=0xbf => text(input, usize::from(marker & 0x1f)).into(),
        0xc0 => Value::Null,
        0xc2 => false.into(),
        0xc3 => true.into(),
        0xc7 => extension(input),
        0xca => number(f64::from(f32::from_be_bytes(take(input)))),
        0xcb => number(f64::from_be_bytes(take(input))),
        0xcc => u8::from_be_bytes(take(input)).into(),
        0xcd => u16::from_be_bytes(take(input)).into(),
        0xce => u32::from_be_bytes(take(input)).into(),
        0xcf => u64::from_be_bytes(take(input)).into(),
        0xd0 => i8::from_be_bytes(take(input)).into(),
        0xd1 => i16::from_be_bytes(take(input)).into(),
        0xd2 => i32::from_be_bytes(take(input)).into(),
        0xd3 => i64::from_be_bytes(take(input)).into(),
        0xd9 => {
            let length = usize::from(u8::from_be_bytes(take(input)));
            text(input, length).into()
        }
        0xda => {
            let length = usize::from(u16::from_be_bytes(take(input)));
            text(input, length).into()
        }
        0xdc => {
            let length = usize::from(u16::from_be_bytes(take(input)));
            array(input, length)
        }
        0xdd => {
            let length = usize::try_from(u32::from_be_bytes(take(input))).unwrap();
            array(input, length)
        }
        0xde => {
            let length = usize::from(u16::from_be_bytes(take(input)));
            map(input, length)
        }
        0xe0..=0xff => marker.cast_signed().into(),
        other => panic!("marker {other:#x} is not expected here"),
    }
}

/// A float without a fraction is an integer in the JSON.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 {
        (value as i64).into()
    } else {
        value.into()
    }
}

fn extension(input: &mut &[u8]) -> Value {
    let [length, kind] = take(input);
    assert_eq!((length, kind), (12, TIME), "the only extension is a time");
    let seconds = i64::from_be_bytes(take(input));
    let nanos = u32::from_be_bytes(take(input));
    let time = DateTime::from_timestamp(seconds, nanos).unwrap();
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true).into()
}

fn map(input: &mut &[u8], length: usize) -> Value {
    let mut members = Map::new();
    for _ in 0..length {
        let name = value(input);
        members.insert(name.as_str().unwrap().to_owned(), value(input));
    }
    members.into()
}

fn array(input: &mut &[u8], length: usize) -> Value {
    (0..length).map(|_| value(input)).collect()
}

fn text(input: &mut &[u8], length: usize) -> String {
    let (text, rest) = input.split_at(length);
    *input = rest;
    String::from_utf8(text.to_vec()).unwrap()
}

fn take<const N: usize>(input: &mut &[u8]) -> [u8; N] {
    let (bytes, rest) = input.split_first_chunk().unwrap();
    *input = rest;
    *bytes
}
