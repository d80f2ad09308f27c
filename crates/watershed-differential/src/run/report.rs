//! What came of a run.

#[cfg(test)]
mod tests;

use crate::features::words_of;
use crate::generate::Query;
use crate::known::Verdict;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// Counts, and the differences that are not known.
#[derive(Debug, Default)]
pub struct Report {
    /// Questions asked.
    pub queries: u64,
    /// Those with equal answers.
    pub agreed: u64,
    /// Those with differences of these names; one question may have several.
    pub known: BTreeMap<String, u64>,
    /// Questions with known differences alone.
    pub explained: u64,
    /// Questions with other differences.
    pub unknown: u64,
    /// One for each kind of question among those.
    pub findings: Vec<Finding>,
    kinds: BTreeSet<u64>,
}

/// A difference that is not known, made small.
#[derive(Debug)]
pub struct Finding {
    /// The number of the data set.
    pub data_set: u64,
    /// The first thing in which the answers differ.
    pub difference: String,
    /// The question that was drawn.
    pub original: String,
    /// The small question.
    pub query: Query,
    /// The points that it needs.
    pub lines: String,
    /// The answer of the server under test.
    pub ours: String,
    /// The answer of the reference.
    pub reference: String,
}

impl Report {
    pub(super) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        Self {
            known: names.map(|name| (name.to_owned(), 0)).collect(),
            ..Self::default()
        }
    }

    /// Whether all differences are known.
    pub fn is_clean(&self) -> bool {
        self.unknown == 0
    }

    pub(super) fn count(&mut self, verdict: &Verdict) {
        self.queries += 1;
        match verdict {
            Verdict::Agreed => self.agreed += 1,
            Verdict::Unknown(_) => self.unknown += 1,
            Verdict::Known(names) => {
                self.explained += 1;
                for name in names {
                    *self.known.entry(name.clone()).or_default() += 1;
                }
            }
        }
    }

    /// Keeps a finding, unless there is one of a query with the same in it.
    pub(super) fn add(&mut self, finding: Finding) -> bool {
        let new = self.kinds.insert(finding.kind());
        if new {
            self.findings.push(finding);
        }
        new
    }

    pub(super) fn progress(&self) -> String {
        format!(
            "{} queries: {} agreed, {} with known differences, {} with others",
            self.queries, self.agreed, self.explained, self.unknown
        )
    }
}

impl Finding {
    /// Equal for queries that have the same in them.
    fn kind(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        words_of(&self.query).hash(&mut hasher);
        hasher.finish()
    }

    /// Tells the findings of a data set apart.
    pub(super) fn number(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.original.hash(&mut hasher);
        hasher.finish()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.progress())?;
        for (name, count) in &self.known {
            writeln!(f, "{count:>8}  {name}")?;
        }
        write!(
            f,
            "{} kinds of unknown differences shown",
            self.findings.len()
        )
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "=== data set {}: {}", self.data_set, self.difference)?;
        writeln!(f, "drawn:     {}", self.original)?;
        writeln!(f, "query:     {}", self.query.text())?;
        if let Some(epoch) = self.query.epoch {
            writeln!(f, "epoch:     {epoch}")?;
        }
        writeln!(f, "--- lines\n{}", self.lines.trim_end())?;
        writeln!(f, "--- ours\n{}", self.ours)?;
        write!(f, "--- reference\n{}", self.reference)
    }
}
