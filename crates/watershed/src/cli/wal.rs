//! `watershed wal`: a look at the log of a data directory, and a way to get its points out, when the server
//! does not start or is not wanted.
//!
//! Everything here only reads. Names come from a copy of the catalog, since SQLite may write to a catalog
//! that it only reads.

use super::table::print_rows;
use super::{Format, block_on, print, say};
use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::fs::DirBuilder;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;
use watershed_catalog::{Catalog, SqliteCatalog};
use watershed_line_protocol::{FieldValue, Point};
use watershed_model::batch::codec;
use watershed_model::{
    ColumnId, Counter, DatabaseId, FieldValues, PartitionKey, SystemClock, TableBatch, TableId,
    TableSchema, WriteBatch,
};
use watershed_wal::{Found, Gap, Inspection, Record, SegmentReport, SegmentState};

#[derive(Debug, Subcommand)]
pub(super) enum WalCommand {
    /// Show the segments of the log and how they are.
    Inspect {
        #[command(flatten)]
        data: DataArgs,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Check every byte of the log, and that every record can be read. Exit code 1 if not.
    Verify {
        #[command(flatten)]
        data: DataArgs,
    },
    /// Print the points in the log as line protocol, also from a damaged log. Timestamps are nanoseconds.
    Export(ExportArgs),
}

#[derive(Debug, Args)]
pub(super) struct DataArgs {
    /// The data directory of the server [default: watershed in the user's data folder].
    #[arg(long, value_name = "DIR", env = "WATERSHED_DATA_DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Only points of this database. Without it, comment lines say which database the lines after them are of.
    #[arg(long, short, visible_alias = "db", value_name = "NAME")]
    database: Option<String>,
    /// Only points of this table.
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// The number of the first record to print.
    #[arg(long, value_name = "NUMBER")]
    from: Option<u64>,
    /// The number of the last record to print.
    #[arg(long, value_name = "NUMBER")]
    to: Option<u64>,
    /// Leave out what is in Parquet files already, and what belongs to deleted tables.
    #[arg(long)]
    unpersisted: bool,
}

pub(super) fn run(command: WalCommand) -> anyhow::Result<()> {
    match command {
        WalCommand::Inspect { data, format } => inspect(&data.log()?, format),
        WalCommand::Verify { data } => verify(&data.log()?),
        WalCommand::Export(args) => export(&args),
    }
}

impl DataArgs {
    fn dir(&self) -> anyhow::Result<PathBuf> {
        let default = || dirs::data_dir().map(|dir| dir.join("watershed"));
        let dir = self.data_dir.clone().or_else(default);
        dir.context("there is no home folder; give --data-dir")
    }

