//! Advice for a SQL query that names something that is not there, or does something it may not.

#[cfg(test)]
mod tests;

use crate::{DEFAULT_CATALOG, DEFAULT_SCHEMA, faults};
use datafusion::common::{DataFusionError, SchemaError};
use watershed_influxql::closest;

/// How DataFusion ends its advice on names in capital letters: with a setting that clients can't change.
const SETTING: &str =
    " or disable the datafusion.sql_parser.enable_ident_normalization configuration";

/// What stands before and after the words of a function that refuses its arguments.
const COERCION: (&str, &str) = (
    "' user-defined coercion failed with: Error during planning: ",
    " No function matches the given name",
);

/// What DataFusion's texts about statements that do not read begin with.
const REFUSALS: [&str; 5] = [
    "DDL not supported: ",
    "DML not supported: ",
    "Statement not supported: ",
    "Unsupported SQL statement: ",
    "SET variant not implemented",
];

const READ_ONLY: &str = "Queries only read: SELECT, WITH, VALUES, EXPLAIN, SHOW and DESCRIBE. Rows are written as \
                         line protocol.";

const WITHOUT_VALUES: &str = "The placeholders have no values here. What has to be a constant for planning, such as a \
                              zone or an interval, needs its value together with the query.";

/// An error with advice that is a line of its own.
#[derive(Debug, thiserror::Error)]
#[error("{error}\n{advice}")]
struct Advised {
    #[source]
    error: DataFusionError,
    advice: String,
}

/// The text of an error of planning for a client: cause and advice.
pub(crate) fn text(error: &DataFusionError) -> String {
    let advised = match error {
        DataFusionError::External(error) => error.downcast_ref::<Advised>(),
        _ => None,
    };
    if let Some(Advised { error, advice }) = advised {
        return format!("{}\n{advice}", text(error));
    }
    if let Some(text) = faults::of_query(error) {
        return format!("Error during planning: {text}");
    }
    match error.find_root() {
        // Whatever is wrong inside has to be told whole.
        DataFusionError::Internal(_) => error.strip_backtrace(),
        DataFusionError::Plan(_) => own_refusal(faults::without_bug_report(
            outside_rules(error).strip_backtrace(),
        )),
        _ if missing_column(error).is_some() => error.strip_backtrace().replace(SETTING, ""),
        _ => outside_rules(error).strip_backtrace(),
    }
}

/// The error without the names of the rules of the optimizer that came upon it.
fn outside_rules(mut error: &DataFusionError) -> &DataFusionError {
    while let DataFusionError::Context(context, cause) = error
        && (context.starts_with("Optimizer rule '") || context == "type_coercion")
    {
        error = cause;
    }
    error
}

/// What a function of ours says about its arguments is enough; DataFusion puts it between what it tried and
/// signatures that say nothing.
fn own_refusal(text: String) -> String {
    let refusal = text
        .split_once(COERCION.0)
        .and_then(|(_, rest)| rest.split_once(COERCION.1));
    match refusal {
        Some((refusal, _)) => format!("Error during planning: {}", refusal.trim_end_matches('.')),
        None => text,
    }
}

/// The error with advice, if there is any: the table that was probably meant, that a text was taken for a
/// column, that a window function has no window, or that queries only read. `sql` is the query, `tables` are
/// those of its database.
pub(crate) fn with_advice<'a>(
    error: DataFusionError,
    sql: &str,
    tables: impl IntoIterator<Item = &'a str>,
    is_window_function: impl Fn(&str) -> bool,
) -> DataFusionError {
    let advice = if let Some(table) = missing_table(&error) {
        closest(table, tables).map(did_you_mean)
    } else if let Some(column) = missing_column(&error) {
        text_in_double_quotes(column, sql)
    } else if let Some(function) = missing_function(&error).filter(|name| is_window_function(name))
    {
        Some(format!(
            "It is a window function: {function}(…) OVER (ORDER BY time)."
        ))
    } else {
        is_refusal(&error).then(|| READ_ONLY.to_owned())
    };
    match advice {
        Some(advice) => DataFusionError::External(Box::new(Advised { error, advice })),
        None => error,
    }
}

/// An error of a plan that was made without the values of its placeholders, with advice, if it may be about these.
pub(crate) fn with_values(error: DataFusionError) -> DataFusionError {
    let other = match &error {
        DataFusionError::External(error) => error.is::<Advised>(),
        _ => false,
    };
    match error.find_root() {
        DataFusionError::Plan(_) | DataFusionError::NotImplemented(_) if !other => {
            let advice = WITHOUT_VALUES.to_owned();
            DataFusionError::External(Box::new(Advised { error, advice }))
        }
        _ => error,
    }
}

/// The name of the user's table that is not there, if the error is about one.
fn missing_table(error: &DataFusionError) -> Option<&str> {
    let DataFusionError::Plan(text) = error.find_root() else {
        return None;
    };
    let full_name = text.lines().next()?.strip_prefix("table '")?;
    let full_name = full_name.strip_suffix("' not found")?;
    // A table's name may hold dots itself.
    let name = full_name.strip_prefix(DEFAULT_CATALOG)?.strip_prefix('.')?;
    name.strip_prefix(DEFAULT_SCHEMA)?.strip_prefix('.')
}

/// The name of the function that is none, if the error is about one.
fn missing_function(error: &DataFusionError) -> Option<&str> {
    let DataFusionError::Plan(text) = error.find_root() else {
        return None;
    };
    let rest = text.strip_prefix("Invalid function '")?;
    rest.split_once('\'').map(|(name, _)| name)
}

/// The name of the column that is not there, if the error is about one.
fn missing_column(error: &DataFusionError) -> Option<&str> {
    let DataFusionError::SchemaError(error, _) = error.find_root() else {
        return None;
    };
    match error.as_ref() {
        SchemaError::FieldNotFound { field, .. } => Some(field.name()),
        _ => None,
    }
}

/// Whether the error refuses a statement for what it is.
fn is_refusal(error: &DataFusionError) -> bool {
    match error.find_root() {
        DataFusionError::Plan(text) | DataFusionError::NotImplemented(text) => {
            REFUSALS.iter().any(|start| text.starts_with(start))
        }
        _ => false,
    }
}

/// What to write for a table.
fn did_you_mean(table: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let starts_plain = table.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    if starts_plain && table.chars().all(plain) {
        return format!("Did you mean '{table}'?");
    }
    let quoted = table.replace('"', "\"\"");
    format!(
        "Did you mean '\"{quoted}\"'? Unquoted names are taken in lower case; capital letters and special \
         characters need double quotes."
    )
}

/// Whether a column that is not there stands in double quotes, where other databases have texts.
fn text_in_double_quotes(column: &str, sql: &str) -> Option<String> {
    let quoted = format!("\"{}\"", column.replace('"', "\"\""));
    sql.contains(&quoted).then(|| {
        format!(
            "Double quotes are for names. If it is a text, write '{}'.",
            column.replace('\'', "''")
        )
    })
}
