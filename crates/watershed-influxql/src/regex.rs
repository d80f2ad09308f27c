//! Regular expressions: from the syntax of RE2, which InfluxQL has, to that of the `regex` crate.
//!
//! The two look alike and differ in the corners:
//!
//! | written | RE2 | `regex` crate |
//! |---|---|---|
//! | `\d \w \s \b` | ASCII | Unicode |
//! | `\Q…\E`, `\123`, `{` and `a{,5}` as text, `[` in a class | yes | errors |
//! | `[a&&b]`, `[a--b]`, `[a~~b]`, `\<` | text, error, text, text | operators, start of a word |
//! | `a**`, `a{2}{3}`, `a{1001}`, `(?x)`, `[[:foo:]]` | errors | accepted |
//!
//! One rule is InfluxQL's own: a backslash before a character that has no special meaning is
//! dropped (`\:`, `\-`, `\y`).

use std::iter::Peekable;
use std::str::Chars;

use regex_syntax::is_meta_character;

#[cfg(test)]
mod tests;

/// Largest count in `{n,m}`, as in RE2.
const REPEAT_MAX: u32 = 1000;

/// Most classes such as `\pL` in a pattern. Each is hundreds of ranges in memory for three bytes of
/// text, and is checked before any limit of the `regex` crate.
const UNICODE_CLASSES_MAX: usize = 100;

const ASCII_CLASSES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

/// A regular expression that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid regular expression '/{pattern}/': {reason}")]
pub struct RegexError {
    pub pattern: String,
    pub reason: String,
}

/// Translates a pattern as InfluxQL has it between slashes into one for the `regex` crate that
/// matches the same texts.
///
/// The result is valid for `regex::Regex::new`, except that the expression may still be too large
/// for it. It is not anchored. Time is linear in the length of the pattern.
///
/// # Errors
/// What RE2 refuses, what it can do and the `regex` crate cannot (`\C`, any single byte), and more
/// than 100 Unicode classes.
pub fn translate_regex(pattern: &str) -> Result<String, RegexError> {
    let error = |reason: String| RegexError {
        pattern: pattern.to_owned(),
        reason,
    };
    let mut translator = Translator {
        rest: pattern.chars().peekable(),
        output: String::new(),
        repeatable: Repeatable::Nothing,
        unicode_classes: 0,
    };
    translator.translate().map_err(error)?;
    let output = translator.output;
    match regex_syntax::Parser::new().parse(&output) {
        Ok(_) => Ok(output),
        Err(regex_syntax::Error::Parse(cause)) => Err(error(cause.kind().to_string())),
        Err(regex_syntax::Error::Translate(cause)) => Err(error(cause.kind().to_string())),
        Err(cause) => Err(error(cause.to_string())),
    }
}

/// What a repetition would repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeatable {
    /// Beginning of the pattern, of a group or of an alternative.
    Nothing,
    Item,
    /// Something already repeated, which RE2 does not repeat again.
    Repeated,
}

struct Translator<'a> {
    rest: Peekable<Chars<'a>>,
    output: String,
    repeatable: Repeatable,
    unicode_classes: usize,
}

