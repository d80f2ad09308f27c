//! Words that were probably meant.

#[cfg(test)]
mod tests;

/// Longest word that is compared, in characters. Nobody misspells longer ones by hand, and the time
/// grows with the square.
const WORD_CHARS_MAX: usize = 64;

/// The candidate that `word` most likely is a misspelling of, for a hint in an error.
///
/// Case does not matter. The distance is the number of characters to insert, leave out, replace or
/// exchange with their neighbour. It is at most 1 for words of three to five characters, at most 2
/// for longer ones, and 0, a difference of case, for shorter ones. Of several the nearest wins, and
/// of equally near ones the first. `None` if there is none, or if the word has more than 64
/// characters.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = folded(word)?;
    let mut best = None;
    let mut distance_max = match word.len() {
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    };
    for candidate in candidates {
        let Some(distance) = folded(candidate).and_then(|c| distance(&word, &c, distance_max))
        else {
            continue;
        };
        if distance == 0 {
            return Some(candidate);
        }
        distance_max = distance - 1;
        best = Some(candidate);
    }
    best
}

/// The characters in lower case; `None` if there are too many.
fn folded(word: &str) -> Option<Vec<char>> {
    let chars: Vec<char> = word
        .chars()
        .take(WORD_CHARS_MAX + 1)
        .flat_map(char::to_lowercase)
        .collect();
    (chars.len() <= WORD_CHARS_MAX).then_some(chars)
}

/// How many edits lead from `a` to `b`; `None` if more than `most`.
///
/// Optimal string alignment: the table of Levenshtein, and a pair of neighbours that are exchanged
/// counts once. Only three rows of the table are kept.
fn distance(a: &[char], b: &[char], most: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > most {
        return None;
    }
    let mut before_last = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut row = last.clone();
    for (i, &from) in a.iter().enumerate() {
        row[0] = i + 1;
        for (j, &to) in b.iter().enumerate() {
            let replaced = last[j] + usize::from(from != to);
            let mut best = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            let exchanged = i > 0 && j > 0 && from == b[j - 1] && a[i - 1] == to;
            if exchanged {
                best = best.min(before_last[j - 1] + 1);
            }
            row[j + 1] = best;
        }
        // Rows never get smaller again by more than the one before last allows.
        if row.iter().chain(&last).all(|&edits| edits > most) {
            return None;
        }
        std::mem::swap(&mut before_last, &mut last);
        std::mem::swap(&mut last, &mut row);
    }
    last.last().copied().filter(|&edits| edits <= most)
}