    /// The directory of the log, which must be there.
    fn log(&self) -> anyhow::Result<PathBuf> {
        let dir = self.dir()?;
        let log = dir.join("wal");
        if !log.is_dir() {
            bail!(
                "there is no log in {}; give the data directory of a server with --data-dir",
                dir.display()
            );
        }
        Ok(log)
    }
}

fn inspect(log: &Path, format: Format) -> anyhow::Result<()> {
    let inspection = watershed_wal::inspect(log)?;
    print_segments(&inspection.segments, format)?;
    say_if_in_use(&inspection);
    for path in &inspection.unfinished {
        say(&format!(
            "note: {} was not complete when the server ended; the next start deletes it",
            path.display()
        ));
    }
    say(&summary(&inspection));
    Ok(())
}

fn print_segments(segments: &[SegmentReport], format: Format) -> anyhow::Result<()> {
    if format == Format::Json {
        let segments: Vec<Value> = segments.iter().map(segment_json).collect();
        return print(&format!("{}\n", serde_json::to_string_pretty(&segments)?));
    }
    let number = |counter: Option<Counter>| counter.map_or(String::new(), |n| n.to_string());
    let rows = segments.iter().map(|segment| {
        vec![
            segment.id.to_string(),
            segment
                .header
                .map_or(String::new(), |header| header.epoch.to_string()),
            number(segment.first),
            number(segment.last),
            segment.records.to_string(),
            segment.groups.to_string(),
            segment.used_bytes.to_string(),
            segment.file_bytes.to_string(),
            state_text(&segment.state),
        ]
    });
    let header = [
        "SEGMENT",
        "EPOCH",
        "FIRST RECORD",
        "LAST RECORD",
        "RECORDS",
        "GROUPS",
        "USED BYTES",
        "FILE BYTES",
        "STATE",
    ];
    print_rows(format, &header, rows.collect())
}

fn segment_json(segment: &SegmentReport) -> Value {
    let gaps = match &segment.state {
        SegmentState::Damaged { gaps } => gaps.as_slice(),
        SegmentState::Intact | SegmentState::Torn { .. } => &[],
    };
    let gap = |gap: &Gap| {
        json!({
            "offset": gap.offset,
            "bytes": gap.bytes,
            "reason": gap.reason,
            "firstLostRecord": gap.first.map(Counter::get),
            "lostRecords": gap.records(),
        })
    };
    json!({
        "segment": segment.id,
        "file": segment.path.display().to_string(),
        "epoch": segment.header.map(|header| header.epoch.get()),
        "firstRecord": segment.first.map(Counter::get),
        "lastRecord": segment.last.map(Counter::get),
        "records": segment.records,
        "groups": segment.groups,
        "usedBytes": segment.used_bytes,
        "fileBytes": segment.file_bytes,
        "state": state_word(&segment.state),
        "gaps": gaps.iter().map(gap).collect::<Vec<_>>(),
    })
}

const fn state_word(state: &SegmentState) -> &'static str {
    match state {
        SegmentState::Intact => "intact",
        SegmentState::Torn { .. } => "torn",
        SegmentState::Damaged { .. } => "damaged",
    }
}

fn state_text(state: &SegmentState) -> String {
    match state {
        SegmentState::Intact => "intact".to_owned(),
        SegmentState::Torn { offset, bytes } => {
            format!("torn at byte {offset} ({bytes} bytes, never acknowledged)")
        }
        SegmentState::Damaged { gaps } => {
            let gap = |gap: &Gap| format!("damaged at byte {}: {}", gap.offset, gap.reason);
            gaps.iter().map(gap).collect::<Vec<_>>().join("; ")
        }
    }
}

fn summary(inspection: &Inspection) -> String {
    let segments = counted(inspection.segments.len() as u64, "segment");
    let records = counted(inspection.records(), "record");
    let gaps = inspection.gaps().count();
    if gaps == 0 {
        return format!("{segments}, {records}, intact");
    }
    format!(
        "{segments}, {records}, DAMAGED in {}; see `watershed wal verify`",
        counted(gaps as u64, "place")
    )
}

fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

fn say_if_in_use(inspection: &Inspection) {
    if inspection.in_use {
        say(
            "note: a server uses this log; records it has written since the look began may be missing, and the \
             last write may look torn",
        );
    }
}

/// A gap in words: where, what, and what is lost.
fn gap_text(gap: &Gap) -> String {
    let lost = match (gap.first, gap.end, gap.records()) {
        (_, _, Some(0)) => "no record is lost there".to_owned(),
        (Some(first), _, Some(1)) => format!("record {first} is lost"),
        (Some(first), Some(end), Some(_)) => {
            format!("records {first} to {} are lost", end.get() - 1)
        }
        (Some(first), None, _) => format!("records from {first} on are lost"),
        (None, Some(end), _) => format!("records before {end} are lost"),
        _ => "it is not known how many records are lost".to_owned(),
    };
    format!(
        "{} at byte {}: {} ({} bytes); {lost}",
        gap.segment.display(),
        gap.offset,
        gap.reason,
        gap.bytes
    )
}

