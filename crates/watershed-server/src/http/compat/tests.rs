use super::*;

async fn shown(error: ApiError) -> String {
    let response = error.into_response();
    let mut text = format!("{}\n", response.status().as_u16());
    for (name, value) in response.headers() {
        text += &format!("{name}: {}\n", value.to_str().unwrap());
    }
    let body = axum::body::to_bytes(response.into_body(), 1 << 20)
        .await
        .unwrap();
    text + std::str::from_utf8(&body).unwrap()
}

#[tokio::test]
async fn v2_errors_have_code_and_message() {
    let mut error = ApiError::invalid("bad\nline");
    error.line = Some(2);
    error.v1_error = Some("for 1.x".into());
    assert_eq!(
        shown(error).await,
        r#"400
content-type: application/json
x-platform-error-code: invalid
x-influxdb-error: bad line
{"code":"invalid","line":2,"message":"bad\nline"}"#
    );
}

#[tokio::test]
async fn v1_errors_have_error_too() {
    let mut error = ApiError::overloaded().in_dialect(Dialect::V1);
    error.v1_error = Some("busy".into());
    assert_eq!(
        shown(error).await,
        r#"503
content-type: application/json
x-platform-error-code: unavailable
x-influxdb-error: busy
retry-after: 1
{"code":"unavailable","error":"busy","message":"this service is overloaded, please try again later"}"#
    );
}

#[test]
fn every_kind_has_a_status() {
    let status = |kind| Code::of(kind).status().as_u16();
    let expected = [
        (ErrorKind::Invalid, 400),
        (ErrorKind::Unauthorized, 401),
        (ErrorKind::Forbidden, 403),
        (ErrorKind::NotFound, 404),
        (ErrorKind::AlreadyExists, 409),
        (ErrorKind::Conflict, 409),
        (ErrorKind::Exhausted, 503),
        (ErrorKind::Unavailable, 503),
        (ErrorKind::Corrupt, 500),
        (ErrorKind::Internal, 500),
    ];
    for (kind, code) in expected {
        assert_eq!(status(kind), code, "{kind:?}");
    }
}
