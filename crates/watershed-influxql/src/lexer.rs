//! Text to tokens.
//!
//! There is no stream of tokens: the parser asks for the token at a place and says whether an
//! operand or an operator is due, because `/` begins a regular expression in the one case and
//! divides in the other.

use crate::duration::unit_at;
use crate::identifier::{continues_word, is_keyword, starts_word};
use crate::{ParseError, work};

#[cfg(test)]
mod tests;

/// What may come next, as far as it changes what the characters mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// `/` begins a regular expression, `.` may begin a number.
    Operand,
    /// `/` and `.` stand for themselves.
    Operator,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token<'a> {
    /// A reserved word, as written.
    Keyword(&'a str),
    /// Any other word without quotes.
    Word(&'a str),
    /// A name in double quotes, without them.
    Quoted(String),
    /// Without its quotes.
    String(String),
    Integer(u64),
    Float(f64),
    /// Nanoseconds.
    Duration(u64),
    /// Without its slashes.
    Regex(String),
    /// Without `$`.
    Parameter(String),
    Symbol(&'static str),
    /// A character that begins no token.
    Stray,
    End,
}

/// A token and the bytes it takes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spanned<'a> {
    pub(crate) token: Token<'a>,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Longest first where one begins with another.
const SYMBOLS: [&str; 25] = [
    "::", "=~", "!~", "!=", "<>", "<=", ">=", "=", "<", ">", "+", "-", "*", "/", "%", "&", "|",
    "^", "(", ")", ",", ";", ".", ":", "!",
];

/// Reads the first token of `text` at or behind byte `from`, blanks and comments skipped.
///
/// # Errors
/// A comment, string or regular expression without end, an escape that does not exist, a number out
/// of range.
pub(crate) fn token_at(text: &str, from: usize, due: Due) -> Result<Spanned<'_>, ParseError> {
    let start = skip_blanks(text, from)?;
    let (token, end) = Scanner { text, start }.scan(due)?;
    work::note(end - from + 1);
    Ok(Spanned { token, start, end })
}

fn skip_blanks(text: &str, from: usize) -> Result<usize, ParseError> {
    let mut at = from;
    loop {
        let rest = &text[at..];
        if rest.starts_with([' ', '\t', '\r', '\n']) {
            at += 1;
        } else if rest.starts_with("--") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if let Some(comment) = rest.strip_prefix("/*") {
            let Some(length) = comment.find("*/") else {
                return Err(ParseError::invalid(
                    text,
                    at,
                    "invalid inline comment, missing closing */",
                ));
            };
            at += length + 4;
        } else {
            return Ok(at);
        }
    }
}

struct Scanner<'a> {
    text: &'a str,
    start: usize,
}

impl<'a> Scanner<'a> {
    fn scan(&self, due: Due) -> Result<(Token<'a>, usize), ParseError> {
        let bytes = self.text.as_bytes();
        let Some(&first) = bytes.get(self.start) else {
            return Ok((Token::End, self.start));
        };
        match first {
            b'"' => self
                .quoted(self.start)
                .map(|(name, end)| (Token::Quoted(name), end)),
            b'\'' => self.string(),
            b'$' => self.parameter(),
            b'/' if due == Due::Operand => self.regex(),
            b'.' if due == Due::Operand && self.byte(self.start + 1).is_ascii_digit() => {
                self.float(self.start)
            }
            b'0'..=b'9' => self.number(),
            _ if starts_word(first) => Ok(self.word()),
            _ => Ok(self.symbol()),
        }
    }

    /// The byte at `at`, or zero behind the end.
    fn byte(&self, at: usize) -> u8 {
        self.text.as_bytes().get(at).copied().unwrap_or(0)
    }

    fn invalid(&self, at: usize, message: &str) -> ParseError {
        ParseError::invalid(self.text, at, message)
    }

    /// First byte at or behind `from` for which `test` does not hold.
    fn end_of(&self, from: usize, test: impl Fn(u8) -> bool) -> usize {
        let rest = &self.text.as_bytes()[from..];
        from + rest
            .iter()
            .position(|&byte| !test(byte))
            .unwrap_or(rest.len())
    }

    fn word(&self) -> (Token<'a>, usize) {
        let end = self.end_of(self.start, continues_word);
        let word = &self.text[self.start..end];
        // `name.x` and `key::tag` are columns: a keyword is never followed by a dot or a colon.
        let is_name = matches!(self.byte(end), b'.' | b':');
        if !is_name && is_keyword(word) {
            (Token::Keyword(word), end)
        } else {
            (Token::Word(word), end)
        }
    }

