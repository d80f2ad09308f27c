//! Where things end: escapes and line ends.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

/// The index of the first space or newline at or after `at` that no backslash escapes, or the end
/// of the text.
///
/// A backslash escapes whatever follows, so a byte is escaped when an odd number of backslashes
/// stands before it.
pub(crate) fn series_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(offset) = memchr2(b' ', b'\n', &bytes[at..]) {
        let found = at + offset;
        let backslashes = bytes[start..found]
            .iter()
            .rev()
            .take_while(|&&b| b == b'\\')
            .count();
        if backslashes % 2 == 0 {
            return found;
        }
        at = found + 1;
    }
    bytes.len()
}

/// The index of the newline that ends the line which starts at `start`, or the end of the text.
///
/// The line may be bad in any way; this decides how much of the body goes down with it. The rule is
/// that of the Go parser: quotes count after the first unescaped space, while more `=` than `,`
/// have been seen there. For a good line the parser arrives at the same place by itself.
pub(crate) fn line_end(bytes: &[u8], start: usize) -> usize {
    let (mut in_fields, mut quoted) = (false, false);
    let (mut equals, mut commas) = (0_usize, 0_usize);
    let mut at = start;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 1,
            b'\n' if !quoted => return at,
            b' ' => in_fields = true,
            b'=' if in_fields && !quoted => equals += 1,
            b',' if in_fields && !quoted => commas += 1,
            b'"' if in_fields && equals > commas => quoted = !quoted,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// Where the content before `end` ends: one carriage return before a newline belongs to the line
/// end.
#[inline]
pub(crate) fn content_end(bytes: &[u8], start: usize, end: usize) -> usize {
    let ends_in_cr = bytes.get(end) == Some(&b'\n') && end > start && bytes[end - 1] == b'\r';
    end - usize::from(ends_in_cr)
}

/// Whether a line can end at `at`: at the end of the text, at a newline, or at a carriage return
/// before one.
#[inline]
pub(crate) fn is_line_end(bytes: &[u8], at: usize) -> bool {
    match bytes.get(at) {
        None | Some(b'\n') => true,
        Some(b'\r') => bytes.get(at + 1) == Some(&b'\n'),
        Some(_) => false,
    }
}

/// For each byte whether the search for the end of a name has to look at it.
pub(crate) struct Stops([bool; 256]);

impl Stops {
    /// Blanks, newlines and backslashes, and those in `others`.
    pub(crate) const fn new(others: &[u8]) -> Self {
        let mut stops = [false; 256];
        stops[b' ' as usize] = true;
        stops[b'\t' as usize] = true;
        stops[b'\n' as usize] = true;
        stops[b'\\' as usize] = true;
        let mut index = 0;
        while index < others.len() {
            stops[others[index] as usize] = true;
            index += 1;
        }
        Self(stops)
    }
}

/// The index of the first byte at or after `at` that ends a name: one of `stops` that no backslash
/// escapes. At most `bytes.len()`.
pub(crate) fn name_end(bytes: &[u8], mut at: usize, stops: &Stops) -> usize {
    while let Some(&byte) = bytes.get(at) {
        if stops.0[usize::from(byte)] {
            if byte != b'\\' {
                return at;
            }
            at += 1;
        }
        at += 1;
    }
    bytes.len()
}

/// Takes away each backslash that stands before one of the ASCII characters in `special`. Any other
/// backslash stays. Copies only when there is a backslash.
pub(crate) fn unescape<'a>(raw: &'a str, special: &[u8]) -> Cow<'a, str> {
    if memchr(b'\\', raw.as_bytes()).is_none() {
        return Cow::Borrowed(raw);
    }
    let mut text = String::with_capacity(raw.len());
    unescape_into(raw, special, &mut text);
    Cow::Owned(text)
}

/// As [`unescape`], appended to `text`.
pub(crate) fn unescape_into(raw: &str, special: &[u8], text: &mut String) {
    let mut rest = raw;
    while let Some(at) = memchr(b'\\', rest.as_bytes()) {
        let is_escape = rest
            .as_bytes()
            .get(at + 1)
            .is_some_and(|next| special.contains(next));
        // Behind a backslash that escapes, the next character is taken as it is, a backslash too.
        let kept = if is_escape { at } else { at + 1 };
        text.push_str(&rest[..kept]);
        let next = rest[at + 1..].chars().next();
        text.extend(next);
        rest = &rest[at + 1 + next.map_or(0, char::len_utf8)..];
    }
    text.push_str(rest);
}

#[cfg(test)]
mod tests;
