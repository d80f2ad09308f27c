//! More than a server can take.

use super::arguments::Soak;
use crate::process::{self, Output};
use crate::server::{self, Server};
use crate::{say, workspace};
use std::process::Command;
use std::time::Duration;

/// Measuring the rate before, and looking for the rows after.
const MORE_TIME: Duration = Duration::from_secs(2 * 60 * 60);

pub(super) fn run(soak: &Soak) -> anyhow::Result<bool> {
    let binary = super::server(soak.server_binary.as_deref())?;
    let arguments = ["--release", "--locked", "--workspace", "--bin", "soak"];
    let program = workspace::build(&arguments, "soak")?;
    let server = Server::start_in(&binary, &super::work()?)?;
    let mut command = Command::new(program);
    command
        .args(["--url", server.url(), "--token", server::OPERATOR_TOKEN])
        .args(["--pid", &server.pid().to_string()])
        .args(["--minutes", &soak.minutes.to_string()])
        .args(["--factor", &soak.factor.to_string()])
        .arg("--dir")
        .arg(server.data())
        .args(&soak.passed_on);
    let limit = Duration::from_secs_f64(soak.minutes * 60.0) + MORE_TIME;
    let finished = process::run(&mut command, Output::Shown, limit);
    let wrong = server.stop();
    for line in &wrong {
        say(&format!("server: {line}"));
    }
    Ok(finished?.end.success() && wrong.is_empty())
}
