use super::*;
use crate::answer::testing::query;

fn finding(text: &str) -> Finding {
    Finding {
        data_set: 3,
        difference: "1 rows instead of 2".to_owned(),
        original: format!("{text} LIMIT 5"),
        query: query(text),
        lines: "m v=1 1\n".to_owned(),
        ours: "no series".to_owned(),
        reference: "error: no".to_owned(),
    }
}

#[test]
fn counts_what_came_of_queries() {
    let mut report = Report::new(["a", "b"].into_iter());
    report.count(&Verdict::Agreed);
    assert!(report.is_clean());
    report.count(&Verdict::Known(vec!["a".to_owned(), "b".to_owned()]));
    report.count(&Verdict::Known(vec!["b".to_owned()]));
    assert!(report.is_clean());
    report.count(&Verdict::Unknown("x".to_owned()));
    assert!(!report.is_clean());
    let text = report.to_string();
    assert!(text.starts_with("4 queries: 1 agreed, 2 with known differences, 1 with others\n"));
    assert!(text.contains("\n       1  a\n       2  b\n"), "{text}");
}

#[test]
fn names_that_never_occur_are_shown_too() {
    let report = Report::new(["never"].into_iter());
    assert!(report.to_string().contains("       0  never\n"));
}

#[test]
fn one_finding_of_a_kind_is_kept() {
    let mut report = Report::default();
    assert!(report.add(finding("SELECT max(v) FROM m")));
    assert!(!report.add(finding("SELECT max(u) FROM n")));
    assert!(report.add(finding("SELECT max(u) FROM n LIMIT 1")));
    assert_eq!(report.findings.len(), 2);
}

#[test]
fn a_finding_shows_all_that_is_needed_to_see_it_again() {
    let text = finding("SELECT v FROM m").to_string();
    for part in [
        "data set 3: 1 rows",
        "SELECT v FROM m LIMIT 5\n",
        "SELECT v FROM m\n",
        "epoch:     ns",
        "m v=1 1\n",
        "ours\nno series",
        "reference\nerror: no",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}
