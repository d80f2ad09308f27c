//! Suites that do not pass in full yet: how much of each must pass today, so that none gets worse.

#[cfg(test)]
mod tests;

use super::counts::Counts;
use crate::workspace;
use anyhow::Context as _;
use std::collections::BTreeMap;

/// The number of checks that must pass, by stage.
#[derive(Debug)]
pub(super) struct Floors(BTreeMap<String, u64>);

impl Floors {
    /// Reads `xtask/floors.toml`.
    ///
    /// # Errors
    /// When it is not there or not a list of numbers.
    pub(super) fn load() -> anyhow::Result<Self> {
        let path = workspace::root().join("xtask/floors.toml");
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("read {}", path.display()))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        Ok(Self(toml::from_str(text)?))
    }

    /// What a result is worth against the floor of a stage, and a remark about it.
    ///
    /// Checks that fail above the floor are known gaps: they count as skipped, and are named. Checks missing
    /// below it failed. A stage without a floor has to pass in full.
    pub(super) fn weigh(&self, stage: &str, counts: Counts) -> (Counts, String) {
        let Some(floor) = self.0.get(stage).copied() else {
            return (counts, String::new());
        };
        let missing = floor.saturating_sub(counts.passed);
        let failed = missing.min(counts.failed);
        // What a suite could not even try is not blamed on the server.
        let gaps = counts.failed - failed;
        let weighed = Counts::new(counts.passed, failed, counts.skipped + gaps);
        let remark = if failed > 0 {
            format!("{} passed, the floor is {floor}", counts.passed)
        } else if counts.passed > floor {
            format!(
                "{gaps} known gaps; raise the floor in xtask/floors.toml from {floor} to {}",
                counts.passed
            )
        } else {
            format!("{gaps} known gaps")
        };
        (weighed, remark)
    }
}
