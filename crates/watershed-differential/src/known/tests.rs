use super::*;
use crate::answer::testing::{answer, data_set, query};

const LINES: &str = "m,host=a v=1,u=2 1\nm,host=b v=2 2";

/// A known difference, a query that it is about, two answers that it explains, and an answer of ours that it
/// must not explain next to the same answer of the reference.
struct Case {
    name: &'static str,
    query: &'static str,
    ours: &'static str,
    reference: &'static str,
    wrong: &'static str,
}

const CASES: &[Case] = &[
    Case {
        name: "descending series order",
        query: "SELECT v FROM m GROUP BY host ORDER BY time DESC",
        ours: "m host=a: time v\n1 1\nm host=b: time v\n2 2",
        reference: "m host=b: time v\n2 2\nm host=a: time v\n1 1",
        wrong: "m host=a: time v\n1 2\nm host=b: time v\n2 2",
    },
    Case {
        name: "limit cuts ties",
        query: "SELECT v FROM (SELECT v FROM m GROUP BY host) LIMIT 2",
        ours: "m: time v\n1 1\n2 3",
        reference: "m: time v\n1 1\n2 4",
        wrong: "m: time v\n1 1\n3 3",
    },
    Case {
        name: "series that are counted",
        query: "SELECT v FROM m GROUP BY host SLIMIT 2",
        ours: "m host=a: time v\n1 1\nm host=b: time v\n1 2",
        reference: "m host=: time v\n1 3\nm host=a: time v\n1 1",
        wrong: "m host=a: time v\n1 2\nm host=b: time v\n1 2",
    },
    Case {
        name: "top and bottom, latest first",
        query: "SELECT top(v, 2) FROM m ORDER BY time DESC",
        ours: "m: time top\n2 2\n1 1",
        reference: "m: time top\n1 1\n2 2",
        wrong: "m: time top\n2 2\n1 2",
    },
    Case {
        name: "fill(previous), latest first",
        query: "SELECT max(v) FROM m WHERE time > 0 GROUP BY time(1s) FILL(previous) ORDER BY time DESC",
        ours: "m: time max\n3 0.9499999999999992\n2 0.9499999999999992\n1 null",
        reference: "m: time max\n3 null\n2 0.95\n1 0.95",
        wrong: "m: time max\n3 6\n2 6\n1 null",
    },
    Case {
        name: "order of integrals",
        query: "SELECT integral(v) FROM m GROUP BY host",
        ours: "m host=a: time integral\n0 1\nm host=b: time integral\n0 2",
        reference: "m host=b: time integral\n0 2\nm host=a: time integral\n0 1",
        wrong: "m host=a: time integral\n0 2\nm host=b: time integral\n0 2",
    },
    Case {
        name: "ties of modes",
        query: "SELECT mode(v), max(v) FROM m",
        ours: "m: time mode max\n0 1 2",
        reference: "m: time mode max\n0 2 2",
        wrong: "m: time mode max\n0 1 1",
    },
    Case {
        name: "limit of each column",
        query: "SELECT max(v), min(u) FROM m WHERE time > 0 GROUP BY time(1s) FILL(none) LIMIT 1",
        ours: "m: time max min\n1 1 null",
        reference: "m: time max min\n1 1 null\n2 null 1",
        wrong: "m: time max min\n1 2 null",
    },
    Case {
        name: "no window in a group",
        query: "SELECT difference(max(v)), max(u) FROM m WHERE time > 0 GROUP BY time(1s)",
        ours: "m: time difference max\n1 null 1",
        reference: "",
        wrong: "m: time difference max\n1 1 1",
    },
    Case {
        name: "count of nothing",
        query: "SELECT count(v), max(u) FROM m",
        ours: "m: time count max\n0 0 1",
        reference: "m: time count max\n0 null 1",
        wrong: "m: time count max\n0 1 1",
    },
    Case {
        name: "time of an integral",
        query: "SELECT integral(v) FROM m WHERE time > 4",
        ours: "m: time integral\n5 1",
        reference: "m: time integral\n0 1",
        wrong: "m: time integral\n5 2",
    },
    Case {
        name: "absolute value of an integer",
        query: "SELECT abs(v) FROM m",
        ours: "m: time abs\n1 3",
        reference: "m: time abs\n1 -3",
        wrong: "m: time abs\n1 -3.5",
    },
    Case {
        name: "ties of percentiles",
        query: "SELECT percentile(v, 50), u FROM m",
        ours: "m: time percentile u\n1 5 1",
        reference: "m: time percentile u\n2 5 2",
        wrong: "m: time percentile u\n1 6 1",
    },
    Case {
        name: "window values are not filled",
        query: "SELECT difference(max(v)), max(u) FROM m WHERE time > 0 GROUP BY time(1s) FILL(3)",
        ours: "m: time difference max\n1 null 1",
        reference: "m: time difference max\n1 3 1",
        wrong: "m: time difference max\n1 4 1",
    },
    Case {
        name: "numbers don't fill texts",
        query: "SELECT first(s) FROM m WHERE time > 0 GROUP BY time(1s) FILL(0)",
        ours: "m: time first\n1 null\n2 'x'",
        reference: "m: time first\n1 ''\n2 'x'",
        wrong: "m: time first\n1 null\n2 null",
    },
    Case {
        name: "count of nothing, filled",
        query: "SELECT count(v), max(u) FROM m WHERE time > 0 GROUP BY time(1s) FILL(previous)",
        ours: "m: time count max\n1 2 1\n2 0 1",
        reference: "m: time count max\n1 2 1\n2 2 1",
        wrong: "m: time count max\n1 2 1\n2 0 2",
    },
    Case {
        name: "count of nothing, under a window",
        query: "SELECT derivative(count(v)), max(u) FROM m WHERE time > 0 GROUP BY time(1s) FILL(none)",
        ours: "m: time derivative max\n1 -1 1",
        reference: "m: time derivative max\n1 0 1",
        wrong: "m: time derivative max\n1 -1 2",
    },
    Case {
        name: "count of nothing, under a window",
        query: "SELECT derivative(count(v)), max(u) FROM m WHERE time > 0 GROUP BY time(1s) FILL(none)",
        ours: "m: time derivative max\n1 -1 null\n2 1 4",
        reference: "m: time derivative max\n2 1 4",
        wrong: "m: time derivative max\n1 -1 3\n2 1 4",
    },
    Case {
        name: "tags that a subquery ranks by",
        query: "SELECT * FROM (SELECT top(v, host, 2), u FROM m)",
        ours: "m: time host top u\n1 a 1 2",
        reference: "m: time top u\n1 1 2",
        wrong: "m: time host top u\n1 a 2 2",
    },
    Case {
        name: "integral of one point",
        query: "SELECT integral(v) FROM m GROUP BY host",
        ours: "m host=a: time integral\n0 0\nm host=b: time integral\n0 2",
        reference: "m host=b: time integral\n0 2",
        wrong: "m host=a: time integral\n0 1\nm host=b: time integral\n0 2",
    },
    Case {
        name: "integral over empty buckets",
        query: "SELECT integral(v) FROM m WHERE time > 0 GROUP BY time(1s)",
        ours: "m: time integral\n1 4\n3 2\n4 0",
        reference: "m: time integral\n1 4\n3 6",
        wrong: "m: time integral\n1 4\n3 2\n4 1",
    },
    Case {
        name: "no percentile in a group",
        query: "SELECT percentile(v, 1) FROM m WHERE time > 0 GROUP BY time(1s)",
        ours: "m: time percentile\n1 null",
        reference: "",
        wrong: "m: time percentile\n1 5",
    },
    Case {
        name: "unknown columns are not filled",
        query: "SELECT max(v), max(x) FROM m WHERE time > 0 GROUP BY time(1s) FILL(0)",
        ours: "m: time max max_1\n1 1 null\n2 0 null",
        reference: "m: time max max_1\n1 1 0\n2 0 0",
        wrong: "m: time max max_1\n1 1 null\n2 0 2",
    },
    Case {
        name: "tags that a subquery groups by, alone",
        query: "SELECT host FROM (SELECT max(v) FROM m GROUP BY host)",
        ours: "",
        reference: "m: time host\n1 a",
        wrong: "m: time host\n1 b",
    },
    Case {
        name: "ties of first and last",
        query: "SELECT last(max) FROM (SELECT max(v) FROM m GROUP BY host)",
        ours: "m: time last\n0 1",
        reference: "m: time last\n0 2",
        wrong: "m: time last\n1 1",
    },
    Case {
        name: "ties of selectors",
        query: "SELECT max(max), host FROM (SELECT max(v) FROM m GROUP BY host)",
        ours: "m: time max host\n0 1 a",
        reference: "m: time max host\n0 1 b",
        wrong: "m: time max host\n0 2 a",
    },
    Case {
        name: "deviations of one value are not filled",
        query: "SELECT stddev(v) FROM m WHERE time > 0 GROUP BY time(1s) FILL(0)",
        ours: "m: time stddev\n1 0\n2 1",
        reference: "m: time stddev\n1 null\n2 1",
        wrong: "m: time stddev\n1 0\n2 2",
    },
    Case {
        name: "columns beside a selector are not filled",
        query: "SELECT max(v), host FROM m WHERE time > 0 GROUP BY time(1s) FILL(0)",
        ours: "m: time max host\n1 1 a\n2 0 null",
        reference: "m: time max host\n1 1 a\n2 0 0",
        wrong: "m: time max host\n1 1 b\n2 0 null",
    },
    Case {
        name: "remainder of a float by zero",
        query: "SELECT v % u FROM m",
        ours: "m: time v_u\n1 0",
        reference: "m: time v_u\n1 null",
        wrong: "m: time v_u\n1 1",
    },
    Case {
        name: "sign of integrals, latest first",
        query: "SELECT integral(v) FROM m ORDER BY time DESC",
        ours: "m: time integral\n0 2.5",
        reference: "m: time integral\n0 -2.5",
        wrong: "m: time integral\n0 3.5",
    },
    Case {
        name: "order of rows of a subquery",
        query: "SELECT max FROM (SELECT max(v) FROM m GROUP BY host)",
        ours: "m: time max\n1 1\n2 2",
        reference: "m: time max\n2 2\n1 1",
        wrong: "m: time max\n1 2\n2 2",
    },
    Case {
        name: "order of rows of a subquery, latest first",
        query: "SELECT max FROM (SELECT max(v) FROM m GROUP BY host) ORDER BY time DESC",
        ours: "m: time max\n2 2\n1 1",
        reference: "m: time max\n1 1\n2 2",
        wrong: "m: time max\n2 2\n1 2",
    },
    Case {
        name: "columns that one of the sources of a subquery lacks",
        query: "SELECT max FROM (SELECT max(v) FROM m, n)",
        ours: "m: time max\n1 1",
        reference: "m: time max\n1 1\nn: time max\n1 null",
        wrong: "m: time max\n1 2",
    },
    Case {
        name: "absent tags through a subquery",
        query: "SELECT host, max FROM (SELECT max(v) FROM m GROUP BY host)",
        ours: "m: time host max\n1 null 1",
        reference: "m: time host max\n1 '' 1",
        wrong: "m: time host max\n1 a 1",
    },
    Case {
        name: "rows of nulls beside window functions",
        query: "SELECT difference(max(v)), max(u) FROM m WHERE time > 0 GROUP BY time(1s) FILL(none)",
        ours: "m: time difference max\n1 null null\n2 1 1",
        reference: "m: time difference max\n2 1 1",
        wrong: "m: time difference max\n1 null null\n2 1 2",
    },
    Case {
        name: "bits of nothing",
        query: "SELECT v & true FROM m",
        ours: "m: time v\n1 null",
        reference: "m: time v\n1 false",
        wrong: "m: time v\n1 true",
    },
];

