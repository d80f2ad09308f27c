//! A server for one suite or one measurement: a free loopback port, a data directory of its own, a known token.

use crate::process::{self, Output};
use anyhow::{Context as _, bail};
use serde::Deserialize;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;

/// Only a server on the loopback address with a directory that is thrown away ever has it.
pub(crate) const OPERATOR_TOKEN: &str = "operator-token-of-cargo-xtask-test";

/// How long a server may take to be ready: it begins with an empty directory.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// How long it may take to persist what it holds and end.
const STOP_PATIENCE: Duration = Duration::from_secs(120);

/// How long a command of the client may take.
const COMMAND_PATIENCE: Duration = Duration::from_secs(60);

/// The lines of log that are shown when something is wrong.
const LINES_SHOWN_MAX: usize = 20;

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    binary: PathBuf,
    child: Child,
    url: String,
    /// The lines of its log that a person would have to look at, once it has ended.
    log: Option<JoinHandle<Vec<String>>>,
    /// Removed when the server is dropped.
    data: TempDir,
}

impl Server {
    /// Starts the server and waits until it is ready. Its data is where temporary files are.
    ///
    /// # Errors
    /// When it is not ready in time; with the end of its log.
    pub(crate) fn start(binary: &Path) -> anyhow::Result<Self> {
        Self::start_in(binary, &std::env::temp_dir())
    }

    /// Like [`start`](Self::start), with the data in a new directory below `parent`.
    ///
    /// # Errors
    /// As `start`.
    pub(crate) fn start_in(binary: &Path, parent: &Path) -> anyhow::Result<Self> {
        Self::start_with(binary, parent, &[])
    }

    /// Like [`start_in`](Self::start_in), with further flags.
    ///
    /// # Errors
    /// As `start`.
    pub(crate) fn start_with(binary: &Path, parent: &Path, flags: &[&str]) -> anyhow::Result<Self> {
        let data = TempDir::with_prefix_in("watershed-", parent);
        let data = data.context("make a data directory")?;
        let mut command = clean(binary);
        command.args([
            "serve",
            "--bind",
            "127.0.0.1:0",
            "--log-format",
            "json",
            "--data-dir",
        ]);
        command
            .arg(data.path())
            .args(flags)
            .env("WATERSHED_OPERATOR_TOKEN", OPERATOR_TOKEN);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .with_context(|| format!("start {}", binary.display()))?;
        let (sender, ready) = sync_channel(1);
        let log = child
            .stderr
            .take()
            .map(|pipe| std::thread::spawn(move || watch(pipe, &sender)));
        let mut server = Self {
            binary: binary.to_owned(),
            child,
            url: String::new(),
            log,
            data,
        };
        match ready.recv_timeout(START_PATIENCE) {
            Ok(address) => {
                server.url = format!("http://{address}");
                Ok(server)
            }
            Err(_) => bail!(
                "the server was not ready in time:\n{}",
                server.stop().join("\n")
            ),
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// The server's own client, with address and operator token as arguments, for a shell. `{db}` and the
    /// like can be put after it.
    pub(crate) fn client(&self, command: &str) -> String {
        let binary = self.binary.display().to_string();
        format!(
            "{} {command} --host {} --token {OPERATOR_TOKEN}",
            quoted(&binary),
            self.url
        )
    }

    /// Runs a command of the server's own client and answers its output.
    ///
    /// # Errors
    /// When it fails; with what it said.
    pub(crate) fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = clean(&self.binary);
        command
            .args(arguments)
            .args(["--host", &self.url, "--token", OPERATOR_TOKEN]);
        let finished = process::run(&mut command, Output::Kept, COMMAND_PATIENCE)?;
        let text = finished.lines.join("\n");
        if !finished.end.success() {
            bail!(
                "watershed {}: {}: {text}",
                arguments.join(" "),
                finished.end
            );
        }
        Ok(text)
    }

    /// Asks the server to end, and tells what is wrong: errors in its log, a bad end, or none in time.
    pub(crate) fn stop(mut self) -> Vec<String> {
        let mut wrong = Vec::new();
        process::ask_to_end(&self.child);
        match process::wait(&mut self.child, STOP_PATIENCE) {
            Ok(Some(status)) if status.success() => {}
            Ok(Some(status)) => wrong.push(format!("the server ended with {status}")),
            Ok(None) => {
                wrong.push(format!(
                    "the server did not stop in {} s",
                    STOP_PATIENCE.as_secs()
                ));
                let _ = self.child.kill();
            }
            Err(error) => wrong.push(format!("{error:#}")),
        }
        let lines = self.log.take().map(JoinHandle::join);
        match lines {
            Some(Ok(lines)) => wrong.extend(lines),
            Some(Err(_)) | None => wrong.push("the log of the server could not be read".to_owned()),
        }
        wrong
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ended already unless something went wrong; then nobody waits for it any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary, without settings of the person who runs the tests.
fn clean(binary: &Path) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("WATERSHED_") {
            command.env_remove(&name);
        }
    }
    command
}

/// A line of the server's log.
#[derive(Debug, Deserialize)]
struct Event {
    level: String,
    fields: Fields,
}

#[derive(Debug, Deserialize)]
struct Fields {
    message: Option<String>,
    address: Option<String>,
}

/// Reads the log to its end. Sends the address when the server is ready; answers the lines that a person
/// would have to look at: errors, and what is no log line at all, such as a panic.
fn watch(pipe: impl Read, ready: &SyncSender<String>) -> Vec<String> {
    let mut notable = Vec::new();
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    while pipe
        .read_until(b'\n', &mut line)
        .is_ok_and(|bytes| bytes > 0)
    {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        line.clear();
        match serde_json::from_str::<Event>(&text) {
            Ok(event) => {
                if let (Some("ready"), Some(address)) =
                    (event.fields.message.as_deref(), event.fields.address)
                {
                    // Nobody waits any more when it came too late.
                    let _ = ready.try_send(address);
                }
                if event.level != "ERROR" {
                    continue;
                }
            }
            Err(_) if text.is_empty() => continue,
            Err(_) => {}
        }
        if notable.len() < LINES_SHOWN_MAX {
            notable.push(text);
        }
    }
    notable
}

/// A word for a shell.
pub(crate) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_tells_the_address_and_what_is_wrong() {
        let log = r#"{"level":"INFO","fields":{"message":"ready","address":"127.0.0.1:4711"},"target":"t"}
{"level":"WARN","fields":{"message":"slow"}}

{"level":"ERROR","fields":{"message":"persist failed"}}
thread 'io' panicked at src/main.rs:1:1:
"#;
        let (sender, ready) = sync_channel(1);
        let notable = watch(log.as_bytes(), &sender);
        assert_eq!(ready.recv(), Ok("127.0.0.1:4711".to_owned()));
        assert_eq!(
            notable,
            [
                r#"{"level":"ERROR","fields":{"message":"persist failed"}}"#,
                "thread 'io' panicked at src/main.rs:1:1:"
            ]
        );
    }

    #[test]
    fn words_survive_the_shell() {
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
