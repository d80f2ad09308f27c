//! The `watershed` command: server and client in one binary.

mod allocator;
mod assemble;
mod ballast;
mod cli;
mod priority;
mod telemetry;

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    allocator::give_back_soon();
    let cli = cli::Cli::parse();
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cli::report(&error);
            ExitCode::FAILURE
        }
    }
}
