use super::*;
use datafusion::error::DataFusionError;
use watershed_model::DatabaseName;

#[track_caller]
fn check(error: QueryError, code: Code, text: &str) {
    let status = of_query(&error);
    assert_eq!((status.code(), status.message()), (code, text));
}

#[test]
fn errors_have_the_code_and_the_beginning_that_clients_know() {
    let plan = DataFusionError::Plan("no such table".into());
    check(
        QueryError::Planning(plan),
        Code::InvalidArgument,
        "Error while planning query: Error during planning: no such table",
    );
    let memory = DataFusionError::ResourcesExhausted("the pool is empty".into());
    check(
        QueryError::Execution(memory.context("sort")),
        Code::ResourceExhausted,
        "Error while execution Flight SQL stream: sort\ncaused by\nResources exhausted: the pool is empty",
    );
    check(
        QueryError::Exhausted("max-select-series limit exceeded".into()),
        Code::ResourceExhausted,
        "Error while execution Flight SQL stream: max-select-series limit exceeded",
    );
    check(
        QueryError::Statement("unknown function nope()".into()),
        Code::InvalidArgument,
        "Error while planning query: unknown function nope()",
    );
    check(
        QueryError::DatabaseNotFound(DatabaseName::new("x").unwrap()),
        Code::NotFound,
        "Database 'x' not found",
    );
    check(QueryError::Killed, Code::Aborted, "query killed");
}

#[test]
fn a_long_text_is_cut_between_characters() {
    let long = "ö".repeat(2000);
    let status = of_query(&QueryError::Planning(DataFusionError::Plan(long)));
    let text = status.message();
    assert!(text.starts_with("Error while planning query: Error during planning: öö"));
    assert!(text.ends_with("ö..."));
    assert!((1999..=2003).contains(&text.len()), "{}", text.len());
}
