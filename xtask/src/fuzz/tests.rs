use super::*;

fn parse(text: &str) -> anyhow::Result<Choice> {
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    Choice::parse(&words)
}

#[test]
fn without_a_choice_all_targets_run() {
    let choice = parse("").unwrap();
    assert_eq!(
        (choice.targets.len(), choice.seconds),
        (TARGETS.len(), SECONDS)
    );
    let choice = parse("--seconds 5 --target influxql").unwrap();
    assert_eq!((choice.targets, choice.seconds), (vec!["influxql"], 5));
}

#[test]
fn a_wrong_choice_is_an_error() {
    for wrong in ["--target flux", "--target", "--seconds x", "influxql 5"] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn every_target_has_a_function_inputs_and_a_program() {
    let fuzz = workspace::root().join("fuzz");
    let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    for target in TARGETS {
        assert!(fuzz.join("corpus").join(target).is_dir(), "{target}");
        let program = format!("path = \"targets/{target}.rs\"");
        assert!(manifest.contains(&program), "{target}");
    }
    let count = std::fs::read_dir(fuzz.join("corpus")).unwrap().count();
    assert_eq!(count, TARGETS.len());
}

#[test]
fn a_finding_names_the_panic_and_the_input() {
    let input = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(input.path(), b"m f=\"\xff\"\n").unwrap();
    let said = format!(
        "INFO: seed\nthread '<unnamed>' (1) panicked at fuzz/src/a.rs:1:1:\nleft != right\nstack backtrace:\n\
         artifact_prefix='x/'; Test unit written to {}\nstat::average_exec_per_sec:     7493",
        input.path().display()
    );
    let lines: Vec<String> = said.lines().map(str::to_owned).collect();
    let wrong = what_is_wrong(&lines, End::TimedOut(Duration::from_secs(1)));
    assert!(
        wrong.contains("panicked at fuzz/src/a.rs:1:1:\n    left != right\n"),
        "{wrong}"
    );
    assert!(wrong.ends_with(r#"b"m f=\"\xff\"\n""#), "{wrong}");
    assert_eq!(inputs_per_second(&lines), Some(7493));
}