fn verify(log: &Path) -> anyhow::Result<()> {
    let (mut rows, mut problems) = (0, Vec::new());
    let inspection = watershed_wal::salvage(log, |found| {
        match found {
            Found::Gap(gap) => problems.push(gap_text(gap)),
            Found::Record { segment, record } => match codec::decode(record.bytes) {
                Ok(batch) => rows += batch.rows() as u64,
                Err(error) => problems.push(unreadable(segment, &record, &error)),
            },
        }
        Ok::<_, anyhow::Error>(())
    })?;
    say_if_in_use(&inspection);
    for segment in &inspection.segments {
        if let SegmentState::Torn { .. } = segment.state {
            say(&format!(
                "note: {} is {}; the next start cuts it off",
                segment.path.display(),
                state_text(&segment.state)
            ));
        }
    }
    let segments = counted(inspection.segments.len() as u64, "segment");
    let records = counted(inspection.records(), "record");
    let rows = counted(rows, "row");
    if problems.is_empty() {
        return print(&format!("{segments}, {records}, {rows}: intact\n"));
    }
    bail!(
        "the log is damaged in {}:\n  {}\n{segments}, {records} and {rows} can be read. Copy the whole data \
         directory before anything else. Then bring the damaged files back from a copy; or save the points with \
         `watershed wal export`, move the files of the log from the first damaged one on out of the directory, \
         start the server and write the points again",
        counted(problems.len() as u64, "place"),
        problems.join("\n  ")
    )
}

fn unreadable(segment: &Path, record: &Record<'_>, error: &codec::Error) -> String {
    format!(
        "{}: record {} is as it was written, but can't be read: {error}",
        segment.display(),
        record.counter
    )
}

fn export(args: &ExportArgs) -> anyhow::Result<()> {
    let log = args.data.log()?;
    let catalog = args.data.dir()?.join("catalog.sqlite");
    let names = match block_on(Names::read(&catalog)) {
        Ok(names) => names,
        Err(error) if args.unpersisted => {
            return Err(error.context("--unpersisted needs the catalog"));
        }
        Err(error) => {
            say(&format!(
                "note: the catalog can't be read, ids stand for names: {error:#}"
            ));
            Names::default()
        }
    };
    let mut export = Export {
        args,
        names,
        out: BufWriter::with_capacity(1 << 18, io::stdout().lock()),
        database: None,
        seen: BTreeSet::new(),
        lines: 0,
        losses: 0,
    };
    let inspection = watershed_wal::salvage(&log, |found| export.take(&found));
    let inspection = match inspection.and_then(|inspection| {
        export.out.flush().context(STDOUT)?;
        Ok(inspection)
    }) {
        Ok(inspection) => inspection,
        // A reader that has gone away (`| head`) is not a failure.
        Err(error) if is_broken_pipe(&error) => return Ok(()),
        Err(error) => return Err(error),
    };
    say_if_in_use(&inspection);
    if let Some(wanted) = args
        .database
        .as_ref()
        .filter(|name| !export.seen.contains(*name))
    {
        let seen: Vec<&str> = export.seen.iter().map(String::as_str).collect();
        let what = match seen.as_slice() {
            [] => "none at all".to_owned(),
            seen => format!("only points of {}", seen.join(", ")),
        };
        say(&format!(
            "note: these records hold no points of the database {wanted}, {what}"
        ));
    }
    let lines = counted(export.lines, "point");
    if export.losses > 0 {
        bail!(
            "exported {lines}, but not everything: see the {} above",
            counted(export.losses, "note")
        );
    }
    say(&format!("exported {lines}"));
    Ok(())
}

const STDOUT: &str = "write to stdout";

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

/// Turns records into lines.
struct Export<'a, W> {
    args: &'a ExportArgs,
    names: Names,
    out: W,
    /// That of the lines printed last.
    database: Option<DatabaseId>,
    /// All that the log holds points of.
    seen: BTreeSet<String>,
    lines: u64,
    /// Places, records and points that could not be printed; each was told.
    losses: u64,
}

