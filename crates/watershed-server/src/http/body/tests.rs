use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn reads_every_member() {
    let body = [gzip(b"one\n"), gzip(b""), gzip(b"two\n")].concat();
    assert_eq!(gunzip(&body, 100).unwrap(), &b"one\ntwo\n"[..]);
}

#[test]
fn refuses_garbage_after_the_last_member() {
    let body = [gzip(b"one\n"), b"garbage".to_vec()].concat();
    let error = gunzip(&body, 100).unwrap_err();
    assert_eq!(error.code, Code::Invalid);
    assert!(
        error.message.starts_with("error decoding gzip stream: "),
        "{}",
        error.message
    );
}

#[test]
fn refuses_a_cut_stream() {
    let body = gzip(b"one\ntwo\n");
    for len in 1..body.len() {
        assert_eq!(
            gunzip(&body[..len], 100).unwrap_err().code,
            Code::Invalid,
            "{len}"
        );
    }
}

#[test]
fn a_bomb_is_too_large() {
    let body = gzip(&vec![b'\n'; 1 << 20]);
    assert_eq!(gunzip(&body, 1 << 20).unwrap().len(), 1 << 20);
    assert_eq!(
        gunzip(&body, (1 << 20) - 1).unwrap_err(),
        ApiError::too_large((1 << 20) - 1)
    );
}

fn headers(pairs: &[(http::HeaderName, &'static str)]) -> HeaderMap {
    let value = http::HeaderValue::from_static;
    pairs
        .iter()
        .map(|(name, text)| (name.clone(), value(text)))
        .collect()
}

#[tokio::test]
async fn limits_hold_for_announced_and_for_chunked_bodies() {
    let announced = headers(&[(CONTENT_LENGTH, "11")]);
    let error = read_body(&announced, Body::empty(), 10).await.unwrap_err();
    assert_eq!(error, ApiError::too_large(10));

    let parts = |n| futures::stream::iter((0..n).map(|_| Ok::<_, std::io::Error>("abc")));
    let read = async |n| read_body(&HeaderMap::new(), Body::from_stream(parts(n)), 9).await;
    assert_eq!(read(3).await.unwrap(), "abcabcabc");
    assert_eq!(read(4).await.unwrap_err(), ApiError::too_large(9));
}

#[tokio::test]
async fn unknown_encodings_are_named() {
    let error = read_body(&headers(&[(CONTENT_ENCODING, "br")]), Body::empty(), 10)
        .await
        .unwrap_err();
    assert_eq!(error.code, Code::UnsupportedMediaType);
    assert_eq!(error.message, "unacceptable content-encoding: br");
}
