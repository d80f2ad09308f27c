use super::*;
use crate::http::admission::testing::admission;

const A: DatabaseId = DatabaseId::new(1);
const B: DatabaseId = DatabaseId::new(2);

/// The metrics have a line that ends so.
#[track_caller]
fn check_metric(admission: &Admission, line: &str) {
    let text = admission.metrics.encode().unwrap();
    assert!(text.lines().any(|l| l == line), "no {line} in\n{text}");
}

#[test]
fn places_are_limited_shared_and_given_back() {
    let admission = admission(4, 1_000, None);
    let held: Vec<_> = (0..3).map(|_| admission.admit(A, 1).unwrap()).collect();
    assert_eq!(admission.admit(A, 1).unwrap_err(), ApiError::overloaded());
    let other = admission.admit(B, 1).unwrap();
    assert_eq!(admission.admit(B, 1).unwrap_err(), ApiError::overloaded());
    check_metric(&admission, r#"watershed_server_writes_in_flight 4"#);
    check_metric(
        &admission,
        r#"watershed_server_writes_refused_total{reason="writes"} 2"#,
    );
    drop((held, other));
    check_metric(&admission, r#"watershed_server_writes_in_flight 0"#);
    assert!(admission.admit(A, 1).is_ok());
}

#[test]
fn memory_grows_with_the_body_up_to_the_limit() {
    let admission = admission(10, 1_000, None);
    let mut permit = admission.admit(A, 100).unwrap();
    permit.set_bytes(750).unwrap();
    assert_eq!(permit.set_bytes(751).unwrap_err(), ApiError::overloaded());
    assert_eq!(permit.bytes(), 750);
    assert_eq!(admission.admit(A, 1).unwrap_err(), ApiError::overloaded());
    check_metric(
        &admission,
        r#"watershed_server_in_flight_database_bytes{database="1"} 750"#,
    );
    check_metric(
        &admission,
        r#"watershed_server_writes_refused_total{reason="bytes"} 2"#,
    );
    // A write that was refused for its bytes has given its place back.
    check_metric(&admission, r#"watershed_server_writes_in_flight 1"#);
    permit.set_bytes(10).unwrap();
    assert!(admission.admit(A, 500).is_ok());
}

#[test]
fn a_full_buffer_is_told_before_anything_else() {
    let refusal = Refusal {
        reason: Reason::Buffer,
        message: "ingester overloaded".to_owned(),
        retry_after_seconds: 7,
    };
    let admission = admission(0, 0, Some(refusal));
    let answer = admission.admit(A, 1).unwrap_err();
    assert_eq!(answer.message, "ingester overloaded");
    assert_eq!(answer.retry_after_seconds, Some(7));
    check_metric(
        &admission,
        r#"watershed_server_writes_refused_total{reason="buffer"} 1"#,
    );
}

#[test]
fn a_stopping_server_lets_nothing_in() {
    let admission = admission(10, 1_000, None);
    admission.stopping.store(true, Ordering::Release);
    let answer = admission.admit(A, 1).unwrap_err();
    assert_eq!(answer.code, Code::Unavailable);
    check_metric(
        &admission,
        r#"watershed_server_writes_refused_total{reason="stopping"} 1"#,
    );
}