fn judge(query_text: &str, ours: &str, reference: &str) -> Verdict {
    let known = Known::checked_in().unwrap();
    let set = data_set(LINES, false);
    known.judge(&query(query_text), &set, &answer(ours), &answer(reference))
}

#[test]
fn every_known_difference_explains_its_case() {
    for case in CASES {
        assert_eq!(
            judge(case.query, case.ours, case.reference),
            Verdict::Known(vec![case.name.to_owned()]),
            "{}",
            case.query
        );
    }
}

#[test]
fn no_known_difference_explains_what_is_wrong() {
    for case in CASES {
        let verdict = judge(case.query, case.wrong, case.reference);
        assert!(
            matches!(verdict, Verdict::Unknown(_)),
            "{}: {verdict:?}",
            case.name
        );
    }
}

#[test]
fn no_known_difference_is_about_all_queries() {
    for case in CASES {
        let verdict = judge("SELECT w FROM m", case.ours, case.reference);
        assert!(
            matches!(verdict, Verdict::Unknown(_)),
            "{}: {verdict:?}",
            case.name
        );
    }
}

#[test]
fn every_known_difference_has_a_case() {
    let known = Known::checked_in().unwrap();
    let cases: BTreeSet<&str> = CASES.iter().map(|case| case.name).collect();
    assert_eq!(known.names().collect::<BTreeSet<_>>(), cases);
}

