//! A server on a disk that runs full: it refuses writes, answers queries, loses nothing, and goes on by itself when
//! there is room again.
//!
//! The disk is a small one in memory, mounted where only this test and its server see it. Where the system does
//! not allow that, the tests say so and pass.

use super::server::{Answer, OPERATOR_TOKEN, Server};
use rand::SeedableRng as _;
use rand::distr::{Alphanumeric, SampleString as _};
use rand::rngs::StdRng;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const MIB: usize = 1 << 20;

/// The size of the disk.
const DISK_BYTES: usize = 64 * MIB;

/// Points of a batch, and the bytes in each that no encoder makes shorter by much.
const BATCH_POINTS: u64 = 64;
const PADDING_BYTES: usize = 4_000;

/// How long anything may take that comes by itself.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a server may call an error when its disk is full. A person must look then.
const FULL_DISK_ERRORS: &[&str] = &["the log can't be written", "persisting fails"];

/// A small disk, mounted in a mount namespace of its own on a directory. It goes away with the process that
/// keeps it, which ends when its input does.
struct SmallDisk {
    keeper: Child,
    directory: PathBuf,
    enter: Vec<String>,
}

impl SmallDisk {
    /// `None` where neither root nor anyone else may mount.
    fn mount(directory: &TempDir) -> Option<Self> {
        let ways: [(&[&str], &[&str]); 2] = [
            (&["-m"], &[]),
            (&["-U", "-r", "-m"], &["-U", "--preserve-credentials"]),
        ];
        let disk = ways
            .into_iter()
            .find_map(|(unshare, enter)| Self::try_mount(directory, unshare, enter));
        if disk.is_none() {
            eprintln!("skipped: this system lets nobody here mount a small disk");
        }
        disk
    }

