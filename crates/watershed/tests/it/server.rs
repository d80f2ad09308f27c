//! A server process of a test.
//!
//! Each test starts its own server with a data directory of its own, on a free port that the server
//! tells in its log. Nothing waits by the clock: events in the log and ends of processes are waited for.

use reqwest::header::{HeaderMap, HeaderName};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// The operator token that every server of the tests is given.
pub(crate) const OPERATOR_TOKEN: &str = "operator-token-of-the-tests";

/// How long anything may take before a test gives up: far longer than a busy machine needs.
const PATIENCE: Duration = Duration::from_secs(120);

/// The runtime of all clients of a test process.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().unwrap())
}

/// The binary under test, without any of the caller's settings.
pub(crate) fn watershed() -> Command {
    without_settings(Command::new(env!("CARGO_BIN_EXE_watershed")))
}

fn without_settings(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("WATERSHED_") {
            command.env_remove(name);
        }
    }
    command
}

/// A running server; killed when it is dropped.
pub(crate) struct Server {
    /// A command that runs the command that follows, such as `nsenter`; empty for none.
    wrapper: Vec<String>,
    flags: Vec<String>,
    data_dir: TempDir,
    process: Process,
    client: Client,
}

impl Server {
    /// Starts a server on an empty directory.
    #[track_caller]
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// Starts a server on an empty directory with further flags.
    #[track_caller]
    pub(crate) fn with(flags: &[&str]) -> Self {
        Self::through(Vec::new(), TempDir::new().unwrap(), flags)
    }

    /// Starts a server by another command, on a directory that is there.
    #[track_caller]
    pub(crate) fn through(wrapper: Vec<String>, data_dir: TempDir, flags: &[&str]) -> Self {
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let process = Process::start(&mut serve(&wrapper, &flags, data_dir.path()));
        Self {
            wrapper,
            flags,
            data_dir,
            process,
            client: Client::new(),
        }
    }

    /// From now on, lines with these texts may be logged as errors.
    pub(crate) fn expect_errors(&mut self, texts: &'static [&'static str]) {
        self.process.expected_errors = texts;
    }

    /// Starts the server again on the directory it had. It must have ended.
    #[track_caller]
    pub(crate) fn restart(&mut self) {
        assert!(
            self.process.ended,
            "end the server before it is started again"
        );
        let expected_errors = self.process.expected_errors;
        let mut command = serve(&self.wrapper, &self.flags, self.data_dir.path());
        self.process = Process::start(&mut command);
        self.process.expected_errors = expected_errors;
        // The old client may hold connections to a port that is now someone else's.
        self.client = Client::new();
    }

    /// Ends the process at once, as a power cut does.
    #[track_caller]
    pub(crate) fn kill(&mut self) {
        self.process.kill();
        self.process.check_log();
    }

    /// Kills the process while others still use the server. [`kill`](Self::kill) must follow.
    #[track_caller]
    pub(crate) fn kill_now(&self) {
        self.signal("-KILL");
    }

    /// Asks the process to end and waits until it has.
    #[track_caller]
    pub(crate) fn stop(&mut self) -> ExitStatus {
        self.terminate();
        let status = self.process.wait();
        self.process.check_log();
        status
    }

    /// Sends SIGTERM and does not wait.
    #[track_caller]
    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    #[track_caller]
    fn signal(&self, signal: &str) {
        let pid = self.process.child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(sent.success(), "{signal} could not be sent to {pid}");
    }

    /// Waits for the end of a process that was told to stop.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.process.wait()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.process.address
    }

    /// `http://host:port`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    pub(crate) fn data_dir(&self) -> &Path {
        self.data_dir.path()
    }

    /// All that the process has logged so far.
    pub(crate) fn log(&self) -> String {
        self.process.text()
    }

    /// The most memory that the process has had, in KiB; `None` where the system does not tell.
    pub(crate) fn resident_kib_max(&self) -> Option<u64> {
        let status = format!("/proc/{}/status", self.process.child.id());
        let status = std::fs::read_to_string(status).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.split_whitespace().next()?.parse().ok()
    }

    /// All files below a directory of the data directory that end so.
    pub(crate) fn files(&self, directory: &str, suffix: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut left = vec![self.data_dir().join(directory)];
        while let Some(directory) = left.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    left.push(path);
                } else if path.to_string_lossy().ends_with(suffix) {
                    found.push(path);
                }
            }
        }
        found
    }
}