    fn symbol(&self) -> (Token<'a>, usize) {
        let rest = &self.text[self.start..];
        if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            return (Token::Symbol(symbol), self.start + symbol.len());
        }
        let length = rest.chars().next().map_or(0, char::len_utf8);
        (Token::Stray, self.start + length)
    }

    /// A name in double quotes, the first of which is at `open`.
    fn quoted(&self, open: usize) -> Result<(String, usize), ParseError> {
        self.delimited(
            open,
            '"',
            "unterminated identifier",
            r#"invalid escape sequence, expected \\, \" or \n"#,
        )
    }

    fn string(&self) -> Result<(Token<'a>, usize), ParseError> {
        let escapes = r"invalid escape sequence, expected \\, \' or \n";
        let (string, end) =
            self.delimited(self.start, '\'', "unterminated string literal", escapes)?;
        Ok((Token::String(string), end))
    }

    fn delimited(
        &self,
        open: usize,
        delimiter: char,
        unterminated: &str,
        bad_escape: &str,
    ) -> Result<(String, usize), ParseError> {
        let inside = open + 1;
        let mut content = String::new();
        let mut chars = self.text[inside..].char_indices();
        while let Some((index, c)) = chars.next() {
            match c {
                '\n' => break,
                '\\' => match chars.next() {
                    Some((_, 'n')) => content.push('\n'),
                    Some((_, escaped)) if escaped == delimiter || escaped == '\\' => {
                        content.push(escaped)
                    }
                    Some(_) => return Err(self.invalid(inside + index, bad_escape)),
                    None => break,
                },
                _ if c == delimiter => return Ok((content, inside + index + 1)),
                _ => content.push(c),
            }
        }
        Err(self.invalid(open, unterminated))
    }

    fn parameter(&self) -> Result<(Token<'a>, usize), ParseError> {
        let name_start = self.start + 1;
        if self.byte(name_start) == b'"' {
            let (name, end) = self.quoted(name_start)?;
            return Ok((Token::Parameter(name), end));
        }
        let end = self.end_of(name_start, continues_word);
        if end == name_start {
            return Err(self.invalid(
                self.start,
                "invalid bind parameter, expected a name after $",
            ));
        }
        Ok((Token::Parameter(self.text[name_start..end].to_owned()), end))
    }

    fn regex(&self) -> Result<(Token<'a>, usize), ParseError> {
        let inside = self.start + 1;
        let mut pattern = String::new();
        let mut chars = self.text[inside..].char_indices();
        while let Some((index, c)) = chars.next() {
            match c {
                '/' => return Ok((Token::Regex(pattern), inside + index + 1)),
                '\n' => break,
                '\\' => match chars.next() {
                    Some((_, '/')) => pattern.push('/'),
                    // A pair, so that the slash in `/a\\/` ends the expression.
                    Some((_, escaped)) if escaped != '\n' => pattern.extend(['\\', escaped]),
                    _ => break,
                },
                _ => pattern.push(c),
            }
        }
        Err(self.invalid(
            self.start,
            "unterminated regular expression, missing closing /",
        ))
    }

    /// A float, else a duration, else an integer.
    fn number(&self) -> Result<(Token<'a>, usize), ParseError> {
        let end = self.end_of(self.start, |byte| byte.is_ascii_digit());
        if self.byte(end) == b'.' && self.byte(end + 1).is_ascii_digit() {
            return self.float(end);
        }
        if unit_at(&self.text[end..]).is_some() {
            return self.duration();
        }
        Ok((Token::Integer(self.integer(self.start, end)?), end))
    }

    fn integer(&self, start: usize, end: usize) -> Result<u64, ParseError> {
        self.text[start..end]
            .parse()
            .map_err(|_| self.invalid(start, "integer out of range"))
    }

    /// A number with its decimal point at `point`.
    fn float(&self, point: usize) -> Result<(Token<'a>, usize), ParseError> {
        let end = self.end_of(point + 1, |byte| byte.is_ascii_digit());
        match self.text[self.start..end].parse::<f64>() {
            Ok(value) if value.is_finite() => Ok((Token::Float(value), end)),
            _ => Err(self.invalid(self.start, "number out of range")),
        }
    }

    /// One or more numbers with units, run together.
    fn duration(&self) -> Result<(Token<'a>, usize), ParseError> {
        let mut total: u64 = 0;
        let mut at = self.start;
        loop {
            let digits_end = self.end_of(at, |byte| byte.is_ascii_digit());
            let unit = if digits_end > at {
                unit_at(&self.text[digits_end..])
            } else {
                None
            };
            let Some((unit, nanoseconds)) = unit else {
                return Ok((Token::Duration(total), at));
            };
            let count = self.integer(at, digits_end)?;
            let sum = count
                .checked_mul(nanoseconds)
                .and_then(|part| total.checked_add(part));
            let Some(sum) = sum else {
                return Err(self.invalid(self.start, "duration out of range"));
            };
            total = sum;
            at = digits_end + unit.len();
        }
    }
}
