//! Rows of text for people and for spreadsheets.

use super::{Format, print};

/// Prints rows under a header, aligned or as CSV.
pub(super) fn print_rows(
    format: Format,
    header: &[&str],
    rows: Vec<Vec<String>>,
) -> anyhow::Result<()> {
    let header: Vec<String> = header.iter().map(|h| (*h).to_owned()).collect();
    let lines = std::iter::once(header).chain(rows);
    if format == Format::Csv {
        let text: String = lines
            .map(|cells| {
                cells
                    .iter()
                    .map(|c| quoted(c))
                    .collect::<Vec<_>>()
                    .join(",")
                    + "\n"
            })
            .collect();
        return print(&text);
    }
    let lines: Vec<Vec<String>> = lines.collect();
    let width = |column: usize| {
        lines
            .iter()
            .filter_map(|l| l.get(column))
            .map(|c| c.chars().count())
            .max()
    };
    let mut text = String::new();
    for cells in &lines {
        let padded = cells
            .iter()
            .enumerate()
            .map(|(i, c)| format!("{c:<w$}", w = width(i).unwrap_or(0)));
        text.push_str(padded.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    print(&text)
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

/// A retention period in hours, as `influxctl` prints it.
pub(super) fn retention_text(nanos: i64) -> String {
    match nanos {
        0 => "infinite".to_owned(),
        nanos if nanos % 3_600_000_000_000 == 0 => format!("{}h", nanos / 3_600_000_000_000),
        nanos => format!("{}s", nanos / 1_000_000_000),
    }
}
