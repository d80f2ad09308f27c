//! Texts and shapes that clients of the original compare with. One place, one golden test.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value};
use watershed_model::ErrorKind;

/// Read by 1.x tools, which show it to people.
const X_INFLUXDB_ERROR: HeaderName = HeaderName::from_static("x-influxdb-error");
/// Read by 2.x tools.
const X_PLATFORM_ERROR_CODE: HeaderName = HeaderName::from_static("x-platform-error-code");

/// Seconds after which an overloaded server asks clients to come back.
pub(crate) const RETRY_AFTER_SECONDS: u64 = 1;

/// The `code` words of the write API, with their status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    InternalError,
    NotImplemented,
    NotFound,
    Conflict,
    Invalid,
    Unprocessable,
    Unavailable,
    Forbidden,
    Unauthorized,
    MethodNotAllowed,
    TooLarge,
    UnsupportedMediaType,
    Timeout,
}

impl Code {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::InternalError => "internal error",
            Self::NotImplemented => "not implemented",
            Self::NotFound => "not found",
            Self::Conflict => "conflict",
            Self::Invalid => "invalid",
            Self::Unprocessable => "unprocessable entity",
            Self::Unavailable => "unavailable",
            Self::Forbidden => "forbidden",
            Self::Unauthorized => "unauthorized",
            Self::MethodNotAllowed => "method not allowed",
            Self::TooLarge => "request too large",
            Self::UnsupportedMediaType => "unsupported media type",
            // No word of the original fits better: like any invalid request it is not worth repeating as
            // it is, which the status says.
            Self::Timeout => "invalid",
        }
    }

    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NotImplemented => StatusCode::NOT_IMPLEMENTED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Conflict => StatusCode::CONFLICT,
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
        }
    }

    /// The one table from kinds of errors to what HTTP clients see.
    pub(crate) const fn of(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Invalid => Self::Invalid,
            ErrorKind::TooLarge => Self::TooLarge,
            ErrorKind::Unauthorized => Self::Unauthorized,
            ErrorKind::Forbidden => Self::Forbidden,
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::AlreadyExists | ErrorKind::Conflict => Self::Conflict,
            ErrorKind::Exhausted | ErrorKind::Unavailable => Self::Unavailable,
            ErrorKind::Corrupt | ErrorKind::Internal => Self::InternalError,
        }
    }
}

/// Which clients read the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `{"code","message"}`: v2 and v3 clients.
    V2,
    /// `{"error","code","message"}`: 1.x clients read `error` and search it for known words.
    V1,
    /// `{"error"}` and nothing else: a text that is no InfluxQL, as 1.x answers it.
    V1Syntax,
}

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) code: Code,
    pub(crate) message: String,
    /// The text for 1.x clients, when it must differ from `message`.
    pub(crate) v1_error: Option<String>,
    /// The first rejected line, counted from one.
    pub(crate) line: Option<usize>,
    pub(crate) retry_after_seconds: Option<u64>,
    pub(crate) dialect: Dialect,
    /// Part of the request's body was not read, so the connection ends with the answer, and the answer says so:
    /// a client that used it again would wait for nothing.
    pub(crate) body_unread: bool,
}

impl ApiError {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        let retry_after_seconds = (code == Code::Unavailable).then_some(RETRY_AFTER_SECONDS);
        Self {
            code,
            message: message.into(),
            v1_error: None,
            line: None,
            retry_after_seconds,
            dialect: Dialect::V2,
            body_unread: false,
        }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::Invalid, message)
    }

    pub(crate) fn forbidden() -> Self {
        Self::new(Code::Forbidden, "forbidden")
    }

    pub(crate) fn overloaded() -> Self {
        Self::new(
            Code::Unavailable,
            "this service is overloaded, please try again later",
        )
    }

    pub(crate) fn too_large(limit_bytes: usize) -> Self {
        Self::new(
            Code::TooLarge,
            format!("max request size ({limit_bytes} bytes) exceeded"),
        )
    }

    /// Logs an error that is ours under an id and tells the client only the id.
    pub(crate) fn internal(error: &dyn std::error::Error) -> Self {
        let id = uuid::Uuid::new_v4();
        tracing::error!(%id, error = chain(error), "request failed");
        Self::new(
            Code::InternalError,
            format!("internal error, see the server log for {id}"),
        )
    }

    #[must_use]
    pub(crate) fn in_dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    #[must_use]
    pub(crate) fn with_body_unread(mut self, unread: bool) -> Self {
        self.body_unread = unread;
        self
    }

    fn body(&self) -> Value {
        let mut body = Map::new();
        if matches!(self.dialect, Dialect::V1 | Dialect::V1Syntax) {
            let error = self.v1_error.as_ref().unwrap_or(&self.message);
            body.insert("error".into(), error.clone().into());
        }
        if self.dialect == Dialect::V1Syntax {
            return body.into();
        }
        body.insert("code".into(), self.code.as_str().into());
        body.insert("message".into(), self.message.clone().into());
        if let Some(line) = self.line {
            body.insert("line".into(), line.into());
        }
        body.into()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body().to_string()));
        *response.status_mut() = self.code.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(
            X_PLATFORM_ERROR_CODE,
            HeaderValue::from_static(self.code.as_str()),
        );
        let shown = if self.dialect == Dialect::V1 {
            self.v1_error.as_ref().unwrap_or(&self.message)
        } else {
            &self.message
        };
        headers.insert(X_INFLUXDB_ERROR, header_text(shown));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.body_unread {
            // HTTP/2 has streams for that, and hyper leaves the header out there.
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// Makes a text fit for a header: one line of visible ASCII, at most 1 KiB.
fn header_text(text: &str) -> HeaderValue {
    let clean = |c: char| if (' '..='~').contains(&c) { c } else { ' ' };
    let text: String = text.chars().take(1024).map(clean).collect();
    HeaderValue::from_str(text.trim()).unwrap_or_else(|_| HeaderValue::from_static("error"))
}

/// An error with all its causes, outermost first.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
