//! Faults of a query that DataFusion does not tell from faults of its own.
//!
//! Its functions call it an internal error when they get arguments that they have no code for, and pass errors of the
//! regular expressions on as they are. Both come of the text of a query or of the values it names: whoever asks is told
//! what is wrong, and nobody has to look at the server. All other internal errors are what they say.

use datafusion::common::DataFusionError;

/// How DataFusion's texts about faults of its own begin and end.
const BUG: (&str, &str) = (
    "Internal error: ",
    "in our issue tracker: https://github.com/apache/datafusion/issues",
);

/// What begins the last line of such a text.
const LIKELY_BUG: &str = "This issue was likely caused by a bug in DataFusion's code.";

/// What stands before the reason why a regular expression is none.
const NO_REGEX: &str = "Regular expression did not compile: ";

/// What an internal error says that comes of wrong arguments.
const REFUSALS: [&str; 37] = [
    NO_REGEX,
    "failed to match any signature",
    "not implemented for type",
    "is not implemented for",
    "nsupported data",
    "nsupported type",
    "unsupported small int type",
    "nexpected data type",
    "nexpected type",
    "nexpected scalar type",
    "nexpected argument type",
    "nexpected list type",
    "nexpected combination",
    "Unexpected return type",
    "Unexpected value for",
    "is not supported",
    "not supported for",
    "does not support",
    "does not accept arguments",
    "can only accept",
    "can only operate on",
    "cannot operate on",
    "Cannot evaluate binary expression",
    "Cannot convert",
    "Can't represent",
    "could not cast",
    "failed to cast literal value",
    "Coercion from",
    "Expected a Map type",
    "Invalid argument types",
    "scalar expected, got",
    "operand expected, got",
    "requires 1 or 2 arguments",
    "function requires",
    "Signature failed to guard",
    "failed to convert size to usize",
    "Uncomparable values",
];

/// The text for whoever asked, without prefix, if the error is the fault of the query.
pub(crate) fn of_query(error: &DataFusionError) -> Option<String> {
    match error.find_root() {
        DataFusionError::Internal(text) if REFUSALS.iter().any(|part| text.contains(part)) => {
            Some(plain(text))
        }
        DataFusionError::External(cause) => {
            let text = cause.to_string();
            // The optimizer reads patterns with the parser alone, whose errors are of another type.
            let is_pattern = cause.is::<regex::Error>() || text.starts_with("regex parse error");
            is_pattern.then(|| format!("invalid regular expression: {text}"))
        }
        // A refusal may also be told as the cause of another error.
        DataFusionError::Execution(text)
            if text.contains(BUG.0) && REFUSALS.iter().any(|part| text.contains(part)) =>
        {
            Some(plain(text))
        }
        _ => None,
    }
}

/// Wrong arguments of some functions are taken for a bug of DataFusion first, and said to be wrong
/// afterwards; the second half is for the client.
pub(crate) fn without_bug_report(text: String) -> String {
    match (text.find(BUG.0), text.find(BUG.1)) {
        (Some(start), Some(end)) if start < end => {
            let rest = text[end + BUG.1.len()..].trim_start_matches(['.', ' ']);
            format!("{}{rest}", &text[..start])
        }
        _ => text,
    }
}

/// The text without where to report a bug, and with the reasons of a list each told once.
fn plain(text: &str) -> String {
    let end = text.find(LIKELY_BUG).unwrap_or(text.len());
    let text = text[..end].replace(BUG.0, "");
    let text = text.trim_end_matches(['.', ' ', '\n', '\t']);
    if let Some((_, reason)) = text.split_once(NO_REGEX) {
        return format!("invalid regular expression: {reason}");
    }
    let Some((refusal, reasons)) = text.split_once(", errors: ") else {
        return text.to_owned();
    };
    let mut told: Vec<&str> = Vec::new();
    for reason in reasons.split("Error during planning: ") {
        let reason = reason.trim_matches([',', '.', ' ', '\n']);
        if !reason.is_empty() && !told.contains(&reason) {
            told.push(reason);
        }
    }
    format!("{refusal}: {}", told.join("; "))
}

#[cfg(test)]
mod tests;
