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

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn read(headers: &HeaderMap, body: Body, bytes_max: usize) -> Result<Bytes, ApiError> {
    read_body(headers, body, bytes_max, &BodyBuffers::default()).await
}

#[tokio::test]
async fn gzip_is_decompressed_within_the_limit() {
    let body = gzip(&vec![b'\n'; 1 << 20]);
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

/// A permit for a write of database 1 under a limit.
fn permit(limit: u64) -> Permit {
    use crate::http::admission::testing::permit_of;
    permit_of(limit)
}

#[tokio::test]
async fn memory_is_set_aside_for_what_comes_and_not_more() {
    let limits = Limits {
        bytes_max: 1 << 20,
        silence_max: Duration::from_secs(30),
    };
    let parts = |n| {
        let part = Bytes::from(vec![b'a'; 1 << 10]);
        Body::from_stream(futures::stream::iter(
            (0..n).map(move |_| Ok::<_, std::io::Error>(part.clone())),
        ))
    };
    let (none, buffers) = (HeaderMap::new(), BodyBuffers::default());
    let mut enough = permit(4 << 20);
    let body = read_raw(&none, parts(1_000), limits, &buffers, &mut enough).await;
    assert_eq!(body.unwrap().len(), 1_000 << 10);
    assert!(enough.bytes() >= 2_000 << 10);
    let mut little = permit(1 << 20);
    let error = read_raw(&none, parts(1_000), limits, &buffers, &mut little).await;
    assert_eq!(error.unwrap_err(), ApiError::overloaded());
    assert!(little.bytes() <= 1 << 20);
}

#[tokio::test]
async fn gzip_gets_what_it_says_it_needs_and_more_where_it_is_wrong() {
    let lines = vec![b'\n'; 500_000];
    for wire in [
        gzip(&lines),
        // The last member is empty, and so says the end of the stream.
        [gzip(&lines), gzip(b"")].concat(),
    ] {
        let (text, held) = decode(
            true,
            wire.clone().into(),
            1 << 20,
            BodyBuffers::default(),
            permit(8 << 20),
        )
        .await
        .unwrap();
        assert_eq!(text.len(), 500_000);
        assert_eq!(held.bytes(), 1_000_000);
        let bomb = decode(
            true,
            wire.clone().into(),
            400_000,
            BodyBuffers::default(),
            permit(8 << 20),
        )
        .await;
        assert_eq!(bomb.unwrap_err(), ApiError::too_large(400_000));
        let full = decode(
            true,
            wire.into(),
            1 << 20,
            BodyBuffers::default(),
            permit(300_000),
        )
        .await;
        assert_eq!(full.unwrap_err(), ApiError::overloaded());
    }
}

#[test]
fn what_a_head_tells_is_what_is_set_aside() {
    let check = |pairs: &[_], bytes| assert_eq!(expected_bytes(&headers(pairs), 1_000), bytes);
    check(&[(CONTENT_LENGTH, "10")], Ok(20));
    check(&[(CONTENT_LENGTH, "1001")], Err(ApiError::too_large(1_000)));
    check(
        &[(CONTENT_LENGTH, "10"), (CONTENT_ENCODING, "gzip")],
        Ok(160),
    );
    check(
        &[(CONTENT_LENGTH, "900"), (CONTENT_ENCODING, "gzip")],
        Ok(2_000),
    );
    check(&[], Ok(2_000));
}

#[tokio::test]
async fn a_body_that_stops_is_given_up() {
    let limits = Limits {
        bytes_max: 100,
        silence_max: Duration::from_millis(20),
    };
    let part = futures::stream::iter([Ok::<_, std::io::Error>("abc")]);
    let body = Body::from_stream(part.chain(futures::stream::pending()));
    let error = read_raw(
        &HeaderMap::new(),
        body,
        limits,
        &BodyBuffers::default(),
        &mut permit(1 << 20),
    )
    .await;
    assert_eq!(error.unwrap_err().code, Code::Timeout);
}
