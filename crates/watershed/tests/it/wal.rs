//! `watershed wal`: looking at the log of a server that is gone, and getting its points out.

use super::server::{OPERATOR_TOKEN, Server, watershed};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a command printed and how it ended.
#[derive(Debug)]
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

/// Runs `watershed wal` on a data directory, and insists that it changes nothing there.
#[track_caller]
fn wal(data_dir: &Path, arguments: &[&str]) -> Ran {
    let before = contents(data_dir);
    let ran = wal_in_use(data_dir, arguments);
    assert!(before == contents(data_dir), "{arguments:?} changed files");
    ran
}

/// Runs `watershed wal` on the data directory of a server that may run.
#[track_caller]
fn wal_in_use(data_dir: &Path, arguments: &[&str]) -> Ran {
    let mut command = watershed();
    command
        .arg("wal")
        .args(arguments)
        .arg("--data-dir")
        .arg(data_dir);
    let output = command.stdin(Stdio::null()).output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Every file below a directory with its bytes.
fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let (mut found, mut left) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(dir) = left.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                found.push((path.clone(), fs::read(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// The points of the tests, awkward ones among them: every type, escapes, quotes, line breaks.
const LINES: [&str; 5] = [
    "m,host=a,rack=1 f=1.5,i=-3i,u=18446744073709551615u,b=true,s=\"plain\" 1",
    "m,host=b f=-0.25 2",
    "m,host=a\\ b\\,c\\=d s=\"say \\\"x\\\"\\\\ and\nmore\" 3",
    "m i=7i 4102444800000000000",
    "other\\ table,k=é v=1e300 5",
];

/// A server that was killed with the points in its log, each a record of its own.
#[track_caller]
fn killed_server() -> Server {
    let mut server = Server::start();
    server.create_database("db");
    for line in LINES {
        server.write("db", line);
    }
    server.kill();
    server
}

/// What queries say of all points.
#[track_caller]
fn answers(server: &Server, database: &str) -> [Value; 2] {
    [
        server.sql(
            database,
            "SELECT CAST(time AS BIGINT) AS t, host, rack, f, i, u, b, s FROM m ORDER BY time",
        ),
        server.sql(
            database,
            "SELECT CAST(time AS BIGINT) AS t, k, v FROM \"other table\"",
        ),
    ]
}

/// Runs `watershed write` with lines on stdin.
#[track_caller]
fn write_lines(server: &Server, database: &str, lines: &str) {
    let path = server.data_dir().join("lines");
    fs::write(&path, lines).unwrap();
    let mut command: Command = watershed();
    command
        .args(["write", "--database", database, "--file"])
        .arg(&path)
        .env("WATERSHED_HOST", server.url())
        .env("WATERSHED_TOKEN", OPERATOR_TOKEN)
        .env("HOME", server.data_dir());
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    fs::remove_file(path).unwrap();
}

/// The one segment that holds records.
#[track_caller]
fn segment(server: &Server) -> PathBuf {
    let paths = server.files("wal", ".wal");
    let path = paths
        .into_iter()
        .max_by_key(|path| fs::read(path).unwrap().len());
    path.unwrap()
}

#[test]
fn exported_log_is_written_to_another_server_and_answers_alike() {
    let mut server = killed_server();
    let ran = wal(server.data_dir(), &["export", "--database", "db"]);
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (0, "exported 5 points\n"),
        "{ran:?}"
    );
    let other = Server::start();
    other.create_database("copy");
    write_lines(&other, "copy", &ran.stdout);
    server.restart();
    assert_eq!(answers(&other, "copy"), answers(&server, "db"));
    assert_eq!(answers(&other, "copy")[0].as_array().unwrap().len(), 4);
}

#[test]
fn export_prints_what_is_asked_for() {
    let mut server = Server::start();
    server.create_database("one");
    server.create_database("two");
    for (database, line) in [
        ("one", "a v=1i 1"),
        ("two", "a v=2i 2"),
        ("two", "b v=3i 3"),
        ("one", "b v=4i 4"),
    ] {
        server.write(database, line);
    }
    server.kill();
    let export = |arguments: &[&str]| {
        let ran = wal(server.data_dir(), &[&["export"], arguments].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.stdout
    };
    assert_eq!(
        export(&[]),
        "# database: one\na v=1i 1\n# database: two\na v=2i 2\nb v=3i 3\n# database: one\nb v=4i 4\n"
    );
    assert_eq!(export(&["--database", "two"]), "a v=2i 2\nb v=3i 3\n");
    assert_eq!(export(&["--db", "two", "--table", "b"]), "b v=3i 3\n");
    let middle = ["--db", "two", "--from", "2", "--to", "2"];
    assert_eq!(export(&middle), "a v=2i 2\n");
    assert_eq!(export(&["--db", "three"]), "");
    // The points of a deleted database are still in the log, without names.
    server.restart();
    let request = server.bare(reqwest::Method::DELETE, "/api/v0/databases/two");
    let answer = server.send(request.bearer_auth(OPERATOR_TOKEN));
    assert_eq!(answer.status, 204);
    server.kill();
    let all = wal(server.data_dir(), &["export"]).stdout;
    assert!(
        all.contains("# database: database_") && all.contains("table_"),
        "{all}"
    );
    let left = wal(server.data_dir(), &["export", "--unpersisted"]).stdout;
    assert!(
        !left.contains("table_") && left.contains("a v=1i 1\n"),
        "{left}"
    );
}

#[test]
fn flipped_byte_is_found_and_the_rest_is_saved() {
    let server = killed_server();
    let path = segment(&server);
    let mut bytes = fs::read(&path).unwrap();
    // In the first record, behind the header of the segment and that of the group.
    bytes[64 + 32 + 20] ^= 1;
    fs::write(&path, bytes).unwrap();
    let ran = wal(server.data_dir(), &["verify"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{ran:?}");
    let place = format!(
        "{} at byte 64: the checksum of the group is wrong",
        path.display()
    );
    for words in [place.as_str(), "record 1 is lost", "watershed wal export"] {
        assert!(ran.stderr.contains(words), "{words:?} in {}", ran.stderr);
    }
    let ran = wal(server.data_dir(), &["export", "--database", "db"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stdout.starts_with("m,host=b f=-0.25 2\n"), "{ran:?}");
    for words in ["record 1 is lost", "exported 4 points, but not everything"] {
        assert!(ran.stderr.contains(words), "{words:?} in {}", ran.stderr);
    }
    let ran = wal(server.data_dir(), &["inspect", "--format", "json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let segments: Value = serde_json::from_str(&ran.stdout).unwrap();
    let damaged = segments.as_array().unwrap().iter();
    let mut damaged = damaged.filter(|segment| segment["state"] == "damaged");
    let gaps = &damaged.next().unwrap()["gaps"];
    assert_eq!(
        (
            &gaps[0]["offset"],
            &gaps[0]["firstLostRecord"],
            &gaps[0]["lostRecords"]
        ),
        (&json!(64), &json!(1), &json!(1))
    );
}

#[test]
fn whole_log_is_verified_and_inspected_also_while_a_server_runs() {
    let mut server = Server::start();
    server.create_database("db");
    server.write("db", "m v=1i 1\nm v=2i 2");
    server.write("db", "m v=3i 3");
    let note = "note: a server uses this log";
    let ran = wal_in_use(server.data_dir(), &["verify"]);
    assert_eq!(ran.stdout, "1 segment, 2 records, 3 rows: intact\n");
    assert!(ran.code == 0 && ran.stderr.starts_with(note), "{ran:?}");
    let ran = wal_in_use(server.data_dir(), &["export", "--db", "db"]);
    assert_eq!(ran.stdout, "m v=1i 1\nm v=2i 2\nm v=3i 3\n");
    // The server goes on as if nobody had looked.
    server.write("db", "m v=4i 4");
    server.kill();
    let ran = wal(server.data_dir(), &["verify"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
        (0, "1 segment, 3 records, 4 rows: intact\n", "")
    );
    let ran = wal(server.data_dir(), &["inspect", "--format", "csv"]);
    let mut lines = ran.stdout.lines();
    let header =
        "SEGMENT,EPOCH,FIRST RECORD,LAST RECORD,RECORDS,GROUPS,USED BYTES,FILE BYTES,STATE";
    assert_eq!(lines.next(), Some(header));
    let cells: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert_eq!((cells[2], cells[3], cells[4]), ("1", "3", "3"));
    assert_eq!(cells.last(), Some(&"intact"));
    assert_eq!(ran.stderr, "1 segment, 3 records, intact\n");
    let ran = wal(server.data_dir(), &["inspect"]);
    assert!(
        ran.stdout.starts_with("SEGMENT  EPOCH  FIRST RECORD"),
        "{ran:?}"
    );
}

#[test]
fn directory_without_a_log_is_told() {
    let dir = tempfile::TempDir::new().unwrap();
    for command in ["inspect", "verify", "export"] {
        let ran = wal(dir.path(), &[command]);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
        let words = "there is no log in ";
        assert!(ran.stderr.contains(words) && ran.stderr.contains("--data-dir"));
    }
}
