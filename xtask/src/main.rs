//! Chores of the repository: `cargo xtask layers`, `test`, `fuzz`, `bench` and `differential`.

mod bench;
mod differential;
mod fuzz;
mod layers;
mod process;
mod server;
mod test;
mod workspace;

use anyhow::bail;
use std::io::Write as _;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  layers                 check which crate uses which against the table in xtask/src/layers.rs
  test [--only STAGE]…   run everything that has to hold; `--list` names the stages
       [--binary FILE]   play the suites against this server, instead of building one
  fuzz [--target NAME]…  look for inputs that break a parser; `--seconds` for each, 60 without
       [--seconds N]
  bench ingest           write the data sets of ../shared/bench to this build and to other stores
       [--data SET]… [--peer PEER]… [--runs N] [--gzip N] [--server-binary FILE]
  bench soak             offer more than can be taken, then look for every acknowledged row
       [--minutes N] [--factor N] [--server-binary FILE] [OPTION OF soak VALUE]…
  differential           ask two servers, this one and InfluxDB 1.6 for example, random queries, and compare
       --url URL [--token TOKEN] --reference URL [--queries N] [--seed N] [--minutes N] [--help]";

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
        ("fuzz", rest) => fuzz::run(rest),
        ("bench", rest) => bench::run(rest),
        ("differential", rest) => differential::run(rest),
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
