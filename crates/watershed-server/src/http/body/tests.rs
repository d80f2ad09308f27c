use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;
fn headers(pairs: &[(http::HeaderName, &'static str)]) -> HeaderMap {
    let value = http::HeaderValue::from_static;
    pairs
        .iter()
        .map(|(name, text)| (name.clone(), value(text)))
        .collect()
}

async fn read(headers: &HeaderMap, body: Body, bytes_max: usize) -> Result<Bytes, ApiError> {
    read_body(headers, body, bytes_max, &BodyBuffers::default()).await
}

#[tokio::test]
async fn gzip_is_decompressed_within_the_limit() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&vec![b'\n'; 1 << 20]).unwrap();
    let body = encoder.finish().unwrap();
    let gzip = headers(&[(CONTENT_ENCODING, "gzip")]);
    let read = async |body: &[u8], max| read(&gzip, Body::from(body.to_vec()), max).await;
    assert_eq!(read(&body, 1 << 20).await.unwrap().len(), 1 << 20);
    let most = (1 << 20) - 1;
    assert_eq!(
        read(&body, most).await.unwrap_err(),
        ApiError::too_large(most)
    );
    let error = read(&[&body[..], b"garbage"].concat(), 1 << 20)
        .await
        .unwrap_err();
    assert_eq!(error.code, Code::Invalid);
    assert!(
        error.message.starts_with("error decoding gzip stream: "),
        "{}",
        error.message
    );
    let error = read(&body[..body.len() - 1], 1 << 20).await.unwrap_err();
    assert_eq!(error.code, Code::Invalid);
}

#[tokio::test]
async fn limits_hold_for_announced_and_for_chunked_bodies() {
    let announced = headers(&[(CONTENT_LENGTH, "11")]);
    let error = read(&announced, Body::empty(), 10).await.unwrap_err();
    assert_eq!(error, ApiError::too_large(10));

    let parts = |n| futures::stream::iter((0..n).map(|_| Ok::<_, std::io::Error>("abc")));
    let read = async |n| read(&HeaderMap::new(), Body::from_stream(parts(n)), 9).await;
    assert_eq!(read(3).await.unwrap(), "abcabcabc");
    assert_eq!(read(4).await.unwrap_err(), ApiError::too_large(9));
}

#[tokio::test]
async fn unknown_encodings_are_named() {
    let error = read(&headers(&[(CONTENT_ENCODING, "br")]), Body::empty(), 10)
        .await
        .unwrap_err();
    assert_eq!(error.code, Code::UnsupportedMediaType);
    assert_eq!(error.message, "unacceptable content-encoding: br");
}
