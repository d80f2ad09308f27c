//! The grammar once more, character by character and without any thought of speed: what the parser
//! is compared with.
//!
//! It works in another order, too: the body is cut into lines first, and then each line is read by
//! itself.

use watershed_line_protocol::{FieldValue, NAME_BYTES_MAX, Point};

/// For each line with content: its number, and the point or the error text.
pub(crate) fn parse(body: &str) -> Vec<(usize, Result<Point, String>)> {
    let lines = split(body.strip_prefix('\u{FEFF}').unwrap_or(body));
    lines
        .into_iter()
        .map(|(number, text)| (number, Line::new(&text).point()))
        .collect()
}

/// The lines with content, with their numbers and without their line ends.
fn split(body: &str) -> Vec<(usize, String)> {
    let characters: Vec<char> = body.chars().collect();
    let mut lines = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        let rest = &characters[at..];
        if [' ', '\t', '\n'].contains(&rest[0]) {
            at += 1;
        } else if rest.starts_with(&['\r', '\n']) {
            at += 2;
        } else if rest[0] == '#' {
            at += rest.iter().position(|&c| c == '\n').unwrap_or(rest.len());
        } else {
            let number = 1 + characters[..at].iter().filter(|&&c| c == '\n').count();
            let len = line_len(rest);
            let mut text: String = rest[..len].iter().collect();
            if len < rest.len() && text.ends_with('\r') {
                text.pop();
            }
            lines.push((number, text));
            at += len + 1;
        }
    }
    lines
}

/// The number of characters before the newline that ends the line.
fn line_len(text: &[char]) -> usize {
    let mut escaped = false;
    let mut fields = false;
    let mut quoted = false;
    let (mut equals, mut commas) = (0, 0);
    for (index, &character) in text.iter().enumerate() {
        if escaped {
            escaped = false;
        } else if character == '\\' {
            escaped = true;
        } else if character == '\n' && !quoted {
            return index;
        } else if character == ' ' {
            fields = true;
        } else if fields && character == '"' && equals > commas {
            quoted = !quoted;
        } else if fields && !quoted && character == '=' {
            equals += 1;
        } else if fields && !quoted && character == ',' {
            commas += 1;
        }
    }
    text.len()
}

struct Line {
    characters: Vec<char>,
    at: usize,
}

impl Line {
    fn new(text: &str) -> Self {
        Self {
            characters: text.chars().collect(),
            at: 0,
        }
    }

    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    fn eat(&mut self, character: char) -> bool {
        let found = self.peek() == Some(character);
        self.at += usize::from(found);
        found
    }

    fn eat_all(&mut self, character: char) -> usize {
        let start = self.at;
        while self.eat(character) {}
        self.at - start
    }

    fn digits(&mut self) -> String {
        let mut digits = String::new();
        while let Some(digit) = self.peek().filter(char::is_ascii_digit) {
            digits.push(digit);
            self.at += 1;
        }
        digits
    }

    /// The first ten characters from `at` on.
    fn excerpt(&self, at: usize) -> String {
        let rest = &self.characters[at..];
        match rest.len() {
            0 => "end of input".to_owned(),
            1..=10 => format!("`{}`", rest.iter().collect::<String>()),
            _ => format!("`{}...`", rest[..10].iter().collect::<String>()),
        }
    }

    fn trailing<T>(&self, at: usize) -> Result<T, String> {
        Err(format!(
            "Could not parse entire line. Found trailing content: {}",
            self.excerpt(at)
        ))
    }