/// Requests.
impl Server {
    /// A request without credentials. `path` may have a query string.
    pub(crate) fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url()))
    }

    /// A `GET` of the operator.
    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.bare(Method::GET, path).bearer_auth(OPERATOR_TOKEN)
    }

    /// A `POST` of the operator.
    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.bare(Method::POST, path).bearer_auth(OPERATOR_TOKEN)
    }

    /// Sends a request and reads the whole answer.
    #[track_caller]
    pub(crate) fn send(&self, request: RequestBuilder) -> Answer {
        match self.try_send(request) {
            Ok(answer) => answer,
            Err(error) => panic!("no answer: {error:?}\nlog:\n{}", self.log()),
        }
    }

    /// As [`send`](Self::send), for servers that may be killed meanwhile.
    pub(crate) fn try_send(&self, request: RequestBuilder) -> reqwest::Result<Answer> {
        self.send_within(request, PATIENCE)
    }

    /// As [`try_send`](Self::try_send), for what may take longer.
    pub(crate) fn send_within(
        &self,
        request: RequestBuilder,
        patience: Duration,
    ) -> reqwest::Result<Answer> {
        runtime().block_on(async {
            let response = request.timeout(patience).send().await?;
            let (status, headers) = (response.status(), response.headers().clone());
            Ok(Answer {
                status,
                headers,
                body: response.bytes().await?.into(),
            })
        })
    }

    /// Creates a database without limits of its own.
    #[track_caller]
    pub(crate) fn create_database(&self, name: &str) {
        self.create_database_with(json!({ "name": name }));
    }

    /// Creates a database as the management API takes it.
    #[track_caller]
    pub(crate) fn create_database_with(&self, body: Value) {
        let answer = self.send(self.post("/api/v0/databases").json(&body));
        assert_eq!(
            answer.status,
            200,
            "create database {body}: {}",
            answer.text()
        );
    }

    /// Creates a token with rights such as `read:db` and `write:*`; returns its text.
    #[track_caller]
    pub(crate) fn create_token(&self, rights: &[&str]) -> String {
        let token = self.create_token_with(rights, json!({}));
        token["accessToken"].as_str().unwrap().to_owned()
    }

    /// Creates a token with further members of the request; returns all of the answer.
    #[track_caller]
    pub(crate) fn create_token_with(&self, rights: &[&str], mut body: Value) -> Value {
        let right = |right: &&str| {
            let (action, resource) = right.split_once(':').unwrap();
            json!({ "action": action, "resource": resource })
        };
        body["description"] = json!(format!("may {}", rights.join(" ")));
        body["permissions"] = rights.iter().map(right).collect();
        let answer = self.send(self.post("/api/v0/tokens").json(&body));
        assert_eq!(answer.status, 200, "create token {body}: {}", answer.text());
        answer.json()
    }

    /// Writes lines that must all be accepted.
    #[track_caller]
    pub(crate) fn write(&self, database: &str, lines: &str) {
        let request = self.post("/api/v2/write").query(&[("bucket", database)]);
        let answer = self.send(request.body(lines.to_owned()));
        assert_eq!(answer.status, 204, "write to {database}: {}", answer.text());
    }

    /// The rows of an SQL query, each an object.
    #[track_caller]
    pub(crate) fn sql(&self, database: &str, query: &str) -> Value {
        let request = self
            .get("/api/v3/query_sql")
            .query(&[("db", database), ("q", query)]);
        let answer = self.send(request);
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        answer.json()
    }

    /// The `series` of the first statement of an InfluxQL query over `/query`, times in nanoseconds.
    #[track_caller]
    pub(crate) fn influxql(&self, database: &str, query: &str) -> Value {
        let parameters = [("db", database), ("q", query), ("epoch", "ns")];
        let answer = self.send(self.get("/query").query(&parameters));
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        let body = answer.json();
        assert!(body["results"][0]["error"].is_null(), "{query}: {body}");
        body["results"][0]["series"].clone()
    }

    /// A connection for requests that no ordinary client sends.
    #[track_caller]
    pub(crate) fn connect(&self) -> Wire {
        Wire::connect(self.address())
    }
}