#[test]
fn equal_answers_are_agreed() {
    for case in CASES {
        assert_eq!(
            judge(case.query, case.reference, case.reference),
            Verdict::Agreed
        );
    }
}

#[test]
fn rows_of_one_time_are_paired_by_what_is_equal() {
    let verdict = judge(
        "SELECT v & true, u FROM m",
        "m: time v u\n1 null 1\n1 true 2",
        "m: time v u\n1 true 2\n1 false 1",
    );
    assert_eq!(verdict, Verdict::Known(vec!["bits of nothing".to_owned()]));
}

#[test]
fn several_differences_at_once_are_told_apart() {
    let verdict = judge(
        "SELECT top(v, 2) FROM m GROUP BY host ORDER BY time DESC",
        "m host=a: time top\n2 2\n1 1\nm host=b: time top\n3 3",
        "m host=b: time top\n3 3\nm host=a: time top\n1 1\n2 2",
    );
    let names = ["descending series order", "top and bottom, latest first"];
    assert_eq!(verdict, Verdict::Known(names.map(str::to_owned).to_vec()));
}

#[test]
fn what_is_left_out_for_several_reasons_is_left_out() {
    let verdict = judge(
        "SELECT count(x), last(max) FROM (SELECT max(v) FROM m WHERE time > 0 GROUP BY time(1s), host) \
         WHERE time > 0 GROUP BY time(1s) FILL(previous)",
        "m: time count last\n1 0 1",
        "m: time count last\n1 3 2",
    );
    let names = ["ties of first and last", "count of nothing, filled"];
    let Verdict::Known(found) = verdict else {
        panic!("{verdict:?}");
    };
    assert_eq!(
        BTreeSet::from_iter(found),
        BTreeSet::from(names.map(str::to_owned))
    );
}