    fn point(mut self) -> Result<Point, String> {
        let measurement = self.name(",", ", \\")?;
        if measurement.is_empty() || measurement.contains('\0') {
            return Err("Invalid measurement was provided".to_owned());
        }
        let tags = self.tags(&measurement)?;
        if self.eat_all(' ') == 0 {
            return Err(format!(
                "Expected at least one space character, got {}",
                self.excerpt(self.at)
            ));
        }
        let mut fields = Vec::new();
        loop {
            let start = self.at;
            match self.field() {
                Ok(field) => fields.push(field),
                Err(Some(error)) => return Err(error),
                Err(None) if fields.is_empty() => return Err("No fields were provided".to_owned()),
                Err(None) if start == self.characters.len() => return self.trailing(start - 1),
                Err(None) => return self.trailing(start),
            }
            if ![None, Some(','), Some(' ')].contains(&self.peek()) {
                return self.trailing(self.at);
            }
            if !self.eat(',') {
                break;
            }
        }
        let timestamp = self.timestamp()?;
        let fields = settle(&measurement, &tags, fields)?;
        Ok(Point {
            measurement,
            tags,
            fields,
            timestamp,
        })
    }

    fn tags(&mut self, measurement: &str) -> Result<Vec<(String, String)>, String> {
        let mut tags: Vec<(String, String)> = Vec::new();
        while self.eat(',') {
            let start = self.at;
            let key = self.name("=", ", =\\")?;
            if key.is_empty() {
                return Err(format!("Expected tag key, got {}", self.excerpt(start)));
            }
            if !self.eat('=') {
                return Err(format!(
                    "Tag set malformed: could not find equals sign in {}",
                    self.excerpt(start)
                ));
            }
            let value = self.name(",", ", =\\")?;
            if value.is_empty() {
                return Err(format!("Expected tag value, got {}", self.excerpt(self.at)));
            }
            if key == "time" {
                return Err(format!(
                    "input tag \"time\" on measurement \"{measurement}\" is invalid"
                ));
            }
            tags.push((key, value));
        }
        if [None, Some(' ')].contains(&self.peek()) {
            for (index, (key, _)) in tags.iter().enumerate() {
                if tags[..index].iter().any(|(earlier, _)| earlier == key) {
                    return Err(format!(
                        "the tag '{key}' is specified more than once with conflicting values"
                    ));
                }
            }
        }
        Ok(tags)
    }

    /// `Err(None)` means that there is no field.
    fn field(&mut self) -> Result<(String, FieldValue), Option<String>> {
        let key = self.name("=,", ", =\\")?;
        if key.is_empty() || !self.eat('=') {
            return Err(None);
        }
        match self.peek() {
            Some('"') => Ok((key, self.string()?)),
            Some('t' | 'T' | 'f' | 'F') => Ok((key, self.boolean())),
            _ => Ok((key, self.number()?)),
        }
    }

    /// Reads up to a blank or one of `stops`, and unescapes the characters in `special`.
    fn name(&mut self, stops: &str, special: &str) -> Result<String, String> {
        let mut name = String::new();
        let mut ends_with_backslash = false;
        while let Some(character) = self.peek() {
            if character == '\\' {
                self.at += 1;
                let Some(next) = self.peek() else {
                    ends_with_backslash = true;
                    break;
                };
                if !special.contains(next) {
                    name.push('\\');
                }
                name.push(next);
                ends_with_backslash = next == '\\';
            } else if " \t\n".contains(character) || stops.contains(character) {
                break;
            } else {
                name.push(character);
                ends_with_backslash = false;
            }
            self.at += 1;
        }
        if ends_with_backslash {
            return Err(
                "Measurements, tag keys and values, and field keys may not end with a backslash"
                    .to_owned(),
            );
        }
        if name.len() > NAME_BYTES_MAX {
            return Err("String is greater than 64KB".to_owned());
        }
        Ok(name)
    }

    fn string(&mut self) -> Result<FieldValue, Option<String>> {
        self.at += 1;
        let mut text = String::new();
        while let Some(character) = self.peek() {
            self.at += 1;
            match (character, self.peek()) {
                ('"', _) => return Ok(FieldValue::String(text)),
                ('\\', Some(next)) => {
                    self.at += 1;
                    if next != '"' && next != '\\' {
                        text.push('\\');
                    }
                    text.push(next);
                }
                _ => text.push(character),
            }
        }
        Err(None)
    }

