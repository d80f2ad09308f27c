//! Why a statement can't be planned.

use crate::QueryError;
use datafusion::error::DataFusionError;

/// Why a statement can't be planned. The text is the whole error of the statement.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The statement is wrong.
    #[error("{0}")]
    Invalid(String),
    /// The statement is right, but asks for something that is not there.
    #[error("This feature is not implemented: {0}")]
    NotImplemented(String),
    /// DataFusion refused a plan.
    #[error(transparent)]
    DataFusion(#[from] DataFusionError),
}

/// The result of a step of planning.
pub(super) type Result<T> = std::result::Result<T, Error>;

/// An error that says that the statement is wrong.
pub(super) fn invalid<T>(text: impl Into<String>) -> Result<T> {
    Err(Error::Invalid(text.into()))
}

/// An error that names a feature that is not there.
pub(super) fn not_implemented<T>(what: impl Into<String>) -> Result<T> {
    Err(Error::NotImplemented(what.into()))
}

impl From<Error> for QueryError {
    fn from(error: Error) -> Self {
        match error {
            Error::DataFusion(source) => Self::Planning(source),
            own => Self::Statement(own.to_string()),
        }
    }
}