impl Translator<'_> {
    fn translate(&mut self) -> Result<(), String> {
        while let Some(c) = self.rest.next() {
            match c {
                '\\' => self.escape()?,
                '[' => self.class()?,
                '(' => self.group()?,
                '|' => self.push_raw('|', Repeatable::Nothing),
                ')' | '.' | '^' | '$' => self.push_raw(c, Repeatable::Item),
                '*' | '+' | '?' => self.repetition(&c.to_string())?,
                '{' => self.counted()?,
                _ => self.literal(c),
            }
        }
        Ok(())
    }

    fn push_raw(&mut self, c: char, repeatable: Repeatable) {
        self.output.push(c);
        self.repeatable = repeatable;
    }

    fn push_item(&mut self, item: &str) {
        self.output.push_str(item);
        self.repeatable = Repeatable::Item;
    }

    fn literal(&mut self, c: char) {
        push_literal(&mut self.output, c);
        self.repeatable = Repeatable::Item;
    }

    fn eat(&mut self, expected: char) -> bool {
        self.rest.next_if_eq(&expected).is_some()
    }

    /// `operator` and the `?` that makes it lazy.
    fn repetition(&mut self, operator: &str) -> Result<(), String> {
        match self.repeatable {
            Repeatable::Nothing => {
                return Err(format!(
                    "missing argument to repetition operator: `{operator}`"
                ));
            }
            Repeatable::Repeated => {
                return Err(format!("invalid nested repetition operator: `{operator}`"));
            }
            Repeatable::Item => {}
        }
        self.output.push_str(operator);
        if self.eat('?') {
            self.output.push('?');
        }
        self.repeatable = Repeatable::Repeated;
        Ok(())
    }

    /// Behind `{`: a count, or else the brace is text.
    fn counted(&mut self) -> Result<(), String> {
        let mut ahead = self.rest.clone();
        let Some((least, most)) = counts(&mut ahead) else {
            self.literal('{');
            return Ok(());
        };
        let operator = match most {
            Most::Same => format!("{{{least}}}"),
            Most::Unbounded => format!("{{{least},}}"),
            Most::Count(most) => format!("{{{least},{most}}}"),
        };
        let greatest = if let Most::Count(most) = most {
            most.max(least)
        } else {
            least
        };
        let ordered = !matches!(most, Most::Count(most) if most < least);
        if greatest > REPEAT_MAX || !ordered {
            return Err(format!("invalid repeat count: `{operator}`"));
        }
        self.rest = ahead;
        self.repetition(&operator)
    }

    /// Behind `(`.
    fn group(&mut self) -> Result<(), String> {
        self.push_raw('(', Repeatable::Nothing);
        if !self.eat('?') {
            return Ok(());
        }
        self.output.push('?');
        if self.eat('P') {
            self.output.push('P');
            return if self.rest.peek() == Some(&'<') {
                self.group_name()
            } else {
                Err(unsupported_group("P"))
            };
        }
        if self.rest.peek() == Some(&'<') {
            return self.group_name();
        }
        self.group_flags()
    }

    fn group_name(&mut self) -> Result<(), String> {
        let mut name = String::new();
        while let Some(c) = self.rest.next_if(|&c| c != '>') {
            name.push(c);
        }
        let is_name = name.len() > 1
            && name
                .chars()
                .skip(1)
                .all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_name || !self.eat('>') {
            return Err(format!("invalid named capture: `(?P{name}`"));
        }
        // `name` begins with `<`.
        self.output.push_str(&name);
        self.output.push('>');
        Ok(())
    }

    /// Flags of RE2 up to the `:` of a group or the `)` of a setting.
    fn group_flags(&mut self) -> Result<(), String> {
        let mut flags = String::new();
        for c in self.rest.by_ref() {
            flags.push(c);
            match c {
                'i' | 'm' | 's' | 'U' | '-' => {}
                ':' | ')' => {
                    self.output.push_str(&flags);
                    return Ok(());
                }
                _ => break,
            }
        }
        Err(unsupported_group(&flags))
    }

    /// Behind a backslash outside of a class.
    fn escape(&mut self) -> Result<(), String> {
        let Some(c) = self.rest.next() else {
            return Err("trailing backslash at end of expression: ``".to_owned());
        };
        match c {
            'Q' => self.quoted(),
            // An end without a beginning is nothing.
            'E' => {}
            'A' | 'z' => self.push_item(&format!("\\{c}")),
            'b' => self.push_item(r"(?-u:\b)"),
            'B' => self.push_item(r"(?-u:\B)"),
            'd' | 'D' | 's' | 'S' | 'w' | 'W' => {
                let class = perl_class(c);
                self.push_item(&class);
            }
            'p' | 'P' => {
                let class = self.unicode_class(c)?;
                self.push_item(&class);
            }
            'C' => return Err(r"invalid escape sequence: `\C`".to_owned()),
            _ => {
                let literal = self.escaped_char(c)?;
                self.literal(literal);
            }
        }
        Ok(())
    }

    /// Text up to `\E` or the end.
    fn quoted(&mut self) {
        while let Some(c) = self.rest.next() {
            if c == '\\' && self.eat('E') {
                return;
            }
            self.literal(c);
        }
    }

    /// The character that `\` and `c` stand for.
    fn escaped_char(&mut self, c: char) -> Result<char, String> {
        match c {
            'a' => Ok('\u{7}'),
            'f' => Ok('\u{c}'),
            'n' => Ok('\n'),
            'r' => Ok('\r'),
            't' => Ok('\t'),
            'v' => Ok('\u{b}'),
            'x' => self.hexadecimal(),
            '0' => Ok(self.octal(0)),
            '1'..='7'
                if self
                    .rest
                    .peek()
                    .is_some_and(|next| ('0'..='7').contains(next)) =>
            {
                Ok(self.octal(c.to_digit(8).unwrap_or(0)))
            }
            // References to groups are what RE2 leaves out on purpose.
            '1'..='9' => Err(format!("invalid escape sequence: `\\{c}`")),
            _ => Ok(c),
        }
    }

    /// Up to two more octal digits.
    fn octal(&mut self, first: u32) -> char {
        let mut value = first;
        for _ in 0..2 {
            let Some(digit) = self.rest.peek().and_then(|c| c.to_digit(8)) else {
                break;
            };
            self.rest.next();
            value = value * 8 + digit;
        }
        // Three octal digits are at most 511, which is a character.
        char::from_u32(value).unwrap_or('\0')
    }

    /// Behind `\x`: two digits, or any number in braces.
    fn hexadecimal(&mut self) -> Result<char, String> {
        let invalid = || r"invalid escape sequence: `\x`".to_owned();
        let mut digits = String::new();
        if self.eat('{') {
            while let Some(c) = self.rest.next_if(char::is_ascii_hexdigit) {
                digits.push(c);
            }
            if !self.eat('}') {
                return Err(invalid());
            }
        } else {
            digits.extend(self.rest.next_if(char::is_ascii_hexdigit));
            digits.extend(self.rest.next_if(char::is_ascii_hexdigit));
            if digits.len() < 2 {
                return Err(invalid());
            }
        }
        u32::from_str_radix(&digits, 16)
            .ok()
            .and_then(char::from_u32)
            .ok_or_else(invalid)
    }

    /// Behind `\p` or `\P`: one letter or a name in braces.
    fn unicode_class(&mut self, kind: char) -> Result<String, String> {
        self.unicode_classes += 1;
        if self.unicode_classes > UNICODE_CLASSES_MAX {
            return Err(format!(
                "too many Unicode classes, more than {UNICODE_CLASSES_MAX}"
            ));
        }
        let invalid = |name: &str| format!("invalid character class range: `\\{kind}{name}`");
        let Some(first) = self.rest.next() else {
            return Err(invalid(""));
        };
        if first != '{' {
            return if first.is_ascii_alphabetic() {
                Ok(format!("\\{kind}{first}"))
            } else {
                Err(invalid(&first.to_string()))
            };
        }
        let negated = self.eat('^');
        let mut name = String::new();
        while let Some(c) = self
            .rest
            .next_if(|&c| c.is_ascii_alphanumeric() || c == '_')
        {
            name.push(c);
        }
        if name.is_empty() || !self.eat('}') {
            return Err(invalid(&format!("{{{name}")));
        }
        let kind = if negated == (kind == 'p') { 'P' } else { 'p' };
        Ok(format!("\\{kind}{{{name}}}"))
    }

    /// Behind `[`.
    fn class(&mut self) -> Result<(), String> {
        self.output.push('[');
        if self.eat('^') {
            self.output.push('^');
        }
        // A closing bracket in the first place is a member.
        let mut first = true;
        loop {
            match self.rest.next() {
                None => return Err("missing closing ]".to_owned()),
                Some(']') if !first => break,
                Some('[') if self.rest.peek() == Some(&':') => self.ascii_class()?,
                Some(c) => self.class_member(c)?,
            }
            first = false;
        }
        self.push_raw(']', Repeatable::Item);
        Ok(())
    }

    /// Behind `[` inside of a class, before `:`. Without `:]` to end it, the bracket is a member.
    fn ascii_class(&mut self) -> Result<(), String> {
        let mut ahead = self.rest.clone();
        ahead.next();
        let mut name = String::new();
        // No class has a longer name than `^xdigit`; longer ones need not be looked at to the end.
        while name.len() <= 8 {
            match ahead.next() {
                Some(':') if ahead.peek() == Some(&']') => {
                    ahead.next();
                    return self.named_class(&name, ahead);
                }
                Some(c) => name.push(c),
                None => break,
            }
        }
        self.class_member('[')
    }
}