    fn boolean(&mut self) -> FieldValue {
        let rest: String = self.characters[self.at..].iter().collect();
        for (word, value) in [("true", true), ("false", false)] {
            let capitalized = word[..1].to_uppercase() + &word[1..];
            if let Some(word) = [word, &capitalized, &word.to_uppercase()]
                .into_iter()
                .find(|word| rest.starts_with(*word))
            {
                self.at += word.len();
                return FieldValue::Boolean(value);
            }
        }
        self.at += 1;
        FieldValue::Boolean(rest.starts_with(['t', 'T']))
    }

    fn number(&mut self) -> Result<FieldValue, Option<String>> {
        let start = self.at;
        let sign = if self.eat('-') { "-" } else { "" };
        let whole = self.digits();
        if whole.is_empty() {
            return Err(None);
        }
        let text = format!("{sign}{whole}");
        if self.eat('i') {
            let value = text
                .parse()
                .map_err(|_| format!("Unable to parse integer value `{text}`"))?;
            return Ok(FieldValue::Integer(value));
        }
        if sign.is_empty() && self.eat('u') {
            let value = text
                .parse()
                .map_err(|_| format!("Unable to parse unsigned integer value `{text}`"))?;
            return Ok(FieldValue::Unsigned(value));
        }
        self.optional(|line| line.eat('.') && !line.digits().is_empty());
        self.optional(|line| {
            let marked = line.eat('e') || line.eat('E');
            let _sign = line.eat('-') || line.eat('+');
            marked && !line.digits().is_empty()
        });
        let text: String = self.characters[start..self.at].iter().collect();
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(FieldValue::Float(value)),
            _ => Err(Some(format!(
                "Unable to parse floating-point value `{text}`"
            ))),
        }
    }

    /// Goes back when what is read is not there.
    fn optional(&mut self, read: impl FnOnce(&mut Self) -> bool) {
        let start = self.at;
        if !read(self) {
            self.at = start;
        }
    }

    fn timestamp(&mut self) -> Result<Option<i64>, String> {
        let start = self.at;
        self.eat_all(' ');
        if self.peek().is_none() {
            return Ok(None);
        }
        let sign = if self.eat('-') { "-" } else { "" };
        let digits = self.digits();
        if digits.is_empty() {
            return self.trailing(start);
        }
        let text = format!("{sign}{digits}");
        let timestamp = text
            .parse()
            .map_err(|_| format!("Unable to parse timestamp value `{text}`"))?;
        self.eat_all(' ');
        if self.peek().is_some() {
            return self.trailing(self.at);
        }
        Ok(Some(timestamp))
    }
}

fn settle(
    measurement: &str,
    tags: &[(String, String)],
    fields: Vec<(String, FieldValue)>,
) -> Result<Vec<(String, FieldValue)>, String> {
    let mut settled: Vec<(String, FieldValue)> = Vec::new();
    for (key, value) in fields.into_iter().filter(|(key, _)| key != "time") {
        if tags.iter().any(|(tag, _)| *tag == key) {
            let kind = match value {
                FieldValue::Float(_) => "float",
                FieldValue::Integer(_) => "integer",
                FieldValue::Unsigned(_) => "uinteger",
                FieldValue::Boolean(_) => "boolean",
                FieldValue::String(_) => "string",
            };
            return Err(format!(
                "Unable to insert iox::column_type::field::{kind} type into column {key} with type iox::column_type::tag"
            ));
        }
        match settled.iter_mut().find(|(earlier, _)| *earlier == key) {
            Some((_, earlier)) if earlier.kind() == value.kind() => *earlier = value,
            Some(_) => {
                return Err(format!(
                    "the field '{key}' is specified more than once with conflicting types"
                ));
            }
            None => settled.push((key, value)),
        }
    }
    match settled.is_empty() {
        true => Err(format!(
            "invalid field name: input field \"time\" on measurement \"{measurement}\" is invalid"
        )),
        false => Ok(settled),
    }
}