impl<W: Write> Export<'_, W> {
    fn take(&mut self, found: &Found<'_>) -> anyhow::Result<()> {
        match found {
            Found::Gap(gap) => self.tell(&format!("damage: {}", gap_text(gap))),
            Found::Record { segment, record } if self.wants_record(record.counter) => {
                match codec::decode(record.bytes) {
                    Ok(batch) => self.print_batch(record.counter, &batch)?,
                    Err(error) => self.tell(&unreadable(segment, record, &error)),
                }
            }
            Found::Record { .. } => {}
        }
        Ok(())
    }

    fn tell(&mut self, loss: &str) {
        self.losses += 1;
        say(loss);
    }

    fn wants_record(&self, counter: Counter) -> bool {
        let number = counter.get();
        self.args.from.is_none_or(|from| from <= number)
            && self.args.to.is_none_or(|to| number <= to)
    }

    fn print_batch(&mut self, counter: Counter, batch: &WriteBatch) -> anyhow::Result<()> {
        let database = self.names.database(batch.database);
        if !self.seen.contains(&database) {
            self.seen.insert(database.clone());
        }
        if self
            .args
            .database
            .as_ref()
            .is_some_and(|wanted| *wanted != database)
        {
            return Ok(());
        }
        for table in &batch.tables {
            let name = self.names.table(table.table);
            let is_wanted = self
                .args
                .table
                .as_ref()
                .is_none_or(|wanted| *wanted == name);
            if is_wanted && !(self.args.unpersisted && self.names.is_settled(counter, table)) {
                self.print_comment(batch.database, &database)?;
                self.print_table(counter, &name, table)?;
            }
        }
        Ok(())
    }

    /// Says which database the lines from here on are of, if that changes and was not chosen.
    fn print_comment(&mut self, id: DatabaseId, name: &str) -> anyhow::Result<()> {
        if self.args.database.is_none() && self.database != Some(id) {
            writeln!(self.out, "# database: {name}").context(STDOUT)?;
            self.database = Some(id);
        }
        Ok(())
    }

    fn print_table(
        &mut self,
        counter: Counter,
        name: &str,
        table: &TableBatch,
    ) -> anyhow::Result<()> {
        for row in 0..table.rows() {
            match self.names.point(name, table, row).to_line() {
                Ok(line) => {
                    self.out.write_all(line.as_bytes()).context(STDOUT)?;
                    self.out.write_all(b"\n").context(STDOUT)?;
                    self.lines += 1;
                }
                Err(error) => self.tell(&format!(
                    "a point of table {name} in record {counter} can't be written as a line: {error}"
                )),
            }
        }
        Ok(())
    }
}

/// What the ids in the log stand for.
#[derive(Debug, Default)]
struct Names {
    databases: HashMap<DatabaseId, String>,
    tables: HashMap<TableId, Arc<TableSchema>>,
    /// The newest record of each partition that is in files.
    persisted: HashMap<(TableId, PartitionKey), Counter>,
}

impl Names {
    async fn read(path: &Path) -> anyhow::Result<Self> {
        let copy = CatalogCopy::make(path)?;
        let catalog = SqliteCatalog::open(&copy.file(), Arc::new(SystemClock)).await;
        let catalog = catalog.with_context(|| format!("open a copy of {}", path.display()))?;
        let mut names = Self::default();
        for info in catalog.databases().await? {
            let schema = catalog.database(&info.name).await?;
            let tables = schema.tables.values();
            names
                .tables
                .extend(tables.map(|table| (table.id(), Arc::clone(table))));
            names.databases.insert(info.id, info.name.to_string());
        }
        // Only a start tells which writer this directory is. The copy counts it, nobody else.
        let writer = catalog.start_writer().await?.writer;
        for progress in catalog.progress(writer).await? {
            let partition = (progress.table, progress.partition);
            names.persisted.insert(partition, progress.counter);
        }
        Ok(names)
    }

    fn database(&self, id: DatabaseId) -> String {
        let name = self.databases.get(&id);
        name.map_or_else(|| format!("database_{id}"), Clone::clone)
    }

