//! Answers for failures that a healthy server can't be made to show from outside.

use super::compat::Dialect;
use super::*;
use watershed_catalog::CatalogError;
use watershed_router::{SinkError, WriteError};

fn damaged() -> CatalogError {
    CatalogError::Corrupt("a page is torn".to_owned())
}

/// Status, `Retry-After`, and the body without the id of an internal error.
async fn shown(error: ApiError) -> (u16, Option<String>, String) {
    let response = error.into_response();
    let status = response.status().as_u16();
    let retry = response
        .headers()
        .get("retry-after")
        .map(|v| v.to_str().unwrap().to_owned());
    let body = axum::body::to_bytes(response.into_body(), 1 << 20)
        .await
        .unwrap();
    let text = String::from_utf8(body.into()).unwrap();
    let cut = text
        .find("see the server log for ")
        .map_or(text.len(), |at| at);
    (status, retry, text[..cut].to_owned())
}

#[tokio::test]
async fn tokens_that_cannot_be_checked_are_neither_good_nor_bad() {
    let answer = shown(auth_error(AuthError::Catalog(damaged()))).await;
    let body = r#"{"code":"unavailable","message":"tokens cannot be checked now"}"#;
    assert_eq!(answer, (503, Some("1".to_owned()), body.to_owned()));
}

#[tokio::test]
async fn a_fault_of_ours_is_told_by_an_id_alone() {
    let answer = shown(write::catalog_error(&damaged())).await;
    let body = r#"{"code":"internal error","message":"internal error, "#;
    assert_eq!(answer, (500, None, body.to_owned()));
}

#[tokio::test]
async fn a_full_buffer_says_when_to_come_back() {
    let error = SinkError {
        kind: watershed_model::ErrorKind::Exhausted,
        message: "the buffer is full".to_owned(),
        retry_after_seconds: Some(5),
    };
    let answer = shown(write::write_error(WriteError::Sink(error), Dialect::V2)).await;
    let body = r#"{"code":"unavailable","message":"the buffer is full"}"#;
    assert_eq!(answer, (503, Some("5".to_owned()), body.to_owned()));
}
