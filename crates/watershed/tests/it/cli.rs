//! The command line: what it prints where, and how it ends.

use super::server::{OPERATOR_TOKEN, Process, Server, watershed};
use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// What a command printed and how it ended.
#[derive(Debug)]
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    /// Insists on success; returns what was printed as data.
    #[track_caller]
    fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.stdout
    }

    /// Insists on a failure and on words in what was said of it.
    #[track_caller]
    fn failed(self, code: i32, words: &[&str]) {
        assert_eq!((self.code, self.stdout.as_str()), (code, ""), "{self:?}");
        for word in words {
            assert!(
                self.stderr.contains(word),
                "{word:?} is not in {}",
                self.stderr
            );
        }
    }
}

/// A user of the command line, with a home folder of their own.
struct User {
    home: TempDir,
    host: String,
    token: String,
}

impl User {
    #[track_caller]
    fn of(server: &Server) -> Self {
        Self {
            home: TempDir::new().unwrap(),
            host: server.url(),
            token: OPERATOR_TOKEN.to_owned(),
        }
    }

    /// The command, with host and token in the environment.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.stranger(arguments);
        command
            .env("WATERSHED_HOST", &self.host)
            .env("WATERSHED_TOKEN", &self.token);
        command
    }

    /// The command, without any settings.
    fn stranger(&self, arguments: &[&str]) -> Command {
        let mut command = watershed();
        let home = self.home.path();
        command
            .args(arguments)
            .env("HOME", home)
            .stdin(Stdio::null());
        command
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("XDG_DATA_HOME", home.join("data"));
        command
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().unwrap().into()
    }

    /// Runs a command that reads its stdin.
    #[track_caller]
    fn run_with_input(&self, arguments: &[&str], input: &str) -> Ran {
        let mut command = self.command(arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        child.wait_with_output().unwrap().into()
    }
}

#[test]
fn databases_are_created_listed_and_deleted() {
    let server = Server::start();
    let user = User::of(&server);
    assert_eq!(
        user.run(&["database", "create", "one"]).ok(),
        "created database one\n"
    );
    let create = [
        "database",
        "create",
        "a/b",
        "--retention-period",
        "30d",
        "--max-tables",
        "7",
        "--max-columns",
        "9",
    ];
    assert_eq!(user.run(&create).ok(), "created database a/b\n");
    let csv = user.run(&["database", "list", "--format", "csv"]).ok();
    let rows: Vec<&str> = csv
        .lines()
        .map(|line| line.rsplit_once(',').unwrap().0)
        .collect();
    let header = "DATABASE NAME,RETENTION PERIOD,MAX TABLES,MAX COLUMNS PER TABLE";
    assert_eq!(rows, [header, "a/b,720h,7,9", "one,infinite,500,250"]);
    let table = user.run(&["database", "list"]).ok();
    let cells: Vec<Vec<&str>> = table
        .lines()
        .map(|line| {
            line.split("  ")
                .map(str::trim)
                .filter(|c| !c.is_empty())
                .collect()
        })
        .collect();
    assert_eq!(
        cells[0],
        [
            "DATABASE NAME",
            "RETENTION PERIOD",
            "MAX TABLES",
            "MAX COLUMNS PER TABLE",
            "ID"
        ]
    );
    assert_eq!(cells[2][..4], ["one", "infinite", "500", "250"]);
    let json: serde_json::Value = user
        .run(&["database", "list", "--format", "json"])
        .ok()
        .parse()
        .unwrap();
    assert_eq!(
        (&json[0]["name"], &json[1]["name"]),
        (&"a/b".into(), &"one".into())
    );
    user.run(&["database", "create", "one"]).failed(
        1,
        &["A namespace with the name `one` already exists [409 Conflict]"],
    );
    assert_eq!(
        user.run(&["database", "delete", "a/b", "one"]).ok(),
        "deleted database a/b\ndeleted database one\n"
    );
    user.run(&["database", "delete", "one"])
        .failed(1, &["error: database \"one\" not found [404 Not Found]"]);
    assert_eq!(
        user.run(&["database", "list", "--format", "csv"])
            .ok()
            .lines()
            .count(),
        1
    );
    user.run(&["database", "create", "x", "--retention-period", "soon"])
        .failed(1, &["\"soon\" can't be read"]);
    user.run(&["database", "create", "a.b"])
        .failed(1, &["namespace name 'a.b' contains invalid character"]);
}