impl<'a> Translator<'a> {
    fn named_class(&mut self, name: &str, behind: Peekable<Chars<'a>>) -> Result<(), String> {
        if !ASCII_CLASSES.contains(&name.trim_start_matches('^')) {
            return Err(format!("invalid character class range: `[:{name}:]`"));
        }
        self.rest = behind;
        self.output.push_str(&format!("[:{name}:]"));
        Ok(())
    }

    /// A character, a range or an escape that begins with `c`.
    fn class_member(&mut self, c: char) -> Result<(), String> {
        if c == '\\' {
            match self.rest.peek() {
                Some(&kind @ ('d' | 'D' | 's' | 'S' | 'w' | 'W')) => {
                    self.rest.next();
                    self.output.push_str(&perl_class(kind));
                    return Ok(());
                }
                Some(&kind @ ('p' | 'P')) => {
                    self.rest.next();
                    let class = self.unicode_class(kind)?;
                    self.output.push_str(&class);
                    return Ok(());
                }
                _ => {}
            }
        }
        let low = self.class_char(c)?;
        push_literal(&mut self.output, low);
        self.range_end(low)
    }

    /// `-` and the upper end of a range, if they follow.
    fn range_end(&mut self, low: char) -> Result<(), String> {
        let mut ahead = self.rest.clone();
        if ahead.next() != Some('-') || matches!(ahead.peek(), None | Some(']')) {
            return Ok(());
        }
        self.rest = ahead;
        let Some(c) = self.rest.next() else {
            return Ok(());
        };
        let high = self.class_char(c)?;
        if high < low {
            return Err(format!("invalid character class range: `{low}-{high}`"));
        }
        self.output.push('-');
        push_literal(&mut self.output, high);
        Ok(())
    }