    fn try_mount(directory: &TempDir, unshare: &[&str], enter: &[&str]) -> Option<Self> {
        let script = format!(
            "mount -t tmpfs -o size={DISK_BYTES},mode=700 none \"$1\" && echo mounted && exec cat"
        );
        let mut keeper = Command::new("unshare")
            .args(unshare)
            .args(["sh", "-c", &script, "sh"])
            .arg(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut line = String::new();
        BufReader::new(keeper.stdout.take()?)
            .read_line(&mut line)
            .ok()?;
        let pid = keeper.id().to_string();
        let namespace = ["nsenter", "-t", &pid, "-m"];
        let enter = namespace.iter().chain(enter);
        let disk = Self {
            directory: directory.path().to_owned(),
            enter: enter.map(|word| (*word).to_owned()).collect(),
            keeper,
        };
        (line == "mounted\n").then_some(disk)
    }

    /// A file of the disk, as it is seen from outside.
    fn file(&self, name: &str) -> PathBuf {
        let pid = self.keeper.id();
        format!("/proc/{pid}/root{}/{name}", self.directory.display()).into()
    }

    fn free_bytes(&self) -> usize {
        let found = rustix::fs::statvfs(self.file("")).unwrap();
        (found.f_bavail * found.f_frsize) as usize
    }

    /// Takes up the disk until so much is left.
    fn fill(&self, name: &str, left: usize) {
        let mut file = File::create(self.file(name)).unwrap();
        let zeros = vec![0; 64 << 10];
        loop {
            let more = self.free_bytes().saturating_sub(left).min(zeros.len());
            if more == 0 || file.write_all(&zeros[..more]).is_err() {
                return;
            }
        }
    }

    fn remove(&self, name: &str) {
        std::fs::remove_file(self.file(name)).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// A server on a small disk, and what was written to it.
struct World {
    server: Server,
    disk: SmallDisk,
    random: StdRng,
    next: u64,
    acknowledged: BTreeSet<u64>,
}

impl World {
    fn start(flags: &[&str]) -> Option<Self> {
        let directory = TempDir::new().unwrap();
        let disk = SmallDisk::mount(&directory)?;
        let mut server = Server::through(disk.enter.clone(), directory, flags);
        server.expect_errors(FULL_DISK_ERRORS);
        server.create_database("db");
        let mut world = Self {
            server,
            disk,
            random: StdRng::seed_from_u64(20_261_125),
            next: 0,
            acknowledged: BTreeSet::new(),
        };
        assert_eq!(world.write().status, 204);
        world.wait("the ballast is there", |world| {
            world.disk.file("BALLAST").exists()
        });
        Some(world)
    }

    /// Writes the next batch. It is stored, or refused so that clients come again.
    #[track_caller]
    fn write(&mut self) -> Answer {
        let batch = self.next;
        self.next += 1;
        let mut lines = String::new();
        for point in batch * BATCH_POINTS..(batch + 1) * BATCH_POINTS {
            let padding = Alphanumeric.sample_string(&mut self.random, PADDING_BYTES);
            let _ = writeln!(
                lines,
                "m,s={} batch={batch}i,pad=\"{padding}\" {point}",
                point % 4
            );
        }
        let request = self.server.post("/api/v2/write?bucket=db").body(lines);
        let answer = self.server.send(request);
        match answer.status.as_u16() {
            204 => {
                self.acknowledged.insert(batch);
            }
            503 => assert_refused(&answer),
            status => panic!("a good batch was answered {status} {}", answer.text()),
        }
        answer
    }

    /// Writes until a batch is refused.
    #[track_caller]
    fn write_until_refused(&mut self) -> Answer {
        for _ in 0..10_000 {
            let answer = self.write();
            if answer.status == 503 {
                return answer;
            }
        }
        panic!("the disk never got full");
    }

    /// Waits for what comes by itself.
    #[track_caller]
    fn wait(&mut self, what: &str, mut come: impl FnMut(&mut Self) -> bool) {
        let began = Instant::now();
        while !come(self) {
            assert!(
                began.elapsed() < PATIENCE,
                "not in time: {what}\n{}",
                self.server.log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Each acknowledged batch is there, once and whole; each other is there once and whole, or not at all.
    #[track_caller]
    fn check(&self) {
        let query = "SELECT batch, count(*) AS n, count(DISTINCT CAST(time AS BIGINT)) AS times, \
                     sum(length(pad)) AS pad FROM m GROUP BY batch ORDER BY batch";
        let rows = self.server.sql("db", query);
        let mut found = BTreeSet::new();
        for row in rows.as_array().unwrap() {
            let padding = BATCH_POINTS * PADDING_BYTES as u64;
            let sums = [&row["n"], &row["times"], &row["pad"]].map(Value::as_u64);
            let whole = [BATCH_POINTS, BATCH_POINTS, padding].map(Some);
            assert_eq!(sums, whole, "batch {}", row["batch"]);
            found.insert(row["batch"].as_u64().unwrap());
        }
        let lost: Vec<_> = self.acknowledged.difference(&found).collect();
        assert!(lost.is_empty(), "acknowledged batches are gone: {lost:?}");
    }

    /// Whether the metrics have a line that begins so.
    #[track_caller]
    fn has_metric(&self, line: &str) -> bool {
        let metrics = self.server.send(self.server.get("/metrics"));
        metrics.text().lines().any(|l| l.starts_with(line))
    }

    /// Writes are taken again without anybody doing anything.
    #[track_caller]
    fn wait_until_writes_are_taken(&mut self) {
        self.wait("writes are taken again", |world| {
            world.write().status == 204
        });
    }
}

#[track_caller]
fn assert_refused(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(answer.json()["code"], "unavailable");
    assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
}

#[test]
fn a_nearly_full_disk_refuses_writes_until_there_is_room() {
    let Some(mut world) = World::start(&[]) else {
        return;
    };
    world.disk.fill("filler", 16 * MIB);
    let refused = world.write_until_refused();
    let text = "ingester disk full - persisting write-ahead log";
    assert!(refused.text().contains(text), "{}", refused.text());
    world.check();

    // Persisting may still make the log shorter, so that writes are taken for a while.
    world.disk.fill("more", MIB);
    let short = "watershed_ingester_disk_short 1";
    world.wait("the disk is short", |world| world.has_metric(short));
    for path in ["/api/v2/write?bucket=db", "/write?db=db"] {
        let before_the_body = |world: &mut World| {
            let mut wire = world.server.connect();
            wire.send(format!(
                "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {OPERATOR_TOKEN}\r\n\
                 Content-Length: 8\r\nExpect: 100-continue\r\n\r\n"
            ));
            let answer = wire.answer();
            if answer.status == 100 {
                return false;
            }
            assert_refused(&answer);
            assert!(answer.text().contains(text), "{}", answer.text());
            true
        };
        world.wait("a write is refused before its body", before_the_body);
    }
    let refused = r#"watershed_server_writes_refused_total{reason="disk"}"#;
    assert!(world.has_metric(refused));
    world.check();

    world.disk.remove("filler");
    world.disk.remove("more");
    world.wait_until_writes_are_taken();
    assert!(world.has_metric("watershed_ingester_disk_short 0"));
    world.check();
    assert!(world.server.stop().success());
    world.server.restart();
    world.check();
}

#[test]
fn a_disk_that_is_full_to_the_last_block_loses_nothing() {
    // The reserve is switched off, so that writes do meet the end of the disk.
    let Some(mut world) = World::start(&["--disk-reserve-bytes", "1"]) else {
        return;
    };
    world.disk.fill("filler", 8 * MIB);
    world.write_until_refused();
    for _ in 0..20 {
        world.write();
    }
    world.check();

    // Now the catalog meets it as well.
    world.disk.fill("more", 0);
    let mut tables = 0;
    let mut new_table = |world: &World| {
        tables += 1;
        let lines = format!("new{tables} f=1 1");
        world
            .server
            .send(world.server.post("/api/v2/write?bucket=db").body(lines))
    };
    for number in 0..20 {
        let new_database = serde_json::json!({ "name": format!("full{number}") });
        let request = world.server.post("/api/v0/databases").json(&new_database);
        let answer = new_table(&world);
        if answer.status != 204 {
            assert_refused(&answer);
        }
        let answer = world.server.send(request);
        assert!(
            [200, 503].contains(&answer.status.as_u16()),
            "{}",
            answer.text()
        );
    }
    world.check();

    // Everything works again, without a restart.
    world.disk.remove("filler");
    world.disk.remove("more");
    world.wait_until_writes_are_taken();
    assert_eq!(new_table(&world).status, 204, "{}", world.server.log());
    world.server.create_database("another");
    world.check();
    assert!(world.server.stop().success());
    world.server.restart();
    assert_eq!(world.write().status, 204);
    world.check();
}

#[test]
fn a_server_starts_on_a_full_disk_and_answers_queries() {
    let Some(mut world) = World::start(&["--disk-reserve-bytes", "1"]) else {
        return;
    };
    world.disk.fill("filler", 8 * MIB);
    world.write_until_refused();
    world.disk.fill("more", 0);
    world.server.kill();
    world.server.restart();
    world.check();
    world.write();
    world.server.kill();
    world.server.restart();
    world.check();

    world.disk.remove("filler");
    world.disk.remove("more");
    world.wait_until_writes_are_taken();
    world.check();
    world.wait("the ballast is there again", |world| {
        world.disk.file("BALLAST").exists()
    });
}