#[test]
fn tokens_are_created_listed_and_revoked() {
    let server = Server::start();
    let mut user = User::of(&server);
    user.run(&["database", "create", "db"]).ok();
    let create = [
        "token",
        "create",
        "mine",
        "--read-database",
        "db",
        "--write-database",
        "*",
    ];
    let created = user.run(&create);
    assert!(
        created
            .stderr
            .contains("(mine). Its text is shown only this once:"),
        "{}",
        created.stderr
    );
    let text = created.ok();
    let token = text.trim_end();
    assert!(token.starts_with("apiv1_") && token.len() == 70, "{token}");
    let csv = user.run(&["token", "list", "--format", "csv"]).ok();
    let line = csv.lines().find(|line| line.contains(",mine,")).unwrap();
    let cells: Vec<&str> = line.split(',').collect();
    assert_eq!(cells[2], "read:db write:*");
    assert!(
        csv.contains("operator token given at start,operator,"),
        "{csv}"
    );
    assert!(!csv.contains(token), "the text of a token is not listed");
    let id = cells[0].to_owned();
    let operator = std::mem::replace(&mut user.token, token.to_owned());
    assert_eq!(
        user.run(&["write", "--database", "db", "m f=1 1"]).ok(),
        "wrote 1 line to db\n"
    );
    user.run(&["token", "list"]).failed(
        1,
        &["forbidden (the token has no right to do this) [403 Forbidden]"],
    );
    let own = std::mem::replace(&mut user.token, operator);
    assert_eq!(
        user.run(&["token", "revoke", &id]).ok(),
        format!("revoked token {id}\n")
    );
    assert!(!user.run(&["token", "list"]).ok().contains("mine"));
    assert!(
        user.run(&["token", "list", "--include-revoked"])
            .ok()
            .contains("mine")
    );
    user.token = own;
    let refused =
        "unauthorized access (the token is unknown, expired or revoked) [401 Unauthorized]";
    user.run(&["write", "--database", "db", "m f=1 1"])
        .failed(1, &[refused]);
    let expiring = [
        "token",
        "create",
        "x",
        "--expires-at",
        "2020-01-01T00:00:00Z",
        "--format",
        "json",
    ];
    user.token = OPERATOR_TOKEN.to_owned();
    let json: serde_json::Value = user.run(&expiring).ok().parse().unwrap();
    assert_eq!(json["expiresAt"], "2020-01-01T00:00:00.000Z");
    user.run(&["token", "create", "x", "--expires-at", "soon"])
        .failed(1, &["invalid expiresAt \"soon\""]);
}

