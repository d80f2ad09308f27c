//! What the programs have in common as programs: options, what they print, how they end.

use anyhow::{Context as _, bail};
use std::io::Write as _;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::process::ExitCode;

/// Runs a program with its arguments. Ends with 0 when all is as it should be, with 1 when not, and with 2
/// after an error, which is printed.
pub fn run(program: impl FnOnce(&[String]) -> anyhow::Result<bool>) -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match program(&words) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Prints a line. A reader that has gone away is no reason to stop.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Gives every `--flag value` of the words to `set`, in order.
///
/// # Errors
/// A flag without a value, with the usage; what `set` refuses, with the flag.
pub fn options(
    words: &[String],
    usage: &str,
    mut set: impl FnMut(&str, &str) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    for pair in words.chunks(2) {
        let [flag, value] = pair else {
            bail!("{} has no value\n{usage}", pair[0]);
        };
        set(flag, value).with_context(|| format!("{flag} {value}"))?;
    }
    Ok(())
}

/// The address that `http://HOST:PORT` means, the first if the host has several.
///
/// # Errors
/// Another scheme, and hosts that are not found.
pub fn address(url: &str) -> anyhow::Result<SocketAddr> {
    let host = url.strip_prefix("http://").context("http only")?;
    let mut found = host.trim_end_matches('/').to_socket_addrs()?;
    found.next().context("no such host")
}
