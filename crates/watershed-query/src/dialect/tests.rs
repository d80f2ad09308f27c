use super::Sql;
use datafusion::sql::parser::DFParserBuilder;
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr};
use datafusion::sql::sqlparser::dialect::{Dialect, GenericDialect};

fn parsed(text: &str) -> Expr {
    let mut parser = DFParserBuilder::new(text)
        .with_dialect(&Sql)
        .build()
        .unwrap();
    parser.parse_expr().unwrap().expr
}

/// The operator that is applied last, and what it is applied to.
#[track_caller]
fn check(text: &str, left: &str, op: BinaryOperator, right: &str) {
    let Expr::BinaryOp {
        left: l,
        op: o,
        right: r,
    } = parsed(text)
    else {
        panic!("no operator is applied last: {text}");
    };
    assert_eq!(
        (l.to_string().as_str(), o, r.to_string().as_str()),
        (left, op, right),
        "{text}"
    );
}

#[test]
fn is_distinct_from_binds_closer_than_and_and_or() {
    use BinaryOperator::{And, Or};
    check(
        "a IS DISTINCT FROM b AND c",
        "a IS DISTINCT FROM b",
        And,
        "c",
    );
    check(
        "a IS NOT DISTINCT FROM b OR c",
        "a IS NOT DISTINCT FROM b",
        Or,
        "c",
    );
    check(
        "x AND a IS DISTINCT FROM b OR c",
        "x AND a IS DISTINCT FROM b",
        Or,
        "c",
    );
    check(
        "x OR a IS DISTINCT FROM b AND c",
        "x",
        Or,
        "a IS DISTINCT FROM b AND c",
    );
}

#[test]
fn what_binds_closer_is_the_right_side_of_is_distinct_from() {
    for (text, wanted) in [
        ("a IS DISTINCT FROM b + 1", "b + 1"),
        ("a IS DISTINCT FROM b = c", "b = c"),
        ("a IS DISTINCT FROM b LIKE c", "b LIKE c"),
        ("a IS DISTINCT FROM (b AND c)", "(b AND c)"),
    ] {
        let Expr::IsDistinctFrom(_, right) = parsed(text) else {
            panic!("something else is applied last: {text}");
        };
        assert_eq!(right.to_string(), wanted);
    }
    assert!(matches!(
        parsed("NOT a IS DISTINCT FROM b"),
        Expr::UnaryOp { .. }
    ));
    assert!(matches!(
        parsed("a IS DISTINCT FROM b IS TRUE"),
        Expr::IsTrue(_)
    ));
}

#[test]
fn the_parser_takes_it_for_the_generic_dialect() {
    let dialect: &dyn Dialect = &Sql;
    assert!(dialect.is::<GenericDialect>());
    for ch in ['a', '1', '_', '"', '`', '$', '@', '#', ' ', 'é'] {
        assert_eq!(
            Sql.is_identifier_start(ch),
            GenericDialect.is_identifier_start(ch)
        );
        assert_eq!(
            Sql.is_identifier_part(ch),
            GenericDialect.is_identifier_part(ch)
        );
    }
}