#[test]
fn lines_are_written_from_arguments_files_and_stdin() {
    let server = Server::start();
    let user = User::of(&server);
    user.run(&["database", "create", "db"]).ok();
    let write = ["write", "--database", "db", "--precision", "s"];
    let with = |more: &[&'static str]| [write.as_slice(), more].concat();
    assert_eq!(user.run(&with(&["m f=1 1"])).ok(), "wrote 1 line to db\n");
    assert_eq!(
        user.run_with_input(&write, "m f=2 2\nm f=3 3").ok(),
        "wrote 2 lines to db\n"
    );
    assert_eq!(
        user.run_with_input(&with(&["-"]), "m f=4 4\n").ok(),
        "wrote 1 line to db\n"
    );
    let file = user.home.path().join("points.lp");
    let lines: String = (5..=14).map(|n| format!("m f={n} {n}\n")).collect();
    std::fs::write(&file, lines).unwrap();
    let path = file.to_str().unwrap();
    let from_file = [write.as_slice(), &["--file", path, "--batch-size", "3"]].concat();
    assert_eq!(user.run(&from_file).ok(), "wrote 10 lines to db\n");
    let count = "SELECT count(*) AS n, CAST(max(time) AS BIGINT) AS t FROM m";
    let csv = user
        .run(&["query", "--database", "db", "--format", "csv", count])
        .ok();
    assert_eq!(csv, "n,t\n14,14000000000\n");
    let bad = [write.as_slice(), &["--batch-size", "2"]].concat();
    user.run_with_input(&bad, "m f=1 1\nm f=1 1\nm f=1 1\nm f=x 1").failed(
        1,
        &["error: batch of lines 3 to 4: partial write has occurred, errors encountered on line(s): error parsing line 2 (1-based): No fields were provided [400 Bad Request]"],
    );
    user.run(&["write", "--database", "nope", "m f=1"])
        .failed(1, &["database \"nope\" not found [404 Not Found]"]);
    user.run(&["write", "--database", "db", "--file", "/does/not/exist"])
        .failed(1, &["open /does/not/exist"]);
    user.run(&["write", "m f=1"]).failed(
        1,
        &["no database: give --database, or set it in the profile file"],
    );
}

#[test]
fn queries_are_printed_in_three_formats_and_two_languages() {
    let server = Server::start();
    let user = User::of(&server);
    server.create_database("db");
    server.write("db", "weather,city=Oslo temperature=4.5,note=\"a,b\" 1704067200000000000\nweather,city=Rome temperature=14 1704067200000000000");
    let query =
        |more: &[&str]| user.run(&[["query", "--database", "db"].as_slice(), more].concat());
    let sql = "SELECT city, temperature, note FROM weather ORDER BY city";
    assert_eq!(
        query(&[sql]).ok(),
        "\
+------+-------------+------+
| city | temperature | note |
+------+-------------+------+
| Oslo | 4.5         | a,b  |
| Rome | 14.0        |      |
+------+-------------+------+
"
    );
    assert_eq!(
        query(&["--format", "csv", sql]).ok(),
        "city,temperature,note\nOslo,4.5,\"a,b\"\nRome,14.0,\n"
    );
    let json: serde_json::Value = query(&["--format", "json", sql]).ok().parse().unwrap();
    let expected = serde_json::json!([
        { "city": "Oslo", "temperature": 4.5, "note": "a,b" },
        { "city": "Rome", "temperature": 14.0, "note": null },
    ]);
    assert_eq!(json, expected);
    let influxql = "SELECT temperature FROM weather WHERE city = 'Oslo'";
    assert_eq!(
        query(&["--language", "influxql", influxql]).ok(),
        "\
+------------------+---------------------+-------------+
| iox::measurement | time                | temperature |
+------------------+---------------------+-------------+
| weather          | 2024-01-01T00:00:00 | 4.5         |
+------------------+---------------------+-------------+
"
    );
    assert_eq!(
        query(&["--language", "influxql", "--format", "csv", influxql]).ok(),
        "iox::measurement,time,temperature\nweather,2024-01-01T00:00:00,4.5\n"
    );
    let from_stdin = user.run_with_input(
        &["query", "--database", "db", "--format", "csv"],
        "SELECT 1 AS one",
    );
    assert_eq!(from_stdin.ok(), "one\n1\n");
    let none = "SELECT city FROM weather WHERE city = 'Bern'";
    assert_eq!(query(&["--format", "json", none]).ok(), "[]\n");
    assert_eq!(query(&["--format", "csv", none]).ok(), "city\n");
    query(&["SELEC 1"]).failed(1, &["error: ", "SELEC", "[InvalidArgument]"]);
    query(&["SELECT * FROM nothing"]).failed(1, &["nothing", "[InvalidArgument]"]);
    user.run(&["query", "--database", "nope", "SELECT 1"])
        .failed(1, &["Database 'nope' not found [NotFound]"]);
}

#[test]
fn wrong_usage_ends_with_two() {
    let user = User {
        home: TempDir::new().unwrap(),
        host: String::new(),
        token: String::new(),
    };
    let run = |arguments: &[&str]| Ran::from(user.stranger(arguments).output().unwrap());
    run(&["--nonsense"]).failed(2, &["unexpected argument '--nonsense'"]);
    run(&["nonsense"]).failed(2, &["unrecognized subcommand 'nonsense'"]);
    run(&["database", "create"]).failed(2, &["<NAME>"]);
    run(&["query", "--format", "xml", "SELECT 1"])
        .failed(2, &["invalid value 'xml'", "table, json, csv"]);
    run(&["write", "--precision", "h", "m f=1"]).failed(2, &["invalid value 'h'"]);
    run(&["write", "--file", "x", "m f=1"]).failed(2, &["cannot be used with"]);
    run(&["serve", "--wal-bytes-max", "5 apples"])
        .failed(2, &["expected a size such as 50MiB, 4GiB or 1048576"]);
    run(&["serve", "--bind", "here"]).failed(2, &["--bind"]);
    let version = run(&["version"]).ok();
    assert_eq!(
        version,
        concat!("watershed ", env!("CARGO_PKG_VERSION"), "\n")
    );
    assert_eq!(run(&["--version"]).ok(), version);
}

#[test]
fn a_server_that_is_not_there_is_told_so() {
    let mut server = Server::start();
    let user = User::of(&server);
    assert!(server.stop().success());
    let words = format!(
        "no answer from {}: is the server running there? (watershed serve)",
        user.host
    );
    user.run(&["database", "list"]).failed(1, &[&words]);
    user.run(&["write", "--database", "db", "m f=1"])
        .failed(1, &[&words]);
    user.run(&["query", "--database", "db", "SELECT 1"])
        .failed(1, &[&words]);
    let without_scheme = user
        .command(&["database", "list", "--host", "localhost:8086"])
        .output()
        .unwrap();
    Ran::from(without_scheme).failed(
        1,
        &["the host \"localhost:8086\" needs a scheme, as in http://127.0.0.1:8086"],
    );
}

#[test]
fn profiles_name_host_token_and_database() {
    let server = Server::start();
    server.create_database("db");
    let user = User::of(&server);
    let directory = user.home.path().join("config").join("watershed");
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("config.toml");
    let profile = |name: &str, token: &str| {
        format!(
            "[{name}]\nhost = \"{}\"\ntoken = \"{token}\"\ndatabase = \"db\"\n",
            user.host
        )
    };
    std::fs::write(
        &file,
        profile("default", OPERATOR_TOKEN) + &profile("broken", "wrong"),
    )
    .unwrap();
    let run = |arguments: &[&str]| Ran::from(user.stranger(arguments).output().unwrap());
    assert_eq!(run(&["write", "m f=1 1"]).ok(), "wrote 1 line to db\n");
    assert_eq!(
        run(&["query", "--format", "csv", "SELECT f FROM m"]).ok(),
        "f\n1.0\n"
    );
    run(&["write", "m f=1 1", "--profile", "broken"])
        .failed(1, &["unauthorized access", "[401 Unauthorized]"]);
    // A flag wins over the file.
    let overridden = [
        "write",
        "m f=1 1",
        "--profile",
        "broken",
        "--token",
        OPERATOR_TOKEN,
    ];
    assert_eq!(run(&overridden).ok(), "wrote 1 line to db\n");
    run(&["write", "m f=1 1", "--profile", "none"]).failed(1, &["has no section [none]"]);
    let other = user.home.path().join("other.toml");
    std::fs::write(&other, "[default]\nnonsense = 1\n").unwrap();
    let config = ["write", "m f=1 1", "--config", other.to_str().unwrap()];
    run(&config).failed(1, &["other.toml", "nonsense"]);
}

/// Starts a server that was given no token; returns what it printed to stdout until it was stopped.
#[track_caller]
fn output_of_a_start(user: &User, flags: &[&str]) -> (Process, String) {
    let mut command = user.stranger(&["serve", "--bind", "127.0.0.1:0", "--log-format", "json"]);
    let mut process = Process::start(command.args(flags).stdout(Stdio::piped()));
    process.check_log();
    process.kill();
    let output = process.output();
    (process, output)
}

#[test]
fn the_first_start_shows_the_operator_token_once() {
    let user = User {
        home: TempDir::new().unwrap(),
        host: String::new(),
        token: String::new(),
    };
    let (process, output) = output_of_a_start(&user, &[]);
    assert!(
        output.starts_with(
            "This is the operator token. It is shown only now; keep it.\n\n    apiv1_"
        ),
        "{output}"
    );
    let token = output.lines().nth(2).unwrap().trim();
    let lines: Vec<&str> = output
        .lines()
        .skip_while(|line| !line.starts_with("To begin"))
        .skip(2)
        .collect();
    assert!(
        lines[0].starts_with(&format!(
            "export WATERSHED_HOST=http://{}; ",
            process.address
        )),
        "{output}"
    );
    assert!(
        lines[1].contains(" write --database mydb ")
            && lines[2].contains(" query --database mydb "),
        "{output}"
    );
    assert!(!process.text().contains(token), "the token is not logged");
    let (_, output) = output_of_a_start(&user, &[]);
    assert_eq!(output, "", "the second start has nothing to show");
    assert!(
        user.home
            .path()
            .join("data/watershed/catalog.sqlite")
            .exists(),
        "the default folder is used"
    );
}

#[test]
fn the_three_lines_of_the_first_start_work() {
    let user = User {
        home: TempDir::new().unwrap(),
        host: String::new(),
        token: String::new(),
    };
    let mut command = user.stranger(&["serve", "--bind", "127.0.0.1:0", "--log-format", "json"]);
    let shown = user.home.path().join("shown");
    let stdout = std::fs::File::create(&shown).unwrap();
    let process = Process::start(command.stdout(stdout));
    let text = std::fs::read_to_string(&shown).unwrap();
    let lines: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.starts_with("To begin"))
        .skip(2)
        .take(3)
        .collect();
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(lines.join("\n"))
        .env("HOME", user.home.path())
        .env_remove("XDG_CONFIG_HOME");
    let ran = Ran::from(shell.output().unwrap());
    assert!(ran.stdout.contains("wrote 1 line to mydb\n"), "{ran:?}");
    assert!(ran.stdout.contains("| Oslo | 4.5 "), "{ran:?}");
    assert_eq!(ran.code, 0, "{ran:?}");
    drop(process);
}

