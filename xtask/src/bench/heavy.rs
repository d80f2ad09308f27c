//! More heavy questions at a time than there is room for.

use super::arguments::Heavy;
use crate::process::{self, Output};
use crate::server::{self, Server};
use crate::{say, workspace};
use std::process::Command;
use std::time::Duration;

/// A server that is to stay below 1 GiB.
const SERVER_FLAGS: [&str; 4] = [
    "--query-memory-bytes-max",
    "512MiB",
    "--buffer-bytes-max",
    "96MiB",
];

/// Writing rows before, and waiting for the last answers.
const MORE_TIME: Duration = Duration::from_secs(30 * 60);

pub(super) fn run(heavy: &Heavy) -> anyhow::Result<bool> {
    let binary = super::server(heavy.server_binary.as_deref())?;
    let arguments = ["--release", "--locked", "--workspace", "--bin", "heavy"];
    let program = workspace::build(&arguments, "heavy")?;
    let server = Server::start_with(&binary, &super::work()?, &SERVER_FLAGS)?;
    let mut command = Command::new(program);
    command
        .args(["--url", server.url(), "--token", server::OPERATOR_TOKEN])
        .args(["--pid", &server.pid().to_string()])
        .args(["--seconds", &heavy.seconds.to_string()])
        .args(&heavy.passed_on);
    let limit = Duration::from_secs(heavy.seconds) + MORE_TIME;
    let finished = process::run(&mut command, Output::Shown, limit);
    let wrong = server.stop();
    for line in &wrong {
        say(&format!("server: {line}"));
    }
    Ok(finished?.end.success() && wrong.is_empty())
}
