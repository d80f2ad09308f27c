//! What a client likes to get, by its `Accept` header.

use http::HeaderMap;
use http::header::ACCEPT;

/// The format the client likes best among those that `format_of` knows by the name of a media type, which is
/// in lower case; of several that it likes alike, the first. `None` when it names no such format.
pub(super) fn best<T>(headers: &HeaderMap, format_of: impl Fn(&str) -> Option<T>) -> Option<T> {
    let lists = headers.get_all(ACCEPT).iter();
    let items = lists.filter_map(|list| list.to_str().ok());
    let mut best: Option<(T, f32)> = None;
    for item in items.flat_map(|list| list.split(',')) {
        let mut parts = item.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
        let Some(format) = format_of(&media_type) else {
            continue;
        };
        let weight = parts
            .find_map(|part| part.strip_prefix("q=")?.parse().ok())
            .unwrap_or(1.0);
        if weight > 0.0 && best.as_ref().is_none_or(|(_, known)| weight > *known) {
            best = Some((format, weight));
        }
    }
    best.map(|(format, _)| format)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[track_caller]
    fn check(lists: &[&'static str], expected: Option<char>) {
        let mut headers = HeaderMap::new();
        for list in lists {
            headers.append(ACCEPT, HeaderValue::from_static(list));
        }
        let best = best(&headers, |name| match name {
            "text/csv" => Some('c'),
            "application/json" | "*/*" => Some('j'),
            _ => None,
        });
        assert_eq!(best, expected, "{lists:?}");
    }

    #[test]
    fn the_format_with_the_highest_weight_is_chosen_and_else_the_first() {
        check(&[], None);
        check(&[""], None);
        check(&["text/html"], None);
        check(&["text/html, text/csv"], Some('c'));
        check(&["Text/CSV; charset=utf-8"], Some('c'));
        check(&["application/json, text/csv"], Some('j'));
        check(&["application/json;q=0.5, text/csv"], Some('c'));
        check(&["text/csv;header=present;q=0.8,*/*;q=0.1"], Some('c'));
        check(&["text/csv;q=0"], None);
        check(&["text/html", "*/*;q=0.2"], Some('j'));
    }
}
