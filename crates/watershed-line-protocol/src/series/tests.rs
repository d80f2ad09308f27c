use crate::{NAME_BYTES_MAX, Parser};

/// Parses the series of a line and shows measurement and tags, or the error and its column.
fn describe(line: &str) -> String {
    let raw = Parser::new(line).next_series().unwrap();
    match raw.parse() {
        Ok(series) => {
            let tags = series
                .tags
                .iter()
                .map(|(key, value)| format!(" [{key}]=[{value}]"));
            format!("[{}]{}", series.measurement, tags.collect::<String>())
        }
        Err(error) => format!("{error} at {}", error.column()),
    }
}

#[track_caller]
fn check(line: &str, expected: &str) {
    assert_eq!(describe(line), expected, "{line:?}");
}

#[test]
fn names() {
    check("m f=1", "[m]");
    check("cpu,host=a,region=eu f=1", "[cpu] [host]=[a] [region]=[eu]");
    check(
        "wëtter,stadt=Köln,Stadt='x' f=1",
        "[wëtter] [stadt]=[Köln] [Stadt]=['x']",
    );
    check("weather=hot,a=\"b\" x=1", "[weather=hot] [a]=[\"b\"]");
    check("m,a=x=y,h,ost=c f=1", "[m] [a]=[x=y] [h,ost]=[c]");
    check("m,a=x\0y f=1", "[m] [a]=[x\0y]");
    check("m\r,a=b\rc f=1", "[m\r] [a]=[b\rc]");
}

#[test]
fn escapes() {
    check(r"a\,b\ c\\d\=e\f f=1", r"[a,b c\d\=e\f]");
    check(
        r"m,a\,b\ c\\d\=e\f=a\,b\ c\\d\=e\f f=1",
        r"[m] [a,b c\d=e\f]=[a,b c\d=e\f]",
    );
    check(
        r"m,a=C:\dir,b=two\\\ words f=1",
        r"[m] [a]=[C:\dir] [b]=[two\ words]",
    );
    check("m\\\nx,a\\\tb=\\é f=1", "[m\\\nx] [a\\\tb]=[\\é]");
}

#[test]
fn bad_measurements() {
    check(",a=x f=1", "Invalid measurement was provided at 1");
    check("a\0b f=1", "Invalid measurement was provided at 1");
}

#[test]
fn no_name_ends_in_a_backslash() {
    const ERROR: &str =
        "Measurements, tag keys and values, and field keys may not end with a backslash";
    check(r"m\\ f=1", &format!("{ERROR} at 3"));
    check(r"m\\,a=b f=1", &format!("{ERROR} at 3"));
    check(r"m,a\\=b f=1", &format!("{ERROR} at 5"));
    check(r"m,a=b\\ f=1", &format!("{ERROR} at 7"));
    check(r"m,a=b\\,c=d f=1", &format!("{ERROR} at 7"));
    check(r"m\", &format!("{ERROR} at 2"));
    check("m,a=b\\\r\n", &format!("{ERROR} at 6"));
}

#[test]
fn bad_tags() {
    check("m, f=1", "Expected tag key, got ` f=1` at 3");
    check("m,", "Expected tag key, got end of input at 3");
    check("m,=x f=1", "Expected tag key, got `=x f=1` at 3");
    check("m,a=b,\nm f=1", "Expected tag key, got end of input at 7");
    check("m,a=,b=c f=1", "Expected tag value, got `,b=c f=1` at 5");
    check("m,a= value=1i", "Expected tag value, got ` value=1i` at 5");
    check(
        "m,a= f=\"x\ny\"",
        "Expected tag value, got ` f=\"x\ny\"` at 5",
    );
    check("m,a=\r\n", "Expected tag value, got end of input at 5");
    check(
        "m,a f=1",
        "Tag set malformed: could not find equals sign in `a f=1` at 3",
    );
    check(
        "m,h ost=localhost f=1",
        "Tag set malformed: could not find equals sign in `h ost=loca...` at 3",
    );
    check(
        "m,日本語日本語日本語日本語",
        "Tag set malformed: could not find equals sign in `日本語日本語日本語日...` at 3",
    );
    check(
        "m,a=b\tc f=1",
        "Expected at least one space character, got `\tc f=1` at 6",
    );
}

#[test]
fn repeated_and_reserved_tags() {
    check(
        "m,a=x,a=x f=1",
        "the tag 'a' is specified more than once with conflicting values at 7",
    );
    check(
        "m,b=2,c=3,b=1 f=1",
        "the tag 'b' is specified more than once with conflicting values at 11",
    );
    check(
        r"m,a\ b=2,c=3,a\ b=1 f=1",
        "the tag 'a b' is specified more than once with conflicting values at 14",
    );
    check("m,b=1,a=2,Time=3 f=1", "[m] [b]=[1] [a]=[2] [Time]=[3]");
    check(
        "m,a=1,time=2 f=1",
        "input tag \"time\" on measurement \"m\" is invalid at 7",
    );
}

#[test]
fn many_tags() {
    let tags: String = (0..1000).rev().map(|i| format!(",t{i}=v")).collect();
    assert_eq!(
        Parser::new(&format!("m{tags} f=1"))
            .next_series()
            .unwrap()
            .parse()
            .unwrap()
            .tags
            .len(),
        1000
    );
    check(
        &format!("m{tags},t500=w f=1"),
        "the tag 't500' is specified more than once with conflicting values at 6893",
    );
}

#[test]
fn lengths() {
    let (fits, too_long) = ("x".repeat(NAME_BYTES_MAX), "x".repeat(NAME_BYTES_MAX + 1));
    check(
        &format!("{fits},{fits}={fits} f=1"),
        &format!("[{fits}] [{fits}]=[{fits}]"),
    );
    check(
        &format!("{too_long} f=1"),
        "String is greater than 64KB at 1",
    );
    check(
        &format!("m,{too_long}=b f=1"),
        "String is greater than 64KB at 3",
    );
    check(
        &format!("m,a={too_long} f=1"),
        "String is greater than 64KB at 5",
    );
    check(
        &format!("m,a={} f=1", r"\,".repeat(NAME_BYTES_MAX)),
        &format!("[m] [a]=[{}]", ",".repeat(NAME_BYTES_MAX)),
    );
}