#[test]
fn a_token_that_was_given_is_not_shown() {
    let user = User {
        home: TempDir::new().unwrap(),
        host: String::new(),
        token: String::new(),
    };
    let file = user.home.path().join("token");
    std::fs::write(&file, format!("{OPERATOR_TOKEN}\n")).unwrap();
    let path = file.to_str().unwrap().to_owned();
    assert_eq!(
        output_of_a_start(&user, &["--operator-token-file", &path]).1,
        ""
    );
    std::fs::write(&file, "short\n").unwrap();
    let refused = user
        .stranger(&[
            "serve",
            "--bind",
            "127.0.0.1:0",
            "--operator-token-file",
            &path,
        ])
        .output()
        .unwrap();
    Ran::from(refused).failed(
        1,
        &["the operator token must have at least 16 characters and no blanks"],
    );
    assert_eq!(output_of_a_start(&user, &["--without-auth"]).1, "");
}

#[test]
fn a_taken_address_is_told_so() {
    let server = Server::start();
    let user = User::of(&server);
    let address = server.address().to_string();
    let second = user
        .stranger(&["serve", "--bind", &address])
        .output()
        .unwrap();
    Ran::from(second).failed(
        1,
        &[&format!(
            "listen on {address}: is another server running there?"
        )],
    );
}