    /// The single character that `c`, and what follows if it is a backslash, stands for.
    fn class_char(&mut self, c: char) -> Result<char, String> {
        if c != '\\' {
            return Ok(c);
        }
        match self.rest.next() {
            None => Err("missing closing ]".to_owned()),
            Some(kind @ ('d' | 'D' | 's' | 'S' | 'w' | 'W' | 'p' | 'P' | 'C')) => {
                Err(format!("invalid character class range: `\\{kind}`"))
            }
            Some(escaped) => self.escaped_char(escaped),
        }
    }
}

fn push_literal(output: &mut String, c: char) {
    if is_meta_character(c) {
        output.push('\\');
    }
    output.push(c);
}

/// The ASCII class that `\d` and the like are in RE2. `\s` has no vertical tab.
fn perl_class(kind: char) -> String {
    let members = match kind.to_ascii_lowercase() {
        'd' => "0-9",
        's' => r"\t\n\f\r ",
        _ => "0-9A-Za-z_",
    };
    let not = if kind.is_ascii_uppercase() { "^" } else { "" };
    format!("[{not}{members}]")
}

fn unsupported_group(syntax: &str) -> String {
    format!("invalid or unsupported Perl syntax: `(?{syntax}`")
}

/// The upper count of `{n}`, `{n,}` and `{n,m}`.
#[derive(Debug, Clone, Copy)]
enum Most {
    Same,
    Unbounded,
    Count(u32),
}

/// `n}`, `n,}` or `n,m}`.
fn counts(rest: &mut Peekable<Chars<'_>>) -> Option<(u32, Most)> {
    let least = count(rest)?;
    if rest.next_if_eq(&'}').is_some() {
        return Some((least, Most::Same));
    }
    rest.next_if_eq(&',')?;
    if rest.next_if_eq(&'}').is_some() {
        return Some((least, Most::Unbounded));
    }
    let most = count(rest)?;
    rest.next_if_eq(&'}').map(|_| (least, Most::Count(most)))
}

/// A decimal number without a leading zero, at most a little above [`REPEAT_MAX`].
fn count(rest: &mut Peekable<Chars<'_>>) -> Option<u32> {
    let mut digits = 0;
    let mut value: u32 = 0;
    let starts_with_zero = rest.peek() == Some(&'0');
    while let Some(digit) = rest.peek().and_then(|c| c.to_digit(10)) {
        rest.next();
        digits += 1;
        value = value
            .saturating_mul(10)
            .saturating_add(digit)
            .min(REPEAT_MAX + 1);
    }
    let is_number = digits == 1 || (digits > 1 && !starts_with_zero);
    is_number.then_some(value)
}