    fn table(&self, id: TableId) -> String {
        let schema = self.tables.get(&id);
        schema.map_or_else(|| format!("table_{id}"), |schema| schema.name().to_string())
    }

    fn column(&self, table: TableId, id: ColumnId) -> String {
        let column = self
            .tables
            .get(&table)
            .and_then(|schema| schema.column_by_id(id));
        column.map_or_else(|| format!("column_{id}"), |column| column.name.to_string())
    }

    /// Whether a restart would leave out these rows: they are in files, or their table is gone.
    fn is_settled(&self, counter: Counter, rows: &TableBatch) -> bool {
        let partition = (rows.table, rows.partition.clone());
        let persisted = self.persisted.get(&partition);
        !self.tables.contains_key(&rows.table)
            || persisted.is_some_and(|persisted| counter <= *persisted)
    }

    fn point(&self, name: &str, table: &TableBatch, row: usize) -> Point {
        let tags = table.series.tags(table.row_series[row]);
        let fields = table.fields.iter().filter(|field| field.is_valid(row));
        Point {
            measurement: name.to_owned(),
            tags: tags
                .map(|(column, value)| (self.column(table.table, column), value.to_owned()))
                .collect(),
            fields: fields
                .map(|field| {
                    let name = self.column(table.table, field.column);
                    (name, value(&field.values, row))
                })
                .collect(),
            timestamp: Some(table.times[row]),
        }
    }
}

fn value(values: &FieldValues, row: usize) -> FieldValue {
    match values {
        FieldValues::F64(values) => FieldValue::Float(values[row]),
        FieldValues::I64(values) => FieldValue::Integer(values[row]),
        FieldValues::U64(values) => FieldValue::Unsigned(values[row]),
        FieldValues::Bool(values) => FieldValue::Boolean(values[row]),
        FieldValues::String(values) => FieldValue::String(values.get(row).to_owned()),
    }
}

/// A copy of the catalog in a directory of its own, which goes when this does.
struct CatalogCopy(PathBuf);

impl CatalogCopy {
    /// Tries made to copy a catalog that a server changes meanwhile.
    const TRIES: usize = 10;

    fn make(path: &Path) -> anyhow::Result<Self> {
        let dir = std::env::temp_dir().join(format!("watershed-{}", Uuid::new_v4()));
        let mut builder = DirBuilder::new();
        // It holds hashes of tokens.
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(&dir)
            .with_context(|| format!("create the directory {}", dir.display()))?;
        let copy = Self(dir);
        // The file and what SQLite has not put into it yet belong together.
        let parts = [path.to_owned(), journal(path)];
        for _ in 0..Self::TRIES {
            let before = parts.each_ref().map(|part| state(part));
            copy_if_there(&parts[0], &copy.file())?;
            copy_if_there(&parts[1], &journal(&copy.file()))?;
            if before[0].is_none() {
                bail!("there is no catalog {}", path.display());
            }
            if before == parts.each_ref().map(|part| state(part)) {
                return Ok(copy);
            }
        }
        bail!(
            "the catalog {} changes faster than it can be copied; try again",
            path.display()
        )
    }

    fn file(&self) -> PathBuf {
        self.0.join("catalog.sqlite")
    }
}

impl Drop for CatalogCopy {
    fn drop(&mut self) {
        // What is left behind is in the directory for such things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Where SQLite keeps changes before they are in the file.
fn journal(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// What changes when a file does; `None` when it is not there.
fn state(path: &Path) -> Option<(u64, std::time::SystemTime)> {
    let metadata = path.metadata().ok()?;
    Some((metadata.len(), metadata.modified().ok()?))
}

fn copy_if_there(from: &Path, to: &Path) -> anyhow::Result<()> {
    let copied = match std::fs::copy(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => match std::fs::remove_file(to) {
            // Nor is there one from an earlier try.
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        },
        copied => copied.map(drop),
    };
    copied.with_context(|| format!("copy {}", from.display()))
}
