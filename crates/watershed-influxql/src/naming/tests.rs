use super::{column_name, unique_names};
use crate::{Statement, parse_expr, parse_statements};

#[test]
fn names_of_expressions() {
    for (text, name) in [
        ("v", "v"),
        ("v + 1", "v"),
        ("Mean(v)", "mean"),
        ("mean(a) / count(a)", "mean_count"),
        ("a * b", "a_b"),
        ("2 * (a + f(b)) - c::float", "a_f_c"),
        ("derivative(mean(v), 1s)", "derivative"),
        ("-a", "a"),
        ("a.b", "a.b"),
        ("1 + 2", ""),
        ("*", ""),
    ] {
        assert_eq!(
            column_name(&parse_expr(text).expect("expression")),
            name,
            "{text}"
        );
    }
}

#[test]
fn an_alias_wins() {
    let statements = parse_statements("SELECT a + b AS c, d FROM m").expect("statement");
    let [Statement::Select(select)] = statements.as_slice() else {
        panic!("one SELECT")
    };
    let names: Vec<String> = select.fields.iter().map(|field| field.name()).collect();
    assert_eq!(names, ["c", "d"]);
}

#[test]
fn repeated_names_get_the_first_free_suffix() {
    let unique = |names: &[&str]| unique_names(names.iter().map(|name| name.to_string()).collect());
    assert_eq!(unique(&["a", "b", "a", "a"]), ["a", "b", "a_1", "a_2"]);
    assert_eq!(unique(&["x", "x_1", "x"]), ["x", "x_1", "x_2"]);
    assert_eq!(unique(&["a", "a", "a_1"]), ["a", "a_1", "a_1_1"]);
}

#[test]
fn a_name_repeated_very_often_takes_no_longer() {
    // Trying every suffix from the first on would be five billion attempts.
    let names = unique_names(vec!["a".to_owned(); 100_000]);
    assert_eq!(names.last().map(String::as_str), Some("a_99999"));
}
