//! `watershed write`: sends line protocol in batches of whole lines.

use super::progress::bytes_bar;
use super::{Connection, ServerArgs, print};
use anyhow::Context as _;
use clap::{Args, ValueEnum};
use flate2::Compression;
use flate2::write::GzEncoder;
use indicatif::ProgressBar;
use reqwest::Method;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};

/// The most bytes of a batch: well below what servers take in one request.
const BATCH_BYTES_MAX: usize = 8 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Precision {
    Ns,
    Us,
    Ms,
    S,
}

impl Precision {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ns => "ns",
            Self::Us => "us",
            Self::Ms => "ms",
            Self::S => "s",
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct WriteArgs {
    /// Line protocol, or `-` for stdin (also when nothing is given).
    line_protocol: Option<String>,
    /// A file of line protocol.
    #[arg(long, short, value_name = "FILE", conflicts_with = "line_protocol")]
    file: Option<PathBuf>,
    /// The database to write to.
    #[arg(
        long,
        short,
        visible_alias = "db",
        value_name = "NAME",
        env = "WATERSHED_DATABASE"
    )]
    database: Option<String>,
    /// The unit of the timestamps.
    #[arg(long, value_enum, default_value_t = Precision::Ns)]
    precision: Precision,
    /// Lines in a batch.
    #[arg(long, value_name = "LINES", default_value_t = 10_000)]
    batch_size: usize,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn run(args: WriteArgs) -> anyhow::Result<()> {
    let connection = Connection::open(&args.server)?;
    let database = connection.database(args.database.clone())?;
    let (mut input, bar) = open(&args)?;
    let mut lines = 0;
    loop {
        let batch = read_batch(input.as_mut(), args.batch_size.max(1))?;
        if batch.lines == 0 {
            break;
        }
        let first = lines + 1;
        send(&connection, &database, args.precision, &batch.text)
            .await
            .with_context(|| format!("batch of lines {first} to {}", lines + batch.lines))?;
        lines += batch.lines;
        bar.inc(batch.text.len() as u64);
        bar.set_message(format!("{lines} lines"));
    }
    bar.finish_and_clear();
    let noun = if lines == 1 { "line" } else { "lines" };
    print(&format!("wrote {lines} {noun} to {database}\n"))
}

fn open(args: &WriteArgs) -> anyhow::Result<(Box<dyn BufRead>, ProgressBar)> {
    if let Some(path) = &args.file {
        return open_file(path);
    }
    let input: Box<dyn BufRead> = match args.line_protocol.as_deref() {
        None | Some("-") => Box::new(std::io::stdin().lock()),
        Some(text) => Box::new(std::io::Cursor::new(text.to_owned())),
    };
    Ok((input, ProgressBar::hidden()))
}

fn open_file(path: &Path) -> anyhow::Result<(Box<dyn BufRead>, ProgressBar)> {
    let file = std::fs::File::open(path).with_context(|| format!("open {}", path.display()))?;
    let bytes = file.metadata().map_or(0, |m| m.len());
    Ok((Box::new(BufReader::new(file)), bytes_bar(bytes)))
}

struct Batch {
    text: Vec<u8>,
    lines: usize,
}

/// The next lines, up to `lines_max` of them or the byte limit. A line break inside a quoted value does
/// not end a batch.
fn read_batch(input: &mut dyn BufRead, lines_max: usize) -> anyhow::Result<Batch> {
    let mut batch = Batch {
        text: Vec::new(),
        lines: 0,
    };
    let mut in_string = false;
    while (batch.lines < lines_max && batch.text.len() < BATCH_BYTES_MAX) || in_string {
        let start = batch.text.len();
        if input
            .read_until(b'\n', &mut batch.text)
            .context("read line protocol")?
            == 0
        {
            break;
        }
        in_string = quotes_left_open(&batch.text[start..], in_string);
        batch.lines += 1;
    }
    Ok(batch)
}

/// Whether a quoted value is open at the end of a piece of text.
fn quotes_left_open(text: &[u8], mut open: bool) -> bool {
    let mut escaped = false;
    for byte in text {
        match byte {
            b'"' if !escaped => open = !open,
            b'\\' => {
                escaped = !escaped;
                continue;
            }
            _ => {}
        }
        escaped = false;
    }
    open
}

async fn send(
    connection: &Connection,
    database: &str,
    precision: Precision,
    text: &[u8],
) -> anyhow::Result<()> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text)?;
    let request = connection
        .request(Method::POST, "/api/v2/write")
        .query(&[("bucket", database), ("precision", precision.as_str())])
        .header("content-encoding", "gzip")
        .body(gzip.finish()?);
    connection.send(request).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_end_between_lines_and_not_inside_a_value() {
        let mut input = std::io::Cursor::new("a v=1\nb v=\"x\ny\\\"\nz\"\nc v=2\n");
        let mut next = || String::from_utf8(read_batch(&mut input, 2).unwrap().text).unwrap();
        assert_eq!(next(), "a v=1\nb v=\"x\ny\\\"\nz\"\n");
        assert_eq!(next(), "c v=2\n");
        assert_eq!(next(), "");
    }
}
