use super::{line_end, series_end, unescape};

#[test]
fn series_ends_at_the_first_unescaped_space_or_newline() {
    for (text, end) in [
        ("m f", 1),
        ("m\nx f", 1),
        ("m", 1),
        ("", 0),
        (r"m\ x f", 4),
        (r"m\\ x", 3),
        (r"m\\\ x", 6),
    ] {
        assert_eq!(series_end(text.as_bytes(), 0), end, "{text}");
    }
    // Backslashes before the start belong to something else.
    assert_eq!(series_end(b"\\ x", 1), 1);
}

#[test]
fn line_ends_at_the_first_newline_outside_of_values() {
    for (text, end) in [
        ("m f=1\nm", 5),
        ("m f=1", 5),
        ("m f=\"\n\"\nm", 7),
        ("m f=\"\\\"\n\"\nm", 9),
        ("m,a=\"\nm", 5),
        ("m \"\nm", 3),
        ("m f=1,\"\nm", 7),
        ("m\\\nx\nm", 4),
        ("m f=1\"\nm f=\"\nm", 12),
        ("m f=\"", 5),
        ("m\\", 2),
    ] {
        assert_eq!(line_end(text.as_bytes(), 0), end, "{text:?}");
    }
}

#[test]
fn only_what_needs_a_backslash_loses_it() {
    for (raw, text) in [
        ("a", "a"),
        (r"\,", ","),
        (r"\\", r"\"),
        (r"\\,", r"\,"),
        (r"\n\é", r"\n\é"),
        (r"a\", r"a\"),
        ("", ""),
    ] {
        assert_eq!(unescape(raw, b",\\"), text, "{raw}");
    }
}
