use super::*;

fn shell(script: &str, limit: Duration) -> Finished {
    run(Command::new("sh").args(["-c", script]), Output::Kept, limit).unwrap()
}

const PLENTY: Duration = Duration::from_secs(60);

#[test]
fn the_lines_of_both_outputs_are_kept() {
    let mut finished = shell("echo one; echo two >&2; exit 3", PLENTY);
    finished.lines.sort();
    assert_eq!(finished.lines, ["one", "two"]);
    assert!(!finished.end.success());
    assert_eq!(finished.end.to_string(), "exit status: 3");
}

#[test]
fn a_child_gets_no_input() {
    let finished = shell("cat; echo end", PLENTY);
    assert!(finished.end.success());
    assert_eq!(finished.lines, ["end"]);
}

#[test]
fn a_child_that_hangs_is_stopped() {
    let limit = Duration::from_millis(200);
    let finished = shell("echo before; exec sleep 600", limit);
    assert_eq!(finished.end, End::TimedOut(limit));
    assert_eq!(finished.lines, ["before"]);
}

#[test]
fn a_grandchild_that_holds_the_pipe_does_not_hold_us() {
    // It ends by itself a little later.
    let finished = shell("sleep 20 & echo done", PLENTY);
    assert!(finished.end.success());
    assert_eq!(finished.lines, ["done"]);
}

#[test]
fn a_program_that_is_not_there_is_an_error() {
    let error = run(&mut Command::new("/no/such/program"), Output::Kept, PLENTY).unwrap_err();
    assert_eq!(error.to_string(), "start /no/such/program");
    assert!(!is_installed(
        &mut Command::new("/no/such/program"),
        &["--version"]
    ));
    assert!(is_installed(&mut Command::new("sh"), &["-c", ":"]));
}