fn serve(wrapper: &[String], flags: &[String], data_dir: &Path) -> Command {
    let mut command = match wrapper {
        [] => watershed(),
        [first, rest @ ..] => {
            let mut command = without_settings(Command::new(first));
            command.args(rest).arg(env!("CARGO_BIN_EXE_watershed"));
            command
        }
    };
    command
        .args([
            "serve",
            "--bind",
            "127.0.0.1:0",
            "--log-format",
            "json",
            "--data-dir",
        ])
        .arg(data_dir)
        .args(flags)
        .env("WATERSHED_OPERATOR_TOKEN", OPERATOR_TOKEN);
    command
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body as text, which it must be.
    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body as JSON, which it must be.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("{error} in {}", String::from_utf8_lossy(&self.body)),
        }
    }

    /// A header; empty when it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        let name: HeaderName = name.parse().unwrap();
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

/// A process of `watershed serve` that has said that it is ready.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
    ended: bool,
    expected_errors: &'static [&'static str],
}

impl Process {
    /// Starts a command that logs JSON and waits until it is ready.
    #[track_caller]
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (tell, ready) = channel();
        let kept = Arc::clone(&log);
        let reader = std::thread::spawn(move || {
            for line in stderr.lines() {
                let Ok(line) = line else { break };
                if let Some(address) = ready_address(&line) {
                    // A second such line would find no one who listens.
                    let _ = tell.send(address);
                }
                let mut log = kept.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut process = Self {
            child,
            address: unknown,
            log,
            reader: Some(reader),
            ended: false,
            expected_errors: &[],
        };
        process.address = process.wait_until_ready(&ready);
        process
    }

    #[track_caller]
    fn wait_until_ready(&mut self, ready: &Receiver<SocketAddr>) -> SocketAddr {
        match ready.recv_timeout(PATIENCE) {
            Ok(address) => address,
            Err(RecvTimeoutError::Timeout) => {
                panic!("not ready in time:\n{}", self.log.lock().unwrap())
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status = self.wait();
                panic!(
                    "ended before it was ready, {status}:\n{}",
                    self.log.lock().unwrap()
                )
            }
        }
    }

    /// Ends the process at once.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        self.wait();
    }

    fn wait(&mut self) -> ExitStatus {
        let status = self.child.wait().unwrap();
        self.ended = true;
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        status
    }

    /// All that the process has logged so far.
    pub(crate) fn text(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// What the process has printed to stdout, if that was piped. It must have ended.
    pub(crate) fn output(&mut self) -> String {
        let mut text = String::new();
        self.child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        text
    }

    /// Hardly a test makes a server fail: whatever else it logs as an error is a bug.
    #[track_caller]
    pub(crate) fn check_log(&self) {
        let log = self.log.lock().unwrap();
        let expected = |line: &&str| self.expected_errors.iter().any(|text| line.contains(text));
        let error = |line: &&str| line.contains(r#""level":"ERROR""#) && !expected(line);
        let bad = |line: &&str| error(line) || line.contains("panicked at");
        let errors: Vec<&str> = log.lines().filter(bad).collect();
        assert!(
            errors.is_empty(),
            "the server logged errors:\n{}",
            errors.join("\n")
        );
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.ended {
            self.kill();
            if !std::thread::panicking() {
                self.check_log();
            }
        }
    }
}

/// The address in the event `ready`.
fn ready_address(line: &str) -> Option<SocketAddr> {
    let event: Value = serde_json::from_str(line).ok()?;
    let fields = event.get("fields")?;
    (fields.get("message")? == "ready").then_some(())?;
    fields.get("address")?.as_str()?.parse().ok()
}

/// A connection on which a test writes and reads the bytes itself.
pub(crate) struct Wire {
    stream: BufReader<TcpStream>,
}

impl Wire {
    #[track_caller]
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            stream: BufReader::new(stream),
        }
    }

    /// Sends bytes. Lines of heads must end as HTTP wants it.
    #[track_caller]
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    /// Reads the head of an answer and its body of the announced length.
    #[track_caller]
    pub(crate) fn answer(&mut self) -> Answer {
        let first = self.line();
        let status = first
            .split(' ')
            .nth(1)
            .unwrap_or_else(|| panic!("no status line: {first:?}"));
        let status = StatusCode::from_bytes(status.as_bytes()).unwrap();
        let mut headers = HeaderMap::new();
        loop {
            let line = self.line();
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            headers.append(
                name.parse::<HeaderName>().unwrap(),
                value.trim().parse().unwrap(),
            );
        }
        let length = headers
            .get("content-length")
            .map_or(0, |n| n.to_str().unwrap().parse().unwrap());
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        Answer {
            status,
            headers,
            body,
        }
    }

    #[track_caller]
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}
