use crate::parse_points;

/// Parses a body and prints its points again, and its errors.
fn describe(body: &str) -> String {
    let lines = parse_points(body).map(|result| match result {
        Ok(point) => point.to_line().unwrap(),
        Err(error) => error.to_string(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn check(body: &str, expected: &str) {
    assert_eq!(describe(body), expected, "{body:?}");
}

#[test]
fn points() {
    check("", "");
    check(
        "m,b=1,a=2  f=1,g=\"x\" 10\n\n#\nm f=t",
        "m,b=1,a=2 f=1.0,g=\"x\" 10\nm f=true",
    );
}

#[test]
fn the_last_value_of_a_repeated_field_counts() {
    check("m f=1,g=2,f=3", "m f=3.0,g=2.0");
    check(r#"m f\o="a",f\o="b""#, r#"m f\\o="b""#);
    check("m f=1,F=2", "m f=1.0,F=2.0");
}

#[test]
fn a_repeated_field_keeps_its_type() {
    const ERROR: &str = "error parsing line 1 (1-based): the field 'f' is specified more than once with conflicting types";
    check("m f=1,f=2i", ERROR);
    check("m f=1u,g=1,f=1i", ERROR);
    // A parse error comes first.
    check(
        "m f=1,f=2i x",
        "error parsing line 1 (1-based): Could not parse entire line. Found trailing content: ` x`",
    );
}

#[test]
fn a_field_is_not_named_like_a_tag() {
    check(
        "m,a=x f=1,a=1u",
        "error writing line 1 (1-based): Unable to insert iox::column_type::field::uinteger type into column a with type iox::column_type::tag",
    );
    check(
        r"m,a\=b=x a\=b=1,c=2",
        "error writing line 1 (1-based): Unable to insert iox::column_type::field::float type into column a=b with type iox::column_type::tag",
    );
}

#[test]
fn fields_named_time() {
    check("m time=1,f=2 5", "m f=2.0 5");
    check("m f=2,time=1,time=\"x\" 5", "m f=2.0 5");
    check("m Time=1", "m Time=1.0");
    let error = "invalid field name: input field \"time\" on measurement \"m x\" is invalid";
    check(
        r"m\ x time=1i 5",
        &format!("error parsing line 1 (1-based): {error}"),
    );
}

#[test]
fn bad_lines_are_numbered_as_in_an_editor_and_affect_no_others() {
    check(
        "# comment\n\nm f=1 1\nm,a= f=1\nm f=\"a\nb\" 2\nm,t=1,t=2 f=1\nm f=3 3 x\r\nm f=4 4\n  m",
        "m f=1.0 1\n\
         error parsing line 4 (1-based): Expected tag value, got ` f=1`\n\
         m f=\"a\nb\" 2\n\
         error parsing line 7 (1-based): the tag 't' is specified more than once with conflicting values\n\
         error parsing line 8 (1-based): Could not parse entire line. Found trailing content: `x`\n\
         m f=4.0 4\n\
         error parsing line 10 (1-based): Expected at least one space character, got end of input",
    );
}
