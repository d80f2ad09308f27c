use super::closest;

const WORDS: [&str; 7] = [
    "SELECT",
    "FROM",
    "WHERE",
    "LIMIT",
    "BY",
    "MEASUREMENTS",
    "mean",
];

#[track_caller]
fn check(word: &str, expected: Option<&str>) {
    assert_eq!(closest(word, WORDS), expected, "{word}");
}

#[test]
fn one_edit_of_a_short_word() {
    for word in ["FRM", "FROMM", "FRAM", "FORM", "from", "rfom"] {
        check(word, Some("FROM"));
    }
    for word in ["FRRMM", "FMOR", "FO", "xFROx"] {
        check(word, None);
    }
    check("maen", Some("mean"));
    check("WEHRE", Some("WHERE"));
    check("LIMT", Some("LIMIT"));
    check("SELEC", Some("SELECT"));
}

#[test]
fn two_edits_of_a_longer_word() {
    check("SELCTE", Some("SELECT"));
    check("SLECTT", Some("SELECT"));
    check("MESUREMNTS", Some("MEASUREMENTS"));
    check("MESUREMNT", None);
    check("SXXXCT", None);
}

#[test]
fn two_characters_are_never_misspelled() {
    check("BT", None);
    check("by", Some("BY"));
    check("", None);
}

#[test]
fn the_nearest_wins_and_then_the_first() {
    assert_eq!(closest("offsets", ["OFFSET", "OFFSETS"]), Some("OFFSETS"));
    assert_eq!(closest("cat", ["bat", "car"]), Some("bat"));
    assert_eq!(closest("cat", ["car", "bat"]), Some("car"));
    assert_eq!(closest("Host", ["hosts", "host"]), Some("host"));
}

#[test]
fn letters_of_other_alphabets_count_once() {
    assert_eq!(closest("größe", ["GRÖSSE", "GRÖßE"]), Some("GRÖßE"));
    assert_eq!(closest("темпиратура", ["температура"]), Some("температура"));
}

#[test]
fn very_long_words_are_not_compared() {
    let long = "x".repeat(65);
    assert_eq!(closest(&long, [long.as_str()]), None);
    let longest = "x".repeat(64);
    assert_eq!(
        closest(&longest, [longest.as_str()]),
        Some(longest.as_str())
    );
    assert_eq!(closest("xxxx", [long.as_str()]), None);
}

/// The whole table, without shortcuts.
fn plain_distance(a: &[char], b: &[char]) -> usize {
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = match (i, j) {
                (0, _) | (_, 0) => i + j,
                _ => {
                    let replaced = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    let mut best = replaced.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
                    if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                        best = best.min(table[i - 2][j - 2] + 1);
                    }
                    best
                }
            };
        }
    }
    table[a.len()][b.len()]
}

proptest::proptest! {
    #[test]
    fn the_bounded_distance_is_the_distance(a in "[abc]{0,7}", b in "[abc]{0,7}", most in 0..4usize) {
        let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
        let whole = plain_distance(&a, &b);
        let expected = (whole <= most).then_some(whole);
        proptest::prop_assert_eq!(super::distance(&a, &b, most), expected);
    }
}
