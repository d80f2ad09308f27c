//! Child processes that can't hang: everything has a time limit, and what is stopped is stopped by its id.

#[cfg(test)]
mod tests;

use crate::say;
use anyhow::Context as _;
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// How often a child is looked after.
const TICK: Duration = Duration::from_millis(100);

/// How long a child may take to end after it was asked to.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// How long output is still waited for when a child has ended but somebody it started holds the pipe.
const OUTPUT_PATIENCE: Duration = Duration::from_secs(2);

/// Lines read ahead of what is printed.
const LINES_AHEAD: usize = 1024;

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Exit(ExitStatus),
    /// It was stopped after its time limit.
    TimedOut(Duration),
}

impl End {
    pub(crate) fn success(self) -> bool {
        matches!(self, Self::Exit(status) if status.success())
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exit(status) => write!(f, "{status}"),
            Self::TimedOut(limit) => write!(f, "stopped after {} s", limit.as_secs()),
        }
    }
}

/// A child that has ended, and the lines of its stdout and stderr as they came.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) end: End,
    pub(crate) lines: Vec<String>,
}

/// Whether the lines of a child are shown while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    Shown,
    Kept,
}

/// Runs a command without input to its end, or stops it at the time limit.
///
/// # Errors
/// When the command can't be started or waited for.
pub(crate) fn run(
    command: &mut Command,
    output: Output,
    limit: Duration,
) -> anyhow::Result<Finished> {
    let name = command.get_program().to_string_lossy().into_owned();
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("start {name}"))?;
    let (sender, receiver) = sync_channel(LINES_AHEAD);
    read_lines(child.stdout.take(), sender.clone());
    read_lines(child.stderr.take(), sender);
    let started = Instant::now();
    let mut lines = Vec::new();
    collect(&mut child, &receiver, started + limit, |line| {
        if output == Output::Shown {
            say(&line);
        }
        lines.push(line);
    });
    let left = (started + limit).saturating_duration_since(Instant::now());
    let end = match wait(&mut child, left)? {
        Some(status) => End::Exit(status),
        None => {
            stop(&mut child)?;
            End::TimedOut(limit)
        }
    };
    Ok(Finished { end, lines })
}

/// Takes lines until both pipes are closed, the child has ended, or the deadline has come.
fn collect(
    child: &mut Child,
    lines: &Receiver<String>,
    deadline: Instant,
    mut each: impl FnMut(String),
) {
    let mut ended = None;
    while Instant::now() < deadline {
        match lines.recv_timeout(TICK) {
            Ok(line) => each(line),
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                if ended.is_none() && matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
                    ended = Some(Instant::now());
                }
                if ended.is_some_and(|since| since.elapsed() > OUTPUT_PATIENCE) {
                    return;
                }
            }
        }
    }
}

/// Sends each line of a pipe, made readable; ends with the pipe or when nobody listens.
fn read_lines(pipe: Option<impl Read + Send + 'static>, lines: SyncSender<String>) {
    let Some(pipe) = pipe else { return };
    std::thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe
            .read_until(b'\n', &mut line)
            .is_ok_and(|bytes| bytes > 0)
        {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            line.clear();
            if lines.send(text).is_err() {
                return;
            }
        }
    });
}

/// Waits for a child, but not for ever. `None` when it still runs after `limit`.
///
/// # Errors
/// When the system does not tell.
pub(crate) fn wait(child: &mut Child, limit: Duration) -> anyhow::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().context("wait for a child")? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        std::thread::sleep(TICK / 4);
    }
}

/// Asks a child to end, then makes it.
///
/// # Errors
/// When the system does not tell how it ended.
pub(crate) fn stop(child: &mut Child) -> anyhow::Result<ExitStatus> {
    ask_to_end(child);
    if let Some(status) = wait(child, STOP_PATIENCE)? {
        return Ok(status);
    }
    // It may have ended just now; waiting tells.
    let _ = child.kill();
    child.wait().context("wait for a child that was killed")
}

/// Sends SIGTERM. The standard library knows only SIGKILL; every shell has the other one.
pub(crate) fn ask_to_end(child: &Child) {
    let id = child.id().to_string();
    let mut kill = Command::new("sh");
    kill.args(["-c", "kill -TERM \"$0\"", &id])
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    let _ = kill.status();
}

/// Whether a program can be run; `arguments` should make it do nothing, as `--version` does.
pub(crate) fn is_installed(command: &mut Command, arguments: &[&str]) -> bool {
    let command = command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
