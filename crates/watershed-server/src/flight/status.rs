//! Errors as gRPC statuses.

use crate::auth::AuthError;
use std::borrow::Cow;
use tonic::{Code, Status};
use watershed_model::ErrorKind;
use watershed_query::QueryError;

/// The most bytes of a message: it travels in a header.
const MESSAGE_BYTES_MAX: usize = 2000;

/// What planning errors begin with.
const PLANNING: &str = "Error while planning query: ";

/// What errors of execution begin with.
const EXECUTION: &str = "Error while execution Flight SQL stream: ";

/// The one table from kinds of errors to gRPC codes.
pub(super) const fn code(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::Invalid | ErrorKind::TooLarge => Code::InvalidArgument,
        ErrorKind::Unauthorized => Code::Unauthenticated,
        ErrorKind::Forbidden => Code::PermissionDenied,
        ErrorKind::NotFound => Code::NotFound,
        ErrorKind::AlreadyExists => Code::AlreadyExists,
        ErrorKind::Conflict => Code::Aborted,
        ErrorKind::Exhausted => Code::ResourceExhausted,
        ErrorKind::Unavailable => Code::Unavailable,
        ErrorKind::Corrupt | ErrorKind::Internal => Code::Internal,
    }
}

/// A failed query: the whole text, cut when it is too long for a header. The beginnings are those that clients
/// of InfluxDB know.
pub(super) fn of_query(error: &QueryError) -> Status {
    let code = code(error.kind());
    if code == Code::Internal {
        tracing::error!(%error, "a query failed");
    }
    let text = match error {
        QueryError::Statement(text) => return of_statement(text),
        QueryError::Execution(cause) => format!("{EXECUTION}{}", cause.strip_backtrace()),
        QueryError::Exhausted(cause) => format!("{EXECUTION}{cause}"),
        other => other.to_string(),
    };
    Status::new(code, cut(text))
}

/// An InfluxQL statement that can't be planned.
pub(super) fn of_statement(text: &str) -> Status {
    let text = match text.starts_with(PLANNING) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(format!("{PLANNING}{text}")),
    };
    Status::invalid_argument(cut(text.into_owned()))
}

/// A caller who was not let in.
pub(super) fn of_auth(error: &AuthError) -> Status {
    match error {
        AuthError::NoToken | AuthError::UnknownToken => Status::unauthenticated("Unauthenticated"),
        AuthError::Catalog(cause) => {
            tracing::warn!(error = %cause, "tokens cannot be checked");
            Status::unavailable("tokens cannot be checked now")
        }
    }
}

fn cut(mut text: String) -> String {
    if text.len() > MESSAGE_BYTES_MAX {
        text.truncate(text.floor_char_boundary(MESSAGE_BYTES_MAX));
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests;
