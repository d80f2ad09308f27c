use super::*;
use datafusion::common::{Column, plan_datafusion_err};

fn advised(error: DataFusionError, sql: &str) -> String {
    let tables = ["cpu", "Disk", "disk usage", "mem"];
    text(&with_advice(error, sql, tables, |name| name == "lag"))
}

fn no_table(name: &str) -> DataFusionError {
    plan_datafusion_err!("table '{name}' not found")
}

fn no_column(name: &str) -> DataFusionError {
    let error = SchemaError::FieldNotFound {
        field: Box::new(Column::new_unqualified(name)),
        valid_fields: vec![Column::new(Some("cpu"), "Temp")],
    };
    DataFusionError::SchemaError(Box::new(error), Box::new(None))
}

#[track_caller]
fn check_table(name: &str, advice: Option<&str>) {
    let expected = format!("Error during planning: table '{name}' not found");
    let expected = match advice {
        Some(advice) => format!("{expected}\n{advice}"),
        None => expected,
    };
    assert_eq!(advised(no_table(name), ""), expected);
}

#[test]
fn the_table_that_was_probably_meant_is_named() {
    let quotes = "Unquoted names are taken in lower case; capital letters and special characters need double \
                  quotes.";
    check_table("public.iox.cpi", Some("Did you mean 'cpu'?"));
    let disk = format!("Did you mean '\"Disk\"'? {quotes}");
    check_table("public.iox.disk", Some(&disk));
    let usage = format!("Did you mean '\"disk usage\"'? {quotes}");
    check_table("public.iox.disk_usage", Some(&usage));
}

#[test]
fn far_names_and_other_schemas_get_no_advice() {
    check_table("public.iox.network", None);
    check_table("public.other.cpi", None);
    check_table("cpi", None);
}

#[test]
fn columns_in_capital_letters_are_to_be_quoted_and_no_setting_is_named() {
    assert_eq!(
        advised(no_column("temp"), "SELECT Temp FROM cpu"),
        "Schema error: No field named temp. Did you mean 'cpu.\"Temp\"'?\nColumn names are case sensitive. \
         You can use double quotes to refer to the cpu.\"Temp\" column.\nValid fields are cpu.\"Temp\"."
    );
}

#[test]
fn a_text_in_double_quotes_is_noticed() {
    let shown = advised(no_column("it's"), "SELECT * FROM cpu WHERE host = \"it's\"");
    let advice = "\nDouble quotes are for names. If it is a text, write 'it''s'.";
    assert!(shown.ends_with(advice), "{shown}");
    let shown = advised(
        no_column("nope"),
        "SELECT nope FROM cpu WHERE host = 'nope'",
    );
    assert!(!shown.contains("Double quotes"), "{shown}");
}

#[test]
fn advice_does_not_change_the_kind() {
    let error = with_advice(no_table("public.iox.cpi"), "", ["cpu"], |_| false);
    let kind = crate::error::datafusion_kind(&error);
    assert_eq!(kind, watershed_model::ErrorKind::Invalid);
}

#[test]
fn wrong_arguments_are_no_bug() {
    let bug = "Internal error: Function 'avg' failed.\nThis issue was likely caused by a bug. Please help us to resolve \
               this by filing a bug report in our issue tracker: https://github.com/apache/datafusion/issues. No \
               function matches 'avg(Utf8)'.";
    assert_eq!(
        text(&plan_datafusion_err!("{bug}")),
        "Error during planning: No function matches 'avg(Utf8)'."
    );
}

#[test]
fn rules_of_the_optimizer_are_named_for_faults_inside_alone() {
    let rule = "Optimizer rule 'simplify_expressions' failed";
    let wrong_value = DataFusionError::Execution("no number".to_owned()).context(rule);
    assert_eq!(text(&wrong_value), "Execution error: no number");
    let fault = DataFusionError::Internal("lost a column".to_owned()).context(rule);
    assert!(text(&fault).contains(rule));
}

#[test]
fn a_window_function_needs_a_window() {
    let shown = advised(
        plan_datafusion_err!("Invalid function 'lag'.\nDid you mean 'lower'?"),
        "",
    );
    assert!(
        shown.ends_with("\nIt is a window function: lag(…) OVER (ORDER BY time)."),
        "{shown}"
    );
    let shown = advised(
        plan_datafusion_err!("Invalid function 'lug'.\nDid you mean 'lag'?"),
        "",
    );
    assert!(!shown.contains("window"), "{shown}");
}

#[test]
fn functions_of_ours_speak_for_themselves() {
    let refused = "Execution error: Function 'tz' user-defined coercion failed with: Error during planning: TZ wants \
                   more. No function matches the given name and argument types 'tz()'.\n\tCandidate functions:";
    assert_eq!(
        text(&plan_datafusion_err!("{refused}")),
        "Error during planning: TZ wants more"
    );
}
