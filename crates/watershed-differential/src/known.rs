//! The differences that are meant to be, `known_differences.toml`.
//!
//! A difference is not ignored, it is taken away: a rule says for which queries it holds and how the
//! reference's answer has to be changed, and what comes of that is compared again. Where the answers can't
//! be brought together, the rule says exactly what each has to look like.

mod rules;

#[cfg(test)]
mod tests;

use crate::answer::Answer;
use crate::compare;
use crate::data::DataSet;
use crate::features::features;
use crate::generate::Query;
use anyhow::{Context as _, bail};
use rules::{Accept, Normalise};
use serde::Deserialize;
use std::collections::BTreeSet;

/// All known differences.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    #[serde(rename = "difference")]
    differences: Vec<KnownDifference>,
}

/// One known difference. Exactly one of the fields behind `unless` is there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownDifference {
    /// Short, and told in the report.
    name: String,
    /// Why it is right to differ, and where that is written down.
    reason: String,
    /// Words that the query has to have, see [`features`].
    #[serde(default)]
    when: BTreeSet<String>,
    /// Of these words, the query has to have one; no list, no such need.
    #[serde(default)]
    when_any: BTreeSet<String>,
    /// Words that the query must not have.
    #[serde(default)]
    unless: BTreeSet<String>,
    /// Our answer is an error with this text, the reference's is none.
    ours_fails: Option<String>,
    /// The reference's answer is an error with this text, ours is none.
    reference_fails: Option<String>,
    /// How the answers are made comparable.
    normalise: Option<Normalise>,
    /// What holds for the two answers.
    accept: Option<Accept>,
}

/// What came of comparing two answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// They say the same.
    Agreed,
    /// They differ in what is known by these names.
    Known(Vec<String>),
    /// They differ in this.
    Unknown(String),
}

impl Known {
    /// The list that belongs to this program.
    ///
    /// # Errors
    /// If it can't be read or contradicts itself.
    pub fn checked_in() -> anyhow::Result<Self> {
        Self::parse(include_str!("../known_differences.toml"))
    }

    /// Reads a list.
    ///
    /// # Errors
    /// If it can't be read or contradicts itself.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let known: Self = toml::from_str(text).context("read the list of known differences")?;
        let mut names = BTreeSet::new();
        for difference in &known.differences {
            let name = &difference.name;
            if !names.insert(name) {
                bail!("two known differences are called {name}: give each a name of its own");
            }
            let ways = [
                difference.ours_fails.is_some(),
                difference.reference_fails.is_some(),
                difference.normalise.is_some(),
                difference.accept.is_some(),
            ];
            if ways.into_iter().filter(|there| *there).count() != 1 {
                bail!(
                    "known difference {name}: say one of ours_fails, reference_fails, normalise and accept"
                );
            }
            if difference.when.is_empty() && difference.when_any.is_empty() {
                bail!("known difference {name}: say with `when` which queries it is about");
            }
            if difference.reason.trim().is_empty() {
                bail!("known difference {name}: say why with `reason`");
            }
        }
        Ok(known)
    }

    /// The names, in the order of the list.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.differences
            .iter()
            .map(|difference| difference.name.as_str())
    }

    /// Compares the answers to `query`, without what is known.
    pub fn judge(
        &self,
        query: &Query,
        set: &DataSet,
        ours: &Answer,
        reference: &Answer,
    ) -> Verdict {
        let Some(difference) = compare::difference(ours, reference) else {
            return Verdict::Agreed;
        };
        let words = features(query, set);
        let possible: Vec<&KnownDifference> = self
            .differences
            .iter()
            .filter(|known| known.is_about(&words))
            .collect();
        let explain = |rules: &[&KnownDifference]| explains(rules, query, ours, reference);
        if let Some(rule) = possible.iter().find(|rule| explain(&[rule])) {
            return Verdict::Known(vec![rule.name.clone()]);
        }
        if !explain(&possible) {
            return Verdict::Unknown(difference);
        }
        // Several at once: those without which it does not do.
        let mut needed = possible;
        let mut index = 0;
        while index < needed.len() {
            let mut fewer = needed.clone();
            fewer.remove(index);
            if explain(&fewer) {
                needed = fewer;
            } else {
                index += 1;
            }
        }
        Verdict::Known(needed.iter().map(|rule| rule.name.clone()).collect())
    }
}

impl KnownDifference {
    fn is_about(&self, words: &BTreeSet<String>) -> bool {
        self.when.is_subset(words)
            && (self.when_any.is_empty() || !self.when_any.is_disjoint(words))
            && self.unless.is_disjoint(words)
    }
}

/// Whether the answers agree once `rules` are taken into account, one after the other.
fn explains(rules: &[&KnownDifference], query: &Query, ours: &Answer, reference: &Answer) -> bool {
    let (mut ours, mut reference) = (ours.clone(), reference.clone());
    for rule in rules {
        // Series that may stand in two places stand in one, so that rules can take them in pairs.
        compare::settle_order(&mut ours);
        compare::settle_order(&mut reference);
        let accepted = match (&ours, &reference) {
            (Answer::Error(error), Answer::Series(_)) => rule
                .ours_fails
                .as_ref()
                .is_some_and(|text| error.contains(text)),
            (Answer::Series(_), Answer::Error(error)) => rule
                .reference_fails
                .as_ref()
                .is_some_and(|text| error.contains(text)),
            _ => false,
        };
        if accepted {
            return true;
        }
        if let Some(normalise) = rule.normalise {
            normalise.apply(query, &mut ours, &mut reference);
            compare::settle_order(&mut reference);
        }
        if rule
            .accept
            .is_some_and(|accept| accept.holds(query, &ours, &reference))
        {
            return true;
        }
        if compare::difference(&ours, &reference).is_none() {
            return true;
        }
    }
    false
}
