use super::*;
use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use std::sync::Arc;

const TEXT: Form = Form {
    format: Format::Json,
    epoch: Epoch::Text,
    pretty: false,
    chunked: false,
};

/// Rows of `(measurement, time in seconds, host, value)`.
type Row = (&'static str, i64, Option<&'static str>, Option<f64>);

fn schema(group: &str) -> SchemaRef {
    let fields = vec![
        Field::new("iox::measurement", DataType::Utf8, false),
        Field::new(
            "time",
            DataType::Timestamp(TimeUnit::Nanosecond, None),
            false,
        ),
        Field::new("host", DataType::Utf8, true),
        Field::new("v", DataType::Float64, true),
    ];
    let metadata = [(
        "iox::influxql::group_key::metadata".to_owned(),
        group.to_owned(),
    )]
    .into();
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

/// The rows as a stream of batches of at most `batch_rows`, grouped by host.
fn stream(rows: &[Row], batch_rows: usize) -> SendableRecordBatchStream {
    let schema = schema(r#"{"tagKeyColumns":[{"tagKey":"host","columnIndex":2}]}"#);
    let batches: Vec<_> = rows
        .chunks(batch_rows)
        .map(|rows| {
            let columns: Vec<ArrayRef> = vec![
                Arc::new(StringArray::from_iter_values(rows.iter().map(|r| r.0))),
                Arc::new(TimestampNanosecondArray::from_iter_values(
                    rows.iter().map(|r| r.1 * 1_000_000_000),
                )),
                Arc::new(rows.iter().map(|r| r.2).collect::<StringArray>()),
                Arc::new(rows.iter().map(|r| r.3).collect::<Float64Array>()),
            ];
            Ok(RecordBatch::try_new(Arc::clone(&schema), columns).unwrap())
        })
        .collect();
    Box::pin(RecordBatchStreamAdapter::new(
        schema,
        futures::stream::iter(batches),
    ))
}

/// What clients get for one statement after another.
async fn written(form: Form, rows_max: usize, statements: Vec<(&[Row], Option<&str>)>) -> Vec<u8> {
    let mut encoder = Encoder::new(form, statements.len());
    for (id, (rows, error)) in statements.into_iter().enumerate() {
        // Batches of two rows, so that series, batches and segments end at different places.
        let mut segments = Segments::new(stream(rows, 2), rows_max);
        let mut failed = error.map(str::to_owned);
        while let Some(segment) = segments.next().await.unwrap() {
            if let Err(error) = encoder.segment(id, segment) {
                failed = Some(error.to_string());
                break;
            }
        }
        encoder.end_statement(id, failed.as_deref());
    }
    encoder.finish();
    encoder.take()
}

async fn text(form: Form, rows_max: usize, statements: Vec<(&[Row], Option<&str>)>) -> String {
    String::from_utf8(written(form, rows_max, statements).await).unwrap()
}

const ROWS: [Row; 5] = [
    ("cpu", 0, Some("a"), Some(1.0)),
    ("cpu", 1, Some("a"), Some(0.5)),
    ("cpu", 2, Some("a"), None),
    ("cpu", 0, None, Some(f64::NAN)),
    ("mem", 0, Some("a"), Some(1e300)),
];

#[tokio::test]
async fn json_has_one_series_for_each_measurement_and_group() {
    let expected = concat!(
        r#"{"results":[{"statement_id":0,"series":["#,
        r#"{"name":"cpu","tags":{"host":"a"},"columns":["time","v"],"values":["#,
        r#"["1970-01-01T00:00:00Z",1],["1970-01-01T00:00:01Z",0.5],["1970-01-01T00:00:02Z",null]]},"#,
        r#"{"name":"cpu","tags":{"host":""},"columns":["time","v"],"values":[["1970-01-01T00:00:00Z",null]]},"#,
        r#"{"name":"mem","tags":{"host":"a"},"columns":["time","v"],"values":[["1970-01-01T00:00:00Z",1e+300]]}"#,
        r#"]},{"statement_id":1},{"statement_id":2,"error":"no"}]}"#,
        "\n"
    );
    for rows_max in [1, 2, 3, 100] {
        let got = text(
            TEXT,
            rows_max,
            vec![(&ROWS, None), (&[], None), (&[], Some("no"))],
        )
        .await;
        // How a large float is spelled is the serializer's business; JSON takes both.
        assert_eq!(
            got.replace("1e300", "1e+300"),
            expected,
            "rows_max {rows_max}"
        );
    }
}

#[test]
fn hints_are_messages_of_statements_without_rows() {
    for chunked in [false, true] {
        let mut encoder = Encoder::new(Form { chunked, ..TEXT }, 2);
        encoder.hint("there is no measurement \"cpuu\"".to_owned());
        encoder.hint("b".to_owned());
        encoder.end_statement(0, None);
        encoder.end_statement(1, Some("no"));
        encoder.finish();
        let messages = concat!(
            r#"{"statement_id":0,"messages":[{"level":"warning","text":"there is no measurement \"cpuu\""},"#,
            r#"{"level":"warning","text":"b"}]}"#
        );
        let expected = match chunked {
            false => {
                format!("{{\"results\":[{messages},{{\"statement_id\":1,\"error\":\"no\"}}]}}\n")
            }
            true => format!(
                "{{\"results\":[{messages}]}}\n{{\"results\":[{{\"statement_id\":1,\"error\":\"no\"}}]}}\n"
            ),
        };
        assert_eq!(String::from_utf8(encoder.take()).unwrap(), expected);
    }
}

#[tokio::test]
async fn chunks_say_what_follows() {
    let form = Form {
        chunked: true,
        epoch: Epoch::Number {
            unit: 1_000_000_000,
        },
        ..TEXT
    };
    let rows = [ROWS[0], ROWS[1], ROWS[2], ROWS[3]];
    let got = text(form, 2, vec![(&rows, None), (&[], None)]).await;
    let head = r#"{"results":[{"statement_id":0,"series":[{"name":"cpu","tags":{"host":"#;
    let expected = [
        format!(
            r#"{head}"a"}},"columns":["time","v"],"values":[[0,1],[1,0.5]],"partial":true}}],"partial":true}}]}}"#
        ),
        format!(r#"{head}"a"}},"columns":["time","v"],"values":[[2,null]]}}],"partial":true}}]}}"#),
        format!(r#"{head}""}},"columns":["time","v"],"values":[[0,null]]}}]}}]}}"#),
        r#"{"results":[{"statement_id":1}]}"#.to_owned(),
    ];
    assert_eq!(got.lines().collect::<Vec<_>>(), expected);
    assert!(got.ends_with('\n'));
}

#[tokio::test]
async fn an_infinite_number_ends_its_statement_and_leaves_valid_json() {
    let rows = [
        ("cpu", 0, Some("a"), Some(1.0)),
        ("cpu", 1, Some("a"), Some(f64::NEG_INFINITY)),
    ];
    for rows_max in [1, 2] {
        let got = text(TEXT, rows_max, vec![(&rows, None), (&ROWS, None)]).await;
        let json: serde_json::Value = serde_json::from_str(&got).unwrap();
        assert_eq!(json["results"][0]["error"], "json: unsupported value: -Inf");
        assert_eq!(json["results"][1]["series"][2]["name"], "mem");
    }
}

#[tokio::test]
async fn pretty_is_the_same_json_over_lines() {
    let form = Form {
        pretty: true,
        ..TEXT
    };
    let got = text(form, 100, vec![(&ROWS[..1], None), (&[], None)]).await;
    let expected = r#"{
  "results": [
    {
      "statement_id": 0,
      "series": [
        {
          "name": "cpu",
          "tags": {
            "host": "a"
          },
          "columns": [
            "time",
            "v"
          ],
          "values": [
            [
              "1970-01-01T00:00:00Z",
              1
            ]
          ]
        }
      ]
    },
    {
      "statement_id": 1
    }
  ]
}
"#;
    assert_eq!(got, expected);
}

#[tokio::test]
async fn csv_has_a_header_for_each_statement_and_numbers_for_times() {
    let form = Form {
        format: Format::Csv,
        ..TEXT
    };
    let got = text(
        form,
        2,
        vec![
            (&ROWS[..4], None),
            (&[], Some("a \"b\", c")),
            (&ROWS[4..], None),
        ],
    )
    .await;
    let expected = "\
name,tags,time,v
cpu,host=a,0,1
cpu,host=a,1000000000,0.5
cpu,host=a,2000000000,
cpu,host=,0,NaN

error
\"a \"\"b\"\", c\"

name,tags,time,v
mem,host=a,0,";
    assert!(got.starts_with(expected), "{got}");
}

#[tokio::test]
async fn messagepack_is_a_map_with_the_names_of_the_json() {
    let form = Form {
        format: Format::Msgpack,
        ..TEXT
    };
    let got = written(form, 2, vec![(&ROWS[..1], None)]).await;
    let mut expected = vec![0x81, 0xa7];
    expected.extend_from_slice(
        b"results\x91\x82\xacstatement_id\x00\xa6series\xdd\x00\x00\x00\x01\x84\xa4name\xa3cpu",
    );
    expected.extend_from_slice(
        b"\xa4tags\x81\xa4host\xa1a\xa7columns\x92\xa4time\xa1v\xa6values\xdd\x00\x00\x00\x01\x92",
    );
    // Extension of 12 bytes, type 5: seconds and nanoseconds.
    expected.extend_from_slice(&[0xc7, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expected.push(0xcb);
    expected.extend_from_slice(&1.0_f64.to_be_bytes());
    assert_eq!(got, expected);
}

#[tokio::test]
async fn messagepack_that_would_be_held_too_long_is_an_error() {
    let form = Form {
        format: Format::Msgpack,
        ..TEXT
    };
    let mut encoder = Encoder::new(form, 2);
    let Kind::Msgpack(msgpack) = &mut encoder.kind else {
        panic!("not the encoder for this format");
    };
    msgpack.set_held_bytes_max(60);
    let mut segments = Segments::new(stream(&ROWS, 2), 1);
    let mut failed = None;
    while let Some(segment) = segments.next().await.unwrap() {
        match encoder.segment(0, segment) {
            Ok(()) => assert_eq!(failed, None),
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    assert_eq!(failed, Some(Unwritable::TooLong(60)));
    encoder.end_statement(0, Some("too long"));
    encoder.end_statement(1, None);
    encoder.finish();
    // Nothing of the rows is left.
    let mut expected = b"\x81\xa7results\x92\x82\xacstatement_id\x00\xa5error\xa8too long".to_vec();
    expected.extend_from_slice(b"\x81\xacstatement_id\x01");
    assert_eq!(encoder.take(), expected);
}
