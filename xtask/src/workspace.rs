//! Where things are: the clone, what lies beside it, and the caches outside it.

use crate::process::{self, Output};
use crate::say;
use anyhow::bail;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A first build of all dependencies takes about 25 minutes on two cores; twice that is a hang.
pub(crate) const BUILD_LIMIT: Duration = Duration::from_secs(50 * 60);

/// The root of the clone that `cargo xtask` was started in.
///
/// Asked for at run time: clones share a target directory, so what was known when this program was
/// built may be another clone's.
pub(crate) fn root() -> PathBuf {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let manifest = manifest.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    manifest
        .parent()
        .map_or_else(|| manifest.clone(), Path::to_path_buf)
}

/// The suites of other projects, which live beside the clone when there are any.
pub(crate) fn shared() -> Option<PathBuf> {
    let shared = root().parent()?.join("shared");
    shared.is_dir().then_some(shared)
}

/// A directory outside the clone that outlives it, or one below the target directory.
pub(crate) fn cache(name: &str) -> anyhow::Result<PathBuf> {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    if let Some(home) = home {
        let dir = PathBuf::from(home).join(".cache/watershed").join(name);
        if std::fs::create_dir_all(&dir).is_ok() && tempfile::tempfile_in(&dir).is_ok() {
            return Ok(dir);
        }
    }
    let dir = target().join("cache").join(name);
    std::fs::create_dir_all(&dir)?;
    Ok(dir)
}

/// Cargo's target directory.
pub(crate) fn target() -> PathBuf {
    let given = std::env::var_os("CARGO_TARGET_DIR").filter(|dir| !dir.is_empty());
    root().join(given.map_or_else(|| PathBuf::from("target"), PathBuf::from))
}

/// A command of cargo, in the root of the clone.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root()).args(arguments);
    // These are set for this program by the cargo that started it and would confuse the next one's
    // idea of what changed.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") {
            command.env_remove(&name);
        }
    }
    command
        .env_remove("CARGO_MANIFEST_DIR")
        .env_remove("CARGO_MANIFEST_PATH");
    command
}

/// Runs `cargo build` and answers where the program of that name is.
///
/// # Errors
/// When it does not compile; the compiler's words have been printed.
pub(crate) fn build(arguments: &[&str], program: &str) -> anyhow::Result<PathBuf> {
    let mut command = cargo(&["build", "--quiet"]);
    command.args(arguments);
    let programs = build_with(command)?;
    let found = programs.into_iter().find(|(name, _)| name == program);
    match found {
        Some((_, path)) => Ok(path),
        None => bail!("{program} is not among what was built"),
    }
}

/// Runs a command of cargo that builds, and answers name and place of each program that it made.
///
/// # Errors
/// When it does not compile; the compiler's words have been printed.
pub(crate) fn build_with(mut command: Command) -> anyhow::Result<Vec<(String, PathBuf)>> {
    command.args(["--message-format", "json-render-diagnostics"]);
    let finished = process::run(&mut command, Output::Kept, BUILD_LIMIT)?;
    if !finished.end.success() {
        for line in finished.lines.iter().filter(|line| !line.starts_with('{')) {
            say(line);
        }
        bail!("the build failed: {}", finished.end);
    }
    let messages = finished
        .lines
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let program = |message: Value| {
        let path = message["executable"].as_str().map(PathBuf::from)?;
        Some((message["target"]["name"].as_str()?.to_owned(), path))
    };
    Ok(messages.filter_map(program).collect())
}
