//! The `watershed` command: server and client in one binary.

mod assemble;
mod ballast;
mod cli;
mod priority;
mod telemetry;

use clap::Parser as _;
use mimalloc::MiMalloc;
use std::process::ExitCode;

// Requests are parsed on one thread and dropped on another; the allocator of glibc then grows without end
// (docs/decisions/0005).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cli::report(&error);
            ExitCode::FAILURE
        }
    }
}