#[test]
fn queries_are_listed_and_ended() {
    let server = Server::start();
    server.create_database("db");
    let user = User::of(&server);
    let endless = "SELECT count(*)\n FROM generate_series(1, 1000000000000)";
    std::thread::scope(|scope| {
        let query = scope.spawn(|| user.run(&["query", "--database", "db", endless]));
        let begun = std::time::Instant::now();
        let listed = loop {
            let listed = user.run(&["queries", "list"]).ok();
            if listed.lines().count() > 1 {
                break listed;
            }
            assert!(begun.elapsed() < std::time::Duration::from_secs(60));
        };
        let line = listed.lines().nth(1).unwrap();
        assert!(
            line.ends_with("SELECT count(*) FROM generate_series(1, 1000000000000)"),
            "{listed}"
        );
        let id = line.split_whitespace().next().unwrap();
        assert_eq!(
            user.run(&["queries", "kill", id]).ok(),
            format!("killed query {id}\n")
        );
        query.join().unwrap().failed(1, &["query killed"]);
        let again = user.run(&["queries", "kill", id]);
        again.failed(1, &["is in progress", "404"]);
        let all = user
            .run(&["queries", "list", "--include-finished", "--format", "csv"])
            .ok();
        assert!(all.contains("cancel"), "{all}");
        assert!(
            user.run(&["queries", "list", "--format", "json"])
                .ok()
                .starts_with("[]")
        );
    });
}
