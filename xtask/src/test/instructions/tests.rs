use super::*;

fn judge(count: u64) -> Judgement {
    weigh("parse-cpu-100", count, Some(1000)).judgement
}

#[test]
fn a_count_is_held_to_its_baseline() {
    assert_eq!(judge(1099), Judgement::Good);
    assert_eq!(judge(1110), Judgement::Worse);
    assert_eq!(judge(960), Judgement::Good);
    assert_eq!(judge(940), Judgement::Better(940));
    let unknown = weigh("parse-cpu-100", 1, None).judgement;
    assert_eq!(unknown, Judgement::Worse);
}

#[test]
fn the_summary_says_what_to_write() {
    let good = outcome(&[weigh("a", 1000, Some(1000)), weigh("b", 900, Some(1000))]);
    assert_eq!(good.counts, Counts::new(2, 0, 0));
    assert!(
        good.remark.ends_with("instructions.toml to b = 900"),
        "{}",
        good.remark
    );
    let bad = outcome(&[weigh("a", 2000, Some(1000)), weigh("b", 900, Some(1000))]);
    assert_eq!(bad.counts, Counts::new(1, 1, 0));
    assert!(bad.remark.ends_with(": a"), "{}", bad.remark);
}

#[test]
fn counts_are_read() {
    let said = "15000 rows\n==77== \n==77== Events    : Ir\n==77== Collected : 215870343\n==77== ";
    let lines: Vec<String> = said.lines().map(str::to_owned).collect();
    assert_eq!(read(&lines), Some((215_870_343, 15_000)));
    assert_eq!(read(&lines[..1]), None);
}

#[test]
fn every_case_has_a_baseline_and_nothing_else_has() {
    let cases = CASES.iter().map(|(what, lines)| format!("{what}-{lines}"));
    let mut cases: Vec<String> = cases.collect();
    cases.sort_unstable();
    let listed: Vec<String> = baselines().unwrap().into_keys().collect();
    assert_eq!(listed, cases);
}
