use crate::{BinaryOp, Expr, Regex, Statement, UnsupportedStatement};

#[test]
fn parentheses_only_where_needed() {
    let var = Expr::var;
    let sum = Expr::binary(BinaryOp::Add, var("a"), var("b"));
    let product = Expr::binary(BinaryOp::Mul, sum.clone(), var("c"));
    assert_eq!(product.to_string(), "(a + b) * c");
    assert_eq!(
        Expr::binary(BinaryOp::Sub, sum.clone(), sum.clone()).to_string(),
        "a + b - (a + b)"
    );
    let either = Expr::binary(BinaryOp::Or, var("x"), var("y"));
    assert_eq!(
        Expr::binary(BinaryOp::And, either.clone(), var("z")).to_string(),
        "(x OR y) AND z"
    );
    assert_eq!(
        Expr::binary(BinaryOp::Or, var("z"), either).to_string(),
        "z OR x OR y"
    );
}

#[test]
fn floats_have_a_point_and_no_exponent() {
    assert_eq!(Expr::Float(1.0).to_string(), "1.0");
    assert_eq!(Expr::Float(-0.5).to_string(), "-0.5");
    assert_eq!(Expr::Float(1e21).to_string(), "1000000000000000000000.0");
    assert_eq!(Expr::Float(1e-7).to_string(), "0.0000001");
}

#[test]
fn names_are_quoted_where_they_must() {
    assert_eq!(Expr::var("cpu_1").to_string(), "cpu_1");
    assert_eq!(Expr::var("a.b").to_string(), r#""a.b""#);
    assert_eq!(Expr::var("Key").to_string(), r#""Key""#);
    assert_eq!(Expr::var("true").to_string(), r#""true""#);
    assert_eq!(Expr::var("").to_string(), r#""""#);
}

#[test]
fn slashes_in_regexes_are_escaped() {
    assert_eq!(Expr::Regex(Regex("a/b".to_owned())).to_string(), r"/a\/b/");
}

#[test]
fn what_is_known_by_name_prints_as_its_name() {
    assert_eq!(
        Statement::Unsupported(UnsupportedStatement::CreateUser).to_string(),
        "CREATE USER"
    );
}
