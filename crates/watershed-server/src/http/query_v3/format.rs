//! The formats of answers.

use super::super::accept;
use super::super::compat::ApiError;
use http::HeaderMap;

/// How the rows of an answer are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// An array of objects.
    Json,
    /// An object a line.
    JsonLines,
    /// A header and a line for each row.
    Csv,
    /// A table of text.
    Pretty,
    /// A Parquet file.
    Parquet,
    /// A stream of Arrow IPC messages.
    Arrow,
}

impl Format {
    /// The format that the parameter names; without one, that which the header `Accept` prefers; without any that
    /// is known, JSON.
    ///
    /// # Errors
    /// An unknown name in the parameter. Media types may be unknown: browsers send long lists.
    pub(super) fn chosen(name: Option<&str>, headers: &HeaderMap) -> Result<Self, ApiError> {
        let Some(name) = name else {
            return Ok(accept::best(headers, Self::of_media_type).unwrap_or(Self::Json));
        };
        Ok(match name {
            "json" => Self::Json,
            "jsonl" | "json_lines" => Self::JsonLines,
            "csv" => Self::Csv,
            "pretty" => Self::Pretty,
            "parquet" => Self::Parquet,
            "arrow" => Self::Arrow,
            other => {
                return Err(ApiError::invalid(format!(
                    "unknown format '{other}', expected one of json, jsonl, csv, pretty, parquet, arrow"
                )));
            }
        })
    }

    fn of_media_type(name: &str) -> Option<Self> {
        Some(match name {
            "application/json" | "application/*" | "*/*" => Self::Json,
            "application/jsonl" | "application/x-ndjson" => Self::JsonLines,
            "text/csv" | "application/csv" => Self::Csv,
            "text/plain" | "text/*" => Self::Pretty,
            "application/vnd.apache.parquet" => Self::Parquet,
            "application/vnd.apache.arrow.stream" => Self::Arrow,
            _ => return None,
        })
    }

    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::JsonLines => "application/jsonl",
            Self::Csv => "text/csv",
            Self::Pretty => "text/plain; charset=utf-8",
            Self::Parquet => "application/vnd.apache.parquet",
            Self::Arrow => "application/vnd.apache.arrow.stream",
        }
    }
}
