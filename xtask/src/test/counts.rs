//! Checks passed, failed and skipped, and how each runner prints them.

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::AddAssign;

/// How many checks passed, failed, and were not made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) passed: u64,
    pub(super) failed: u64,
    pub(super) skipped: u64,
}

impl Counts {
    pub(super) const fn new(passed: u64, failed: u64, skipped: u64) -> Self {
        Self {
            passed,
            failed,
            skipped,
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

/// The last line of the form `N passed, N failed, N skipped`.
pub(super) fn of_closing_line(lines: &[String]) -> Option<Counts> {
    lines.iter().rev().find_map(|line| {
        let mut parts = line.split(", ");
        let mut part = |word: &str| number_before(parts.next()?, word);
        let counts = Counts::new(part("passed")?, part("failed")?, part("skipped")?);
        parts.next().is_none().then_some(counts)
    })
}

/// The last line of the form `N/M passed`.
pub(super) fn of_fraction(lines: &[String]) -> Option<Counts> {
    lines.iter().rev().find_map(|line| {
        let (passed, all) = line.strip_suffix(" passed")?.split_once('/')?;
        let (passed, all): (u64, u64) = (passed.parse().ok()?, all.parse().ok()?);
        Some(Counts::new(passed, all.checked_sub(passed)?, 0))
    })
}

/// The summary of cargo-nextest, such as
/// `Summary [  1.2s] 12 tests run: 10 passed (1 slow, 1 flaky), 1 failed, 1 timed out, 3 skipped`.
/// All that neither passed nor was skipped failed, and so did what was not run any more (`7/12 tests run`).
pub(super) fn of_nextest(lines: &[String]) -> Option<Counts> {
    let line = lines
        .iter()
        .rev()
        .find(|line| line.trim_start().starts_with("Summary ["))?;
    let (head, tail) = line.split_once(" run: ")?;
    let mut counts = Counts::default();
    for part in without_parentheses(tail).split(',') {
        let (number, what) = part.trim().split_once(' ')?;
        let number: u64 = number.parse().ok()?;
        match what.trim() {
            "passed" => counts.passed += number,
            "skipped" => counts.skipped += number,
            _ => counts.failed += number,
        }
    }
    let run = head.split(' ').find_map(|word| word.split_once('/'));
    if let Some((done, all)) = run
        && let (Ok(done), Ok(all)) = (done.parse::<u64>(), all.parse::<u64>())
    {
        counts.failed += all.saturating_sub(done);
    }
    Some(counts)
}

/// The sum of all lines of libtest, such as
/// `test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s`.
pub(super) fn of_libtest(lines: &[String]) -> Option<Counts> {
    let mut sum = None;
    for line in lines {
        let Some((_, tail)) = line.split_once("test result: ") else {
            continue;
        };
        let Some((_, tail)) = tail.split_once(". ") else {
            continue;
        };
        let mut parts = tail.split("; ");
        let mut part = |word: &str| number_before(parts.next()?, word);
        if let (Some(passed), Some(failed), Some(ignored)) =
            (part("passed"), part("failed"), part("ignored"))
        {
            *sum.get_or_insert_default() += Counts::new(passed, failed, ignored);
        }
    }
    sum
}

fn number_before(text: &str, word: &str) -> Option<u64> {
    text.strip_suffix(word)?.trim().parse().ok()
}

fn without_parentheses(text: &str) -> String {
    let mut depth = 0_u32;
    let mut kept = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => kept.push(c),
            _ => {}
        }
    }
    kept
}
