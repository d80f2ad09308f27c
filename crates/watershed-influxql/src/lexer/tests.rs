use super::{Due, Token, token_at};

/// All tokens of `text`, each where an operand is due.
#[track_caller]
fn check(text: &str, expected: &[Token<'_>]) {
    let mut tokens = Vec::new();
    let mut at = 0;
    loop {
        let spanned = token_at(text, at, Due::Operand).expect("tokens");
        at = spanned.end;
        if spanned.token == Token::End {
            break;
        }
        tokens.push(spanned.token);
    }
    assert_eq!(tokens, expected);
}

#[track_caller]
fn check_error(text: &str, expected: &str) {
    let error = token_at(text, 0, Due::Operand).expect_err("no token");
    assert_eq!(error.to_string(), expected);
}

#[test]
fn numbers_durations_and_what_only_begins_like_them() {
    check(
        "1 1.5 .5 1h 1h30m 15s500ms",
        &[
            Token::Integer(1),
            Token::Float(1.5),
            Token::Float(0.5),
            Token::Duration(3_600_000_000_000),
            Token::Duration(5_400_000_000_000),
            Token::Duration(15_500_000_000),
        ],
    );
    check(
        "1ns 1u 1µ 1ms 1m",
        &[
            Token::Duration(1),
            Token::Duration(1_000),
            Token::Duration(1_000),
            Token::Duration(1_000_000),
            Token::Duration(60_000_000_000),
        ],
    );
    check(
        "5. 5x 1e3 1m5",
        &[
            Token::Integer(5),
            Token::Symbol("."),
            Token::Integer(5),
            Token::Word("x"),
            Token::Integer(1),
            Token::Word("e3"),
            Token::Duration(60_000_000_000),
            Token::Integer(5),
        ],
    );
}

#[test]
fn keywords_end_at_anything_but_a_dot_or_a_colon() {
    check(
        "from FROM) from.x from::tag",
        &[
            Token::Keyword("from"),
            Token::Keyword("FROM"),
            Token::Symbol(")"),
            Token::Word("from"),
            Token::Symbol("."),
            Token::Word("x"),
            Token::Word("from"),
            Token::Symbol("::"),
            Token::Keyword("tag"),
        ],
    );
}

#[test]
fn strings_names_and_parameters() {
    check(
        r#"'a\'b\\c\n' "d\"e" $f $"g h" $1"#,
        &[
            Token::String("a'b\\c\n".to_owned()),
            Token::Quoted("d\"e".to_owned()),
            Token::Parameter("f".to_owned()),
            Token::Parameter("g h".to_owned()),
            Token::Parameter("1".to_owned()),
        ],
    );
    check_error("'abc", "unterminated string literal at line 1, char 1");
    check_error("'abc\n'", "unterminated string literal at line 1, char 1");
    check_error("\"abc", "unterminated identifier at line 1, char 1");
    check_error(
        r"'a\b'",
        r"invalid escape sequence, expected \\, \' or \n at line 1, char 3",
    );
    check_error(
        r#""a\b""#,
        r#"invalid escape sequence, expected \\, \" or \n at line 1, char 3"#,
    );
    check_error(
        "$ x",
        "invalid bind parameter, expected a name after $ at line 1, char 1",
    );
}

#[test]
fn comments() {
    check(
        "a--b\nc/**/d/* e\n*/f--",
        &[
            Token::Word("a"),
            Token::Word("c"),
            Token::Word("d"),
            Token::Word("f"),
        ],
    );
    check_error(
        "/* a",
        "invalid inline comment, missing closing */ at line 1, char 1",
    );
    check_error(
        "/*/",
        "invalid inline comment, missing closing */ at line 1, char 1",
    );
}

#[test]
fn a_slash_is_a_regex_where_an_operand_is_due() {
    let token = |due| token_at(r"/a\/b\\/ x", 0, due).expect("token").token;
    assert_eq!(token(Due::Operand), Token::Regex(r"a/b\\".to_owned()));
    assert_eq!(token(Due::Operator), Token::Symbol("/"));
}

#[test]
fn symbols_are_as_long_as_possible() {
    check(
        "<= <> < != !~ =~ :: : ~",
        &[
            Token::Symbol("<="),
            Token::Symbol("<>"),
            Token::Symbol("<"),
            Token::Symbol("!="),
            Token::Symbol("!~"),
            Token::Symbol("=~"),
            Token::Symbol("::"),
            Token::Symbol(":"),
            Token::Stray,
        ],
    );
}