#[test]
fn no_more_series_than_asked_for() {
    let ours = "m host=a: time v\n1 1\nm host=b: time v\n1 2";
    let verdict = judge(
        "SELECT v FROM m GROUP BY host SLIMIT 1",
        ours,
        "m host=a: time v\n1 1",
    );
    assert!(matches!(verdict, Verdict::Unknown(_)), "{verdict:?}");
}

#[test]
fn an_error_of_one_alone_is_a_difference() {
    let rows = "m: time v\n1 1";
    assert!(matches!(
        judge("SELECT v FROM m", "error: x", rows),
        Verdict::Unknown(_)
    ));
    assert!(matches!(
        judge("SELECT v FROM m", rows, "error: x"),
        Verdict::Unknown(_)
    ));
    assert_eq!(
        judge("SELECT v FROM m", "error: x", "error: y"),
        Verdict::Agreed
    );
}

#[test]
fn errors_are_explained_by_their_text() {
    let known = "[[difference]]\nname = \"a\"\nreason = \"b\"\nwhen = [\"select\"]\n";
    let rows = "m: time v\n1 1";
    for (rule, ours, reference) in [
        ("ours_fails", "error: not that", rows),
        ("reference_fails", rows, "error: not that"),
    ] {
        let known = Known::parse(&format!("{known}{rule} = \"not that\"\n")).unwrap();
        let judge = |ours, reference| {
            let query = query("SELECT v FROM m");
            known.judge(
                &query,
                &data_set(LINES, false),
                &answer(ours),
                &answer(reference),
            )
        };
        assert_eq!(judge(ours, reference), Verdict::Known(vec!["a".to_owned()]));
        assert!(matches!(judge(reference, ours), Verdict::Unknown(_)));
        assert!(matches!(judge(rows, "error: what"), Verdict::Unknown(_)));
        assert!(matches!(judge("error: what", rows), Verdict::Unknown(_)));
    }
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    let error = format!("{:#}", Known::parse(text).unwrap_err());
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_list_that_contradicts_itself_is_refused() {
    let one = "[[difference]]\nname = \"a\"\nreason = \"b\"\nwhen = [\"c\"]\nours_fails = \"d\"\n";
    assert!(Known::parse(one).is_ok());
    refused(&one.repeat(2), "two known differences are called a");
    refused(&format!("{one}accept = \"nothing\"\n"), "say one of");
    refused(&one.replace("ours_fails = \"d\"\n", ""), "say one of");
    refused(&one.replace("when = [\"c\"]\n", ""), "say with `when`");
    refused(&one.replace("reason = \"b\"", "reason = \" \""), "say why");
    refused(&format!("{one}because = 1\n"), "because");
    refused(
        &one.replace("ours_fails = \"d\"", "normalise = \"all\""),
        "all",
    );
}
