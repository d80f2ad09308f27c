use super::*;

fn read(text: &str, case: SchemeCase) -> Option<String> {
    let header = HeaderValue::from_str(text).unwrap();
    Authorization::read(Some(&header), case)
        .token()
        .map(|t| t.reveal().to_owned())
}

#[test]
fn reads_the_three_schemes() {
    for text in [
        "Bearer abc",
        "Token abc",
        "Basic dXNlcjphYmM=",
        "Basic OmFiYw==",
    ] {
        assert_eq!(
            read(text, SchemeCase::Exact).as_deref(),
            Some("abc"),
            "{text}"
        );
    }
    assert_eq!(
        read("Basic dTphOmI=", SchemeCase::Exact).as_deref(),
        Some("a:b")
    );
}

#[test]
fn the_scheme_word_is_exact_over_http_and_free_over_grpc() {
    for text in ["bearer abc", "TOKEN abc", "basic dXNlcjphYmM="] {
        assert_eq!(read(text, SchemeCase::Exact), None, "{text}");
        assert_eq!(
            read(text, SchemeCase::Any).as_deref(),
            Some("abc"),
            "{text}"
        );
    }
}

#[test]
fn unusable_headers_hold_no_token() {
    for text in [
        "Bearer",
        "Bearer ",
        "Digest abc",
        "Basic ???",
        "Basic dXNlcg==",
        "Basic dXNlcjo=",
    ] {
        assert_eq!(read(text, SchemeCase::Exact), None, "{text}");
    }
    assert_eq!(
        Authorization::read(None, SchemeCase::Exact),
        Authorization::Absent
    );
}

#[test]
fn a_generated_token_has_256_random_bits_and_does_not_show_itself() {
    let (a, b) = (Secret::generate().unwrap(), Secret::generate().unwrap());
    assert_ne!(a, b);
    assert_eq!(a.reveal().len(), TOKEN_PREFIX.len() + 64);
    assert!(!format!("{a:?}").contains(a.reveal()));
}
