//! `watershed database`.

use super::table::{print_rows, retention_text};
use super::{Connection, Format, ServerArgs, print, say};
use anyhow::bail;
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};
use std::io::{BufRead as _, IsTerminal as _};

#[derive(Debug, Subcommand)]
pub(super) enum DatabaseCommand {
    /// Create a database.
    Create {
        /// 1 to 64 letters, digits, `_`, `-` or `/`.
        name: String,
        /// How long points are kept, for example 30d or 1y6mo; 0 for ever.
        #[arg(long, value_name = "DURATION", default_value = "0")]
        retention_period: String,
        /// The most tables; 0 for the default of 500.
        #[arg(long, value_name = "N", default_value_t = 0)]
        max_tables: u32,
        /// The most columns in a table; 0 for the default of 250.
        #[arg(long, value_name = "N", default_value_t = 0)]
        max_columns: u32,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// List the databases.
    List {
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Delete databases with everything in them.
    Delete {
        #[arg(required = true)]
        names: Vec<String>,
        /// Do not ask.
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        server: ServerArgs,
    },
}

pub(super) async fn run(command: DatabaseCommand) -> anyhow::Result<()> {
    match command {
        DatabaseCommand::Create {
            name,
            retention_period,
            max_tables,
            max_columns,
            server,
        } => {
            let connection = Connection::open(&server)?;
            let body = json!({
                "name": name,
                "retentionPeriod": retention_nanos(&retention_period)?,
                "maxTables": max_tables,
                "maxColumnsPerTable": max_columns,
            });
            let request = connection
                .request(Method::POST, "/api/v0/databases")
                .json(&body);
            connection.send(request).await?;
            print(&format!("created database {name}\n"))
        }
        DatabaseCommand::List { format, server } => list(&server, format).await,
        DatabaseCommand::Delete {
            names,
            force,
            server,
        } => delete(&server, &names, force).await,
    }
}

async fn list(server: &ServerArgs, format: Format) -> anyhow::Result<()> {
    let connection = Connection::open(server)?;
    let databases: Vec<Value> = connection
        .json(connection.request(Method::GET, "/api/v0/databases"))
        .await?;
    if format == Format::Json {
        return print(&format!("{}\n", serde_json::to_string_pretty(&databases)?));
    }
    let rows = databases.iter().map(|d| {
        vec![
            text(&d["name"]),
            retention_text(d["retentionPeriod"].as_i64().unwrap_or(0)),
            text(&d["maxTables"]),
            text(&d["maxColumnsPerTable"]),
            text(&d["id"]),
        ]
    });
    let header = [
        "DATABASE NAME",
        "RETENTION PERIOD",
        "MAX TABLES",
        "MAX COLUMNS PER TABLE",
        "ID",
    ];
    print_rows(format, &header, rows.collect())
}

async fn delete(server: &ServerArgs, names: &[String], force: bool) -> anyhow::Result<()> {
    let connection = Connection::open(server)?;
    for name in names {
        if !force && std::io::stdin().is_terminal() {
            say(&format!(
                "Delete database {name} and everything in it? Type y to go on."
            ));
            let mut answer = String::new();
            std::io::stdin().lock().read_line(&mut answer)?;
            if answer.trim() != "y" {
                bail!("nothing was deleted");
            }
        }
        // A name may hold a slash.
        let path = format!("/api/v0/databases/{}", percent(name));
        connection
            .send(connection.request(Method::DELETE, &path))
            .await?;
        print(&format!("deleted database {name}\n"))?;
    }
    Ok(())
}

fn percent(name: &str) -> String {
    let keep = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    name.bytes()
        .map(|b| {
            if keep(b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

/// A JSON value without the quotes of a string.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Reads a retention period: numbers with units `s m h d w mo y`, one after another, fractions allowed.
/// A month is 30 days, a year 365.
fn retention_nanos(text: &str) -> anyhow::Result<i64> {
    const UNITS: [(&str, f64); 7] = [
        ("mo", 2_592_000.0),
        ("y", 31_536_000.0),
        ("w", 604_800.0),
        ("d", 86_400.0),
        ("h", 3_600.0),
        ("m", 60.0),
        ("s", 1.0),
    ];
    let bad = || {
        anyhow::anyhow!(
            "the retention period \"{text}\" can't be read; examples: 30d, 1y6mo, 12h, 0"
        )
    };
    let (mut rest, mut seconds) = (text, 0.0);
    if rest.is_empty() {
        return Err(bad());
    }
    while !rest.is_empty() && rest != "0" {
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(bad)?;
        let number: f64 = rest[..end].parse().map_err(|_| bad())?;
        let unit = UNITS
            .iter()
            .find(|(unit, _)| rest[end..].starts_with(unit))
            .ok_or_else(bad)?;
        seconds += number * unit.1;
        rest = &rest[end + unit.0.len()..];
    }
    let nanos = seconds * 1e9;
    if nanos >= i64::MAX as f64 {
        Err(bad())
    } else {
        Ok(nanos as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retention_periods_are_sums_of_units() {
        let hours = |text| retention_nanos(text).unwrap() / 3_600_000_000_000;
        assert_eq!(hours("0"), 0);
        assert_eq!(hours("0d"), 0);
        assert_eq!(hours("2.5d"), 60);
        assert_eq!(hours("30d12h"), 732);
        assert_eq!(hours("1mo"), 720);
        assert_eq!(hours("1y"), 8760);
        for bad in ["", "-1d", "1 d", "d", "5", "1q", "999999999y"] {
            assert!(retention_nanos(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_slash_in_a_name_is_encoded() {
        assert_eq!(percent("a/b-c_1"), "a%2Fb-c_1");
    }
}
