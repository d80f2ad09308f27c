//! Chores of the repository: `cargo xtask layers` and `cargo xtask test`.

mod layers;
mod process;
mod test;
mod workspace;

use anyhow::bail;
use std::io::Write as _;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  layers                 check which crate uses which against the table in xtask/src/layers.rs
  test [--only STAGE]…   run everything that has to hold; `--list` names the stages
       [--binary FILE]   play the suites against this server, instead of building one";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Whether all is well; an error means that the question could not be answered.
fn run(arguments: &[String]) -> anyhow::Result<bool> {
    let Some((command, rest)) = arguments.split_first() else {
        bail!("no command given\n{USAGE}");
    };
    match (command.as_str(), rest) {
        ("layers", []) => layers::run(),
        ("test", rest) => test::run(rest),
        ("help" | "--help" | "-h", []) => {
            say(USAGE);
            Ok(true)
        }
        _ => bail!("can't make sense of \"{}\"\n{USAGE}", arguments.join(" ")),
    }
}

/// Prints a line. A reader that has gone away is no reason to stop.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
