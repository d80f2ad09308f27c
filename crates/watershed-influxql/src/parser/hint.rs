//! What was probably meant where a token does not fit: misspelled words, clauses in the wrong place,
//! quotes of the wrong kind, and what other query languages have.

use std::ops::Range;

use crate::closest;
use crate::duration::unit_at;
use crate::identifier::{is_keyword, starts_word};
use crate::lexer::{Spanned, Token};

#[cfg(test)]
mod tests;

/// Clauses in the order the grammar has them, by their first word.
const CLAUSES: [(&str, &str); 13] = [
    ("INTO", "INTO"),
    ("ON", "ON"),
    ("FROM", "FROM"),
    ("WITH", "WITH"),
    ("WHERE", "WHERE"),
    ("GROUP", "GROUP BY"),
    ("FILL", "FILL"),
    ("ORDER", "ORDER BY"),
    ("LIMIT", "LIMIT"),
    ("OFFSET", "OFFSET"),
    ("SLIMIT", "SLIMIT"),
    ("SOFFSET", "SOFFSET"),
    ("TZ", "TZ"),
];

fn rank(word: &str) -> Option<usize> {
    CLAUSES
        .iter()
        .position(|(first, _)| first.eq_ignore_ascii_case(word))
}

/// Which clauses a statement or subquery has so far, a bit for each of [`CLAUSES`].
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Clauses {
    taken: u16,
    /// Looked for, so that the grammar has them, and not found in their place.
    missed: u16,
}

impl Clauses {
    /// Notes that `word`, in capitals, has been looked for, if it begins a clause.
    pub(super) fn note(&mut self, word: &str, found: bool) {
        let Some(rank) = CLAUSES.iter().position(|(first, _)| *first == word) else {
            return;
        };
        match found {
            true => self.taken |= 1 << rank,
            false => self.missed |= 1 << rank,
        }
    }

    fn has_taken(self, word: &str) -> bool {
        rank(word).is_some_and(|rank| self.taken & 1 << rank != 0)
    }
}

/// A token that does not fit, and what is around it.
pub(super) struct Place<'a> {
    pub(super) text: &'a str,
    /// The token before.
    pub(super) last: Range<usize>,
    pub(super) found: &'a Spanned<'a>,
    pub(super) expected: &'a str,
    /// Words that could have stood here.
    pub(super) missed: &'a [&'static str],
    pub(super) clauses: Clauses,
}

impl Place<'_> {
    /// The hint, if there is one to give.
    pub(super) fn hint(&self) -> Option<String> {
        let known = self
            .quotes()
            .or_else(|| self.symbols())
            .or_else(|| self.numbers())
            .or_else(|| self.incomplete())
            .or_else(|| self.other_languages());
        known
            .map(str::to_owned)
            .or_else(|| self.longer_word())
            .or_else(|| self.misplaced())
            .or_else(|| self.misspelled())
            .or_else(|| self.keyword_as_name().map(str::to_owned))
    }

    fn last(&self) -> &str {
        &self.text[self.last.clone()]
    }

    fn last_is(&self, word: &str) -> bool {
        self.last().eq_ignore_ascii_case(word)
    }

    fn found(&self) -> &str {
        &self.text[self.found.start..self.found.end]
    }

    /// The word that was found, if it is one.
    fn word(&self) -> Option<&str> {
        match self.found.token {
            Token::Keyword(word) | Token::Word(word) => Some(word),
            _ => None,
        }
    }

    /// Whether no blank is between the token before and this.
    fn is_adjacent(&self) -> bool {
        self.last.end == self.found.start && !self.last.is_empty()
    }

    fn expects(&self, what: &str) -> bool {
        self.expected.split(", ").any(|item| item == what)
    }

    fn quotes(&self) -> Option<&'static str> {
        match self.found.token {
            Token::String(_) | Token::Quoted(_) if self.expected == "regex" => {
                Some("a regular expression stands between slashes")
            }
            Token::String(_) if self.expects("identifier") && !self.expects("number") => {
                Some("names stand in double quotes")
            }
            Token::Quoted(_) | Token::Word(_) if self.expected == "string" => {
                Some("strings stand in single quotes")
            }
            Token::Stray if self.found() == "`" => Some("names stand in double quotes"),
            _ => None,
        }
    }

    fn symbols(&self) -> Option<&'static str> {
        let is_joined = self.is_adjacent();
        match (self.found(), self.last()) {
            ("=", "=") if is_joined => Some("equality is written ="),
            ("&", "&") if is_joined => Some("conditions are joined with AND"),
            ("|", "|") if is_joined => Some("conditions are joined with OR"),
            ("!", _) => Some("InfluxQL has no NOT, use != or !~"),
            ("-", _) if self.expected == "integer" => Some("a negative number cannot stand here"),
            _ if is_joined && self.breaks_name() => Some(
                "a name with other characters than letters, digits and _ stands in double quotes",
            ),
            _ => None,
        }
    }

    /// Whether a character that names cannot have without quotes follows a name.
    fn breaks_name(&self) -> bool {
        let last = self.last();
        let is_name = last.bytes().next().is_some_and(starts_word) && !is_keyword(last);
        is_name
            && (self.found.token == Token::Stray || matches!(self.found(), "-" | ":" | "/" | "+"))
    }

    fn numbers(&self) -> Option<&'static str> {
        if self.expected == "integer" {
            return match self.found.token {
                Token::Parameter(_) => Some("a parameter cannot stand here"),
                Token::String(_) => Some("numbers have no quotes"),
                _ => None,
            };
        }
        let behind_number = self.last().starts_with(|c: char| c.is_ascii_digit());
        if !behind_number {
            return None;
        }
        if self.found() == "," && self.clauses.has_taken("LIMIT") {
            return Some("write LIMIT n OFFSET m");
        }
        let is_exponent = |word: &str| {
            let digits = word.strip_prefix(['e', 'E']);
            digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
        };
        match self.word() {
            Some(word) if self.is_adjacent() && is_exponent(word) => {
                Some("numbers have no exponent")
            }
            Some(_) if self.is_adjacent() => {
                Some("the units of durations are ns, u, ms, s, m, h, d and w")
            }
            Some(word) if unit_at(word).is_some_and(|(unit, _)| unit == word) => {
                Some("no blank between a number and its unit")
            }
            _ => None,
        }
    }

    fn incomplete(&self) -> Option<&'static str> {
        let ends = matches!(self.found.token, Token::End | Token::Symbol(";"));
        match self.expected {
            "FROM" if ends => Some("a query reads from a measurement, FROM name"),
            "(" if self.last_is("FILL") => Some("the option stands in parentheses: FILL(none)"),
            _ if self.last_is("NOT") => Some("InfluxQL has no NOT, use != or !~"),
            _ => None,
        }
    }

    /// Words of SQL, and of statements that InfluxQL does not have.
    fn other_languages(&self) -> Option<&'static str> {
        let word = self.word()?.to_ascii_uppercase();
        let hint = match word.as_str() {
            "HAVING" => "InfluxQL has no HAVING, put the SELECT into a subquery and use WHERE",
            "JOIN" | "INNER" | "OUTER" | "LEFT" | "RIGHT" | "FULL" | "CROSS" | "NATURAL" => {
                "InfluxQL has no joins, name several measurements with commas or use SQL"
            }
            "UNION" | "INTERSECT" | "EXCEPT" => {
                "InfluxQL has no set operations, send several statements or use SQL"
            }
            "NOT" => "InfluxQL has no NOT, use != or !~",
            "LIKE" | "ILIKE" => "InfluxQL has no LIKE, use =~ and a regular expression",
            "BETWEEN" => "InfluxQL has no BETWEEN, use >= and <= joined with AND",
            "IN" if !self.expects("identifier") => {
                "InfluxQL has no IN, join comparisons with OR or use =~ and a regular expression"
            }
            "IS" => "InfluxQL has no IS NULL, a tag that is absent equals ''",
            "WHEN" => "InfluxQL has no CASE, use SQL",
            "OVER" => "InfluxQL has no OVER, use SQL",
            "AS" if self.expected == ")" => "a cast is written name::float",
            "AS" if self.clauses.has_taken("FROM") => "measurements have no alias",
            "TABLE" if self.last_is("CREATE") => {
                "a measurement comes into being with its first point"
            }
            "TABLE" if self.last_is("DROP") => "did you mean DROP MEASUREMENT?",
            "TABLES" if self.last_is("SHOW") => "did you mean SHOW MEASUREMENTS?",
            "COLUMNS" if self.last_is("SHOW") => "did you mean SHOW FIELD KEYS or SHOW TAG KEYS?",
            "INT" | "BIGINT" if self.last_is("::") => "did you mean integer?",
            "DOUBLE" | "REAL" if self.last_is("::") => "did you mean float?",
            "TEXT" | "VARCHAR" if self.last_is("::") => "did you mean string?",
            "BOOL" if self.last_is("::") => "did you mean boolean?",
            _ if !self.expects("SELECT") => return None,
            "INSERT" | "UPDATE" => "points are written as line protocol over HTTP",
            "USE" => "the database is named with the request",
            "WITH" => "InfluxQL has no WITH, use a subquery",
            "DESCRIBE" => "did you mean SHOW FIELD KEYS or SHOW TAG KEYS?",
            _ => return None,
        };
        Some(hint)
    }

    /// A word that lacks its second half.
    fn longer_word(&self) -> Option<String> {
        let last = self.last().to_ascii_uppercase();
        match self.expected {
            "BY" => Some(format!("did you mean {last} BY?")),
            // `SHOW MEASUREMENT`, `SHOW TAG KEY`
            "EXACT, CARDINALITY" => Some(format!("did you mean {last}S?")),
            _ => None,
        }
    }

    /// A clause that stands too late, twice, or before one that must be there.
    fn misplaced(&self) -> Option<String> {
        let rank_found = rank(self.word()?)?;
        let (_, name) = CLAUSES[rank_found];
        let bit = 1 << rank_found;
        if let Some(rank_expected) = rank(self.expected)
            && rank_expected < rank_found
        {
            return Some(format!(
                "{} must come before {name}",
                CLAUSES[rank_expected].1
            ));
        }
        if self.clauses.taken & bit != 0 {
            return Some(match name {
                "WHERE" => "there is one WHERE, join its conditions with AND".to_owned(),
                _ => format!("{name} is given twice"),
            });
        }
        if self.clauses.missed & bit == 0 {
            return None;
        }
        let after =
            (rank_found + 1..CLAUSES.len()).find(|&rank| self.clauses.taken & 1 << rank != 0)?;
        Some(format!("{name} must come before {}", CLAUSES[after].1))
    }

    fn misspelled(&self) -> Option<String> {
        let word = self.word()?;
        let is_cast = self.last_is("::");
        let expected = self.expected.split(", ");
        let expected = expected.filter(|item| is_cast || is_word(item));
        let meant = closest(word, self.missed.iter().copied().chain(expected))?;
        let is_misspelled = !meant.eq_ignore_ascii_case(word);
        is_misspelled.then(|| format!("did you mean {meant}?"))
    }

    /// A keyword where a name is due, unless the name has rather been forgotten.
    fn keyword_as_name(&self) -> Option<&'static str> {
        let Token::Keyword(word) = self.found.token else {
            return None;
        };
        let is_structure = rank(word).is_some_and(|rank| CLAUSES[rank].0 != "ON")
            || ["SELECT", "BY", "AS", "AND", "OR"]
                .iter()
                .any(|structure| structure.eq_ignore_ascii_case(word));
        (self.expects("identifier") && !is_structure)
            .then_some("a keyword; as a name it stands in double quotes")
    }
}

/// Whether an item of an expected list is a word to be written as it is, and not a kind of token.
fn is_word(item: &str) -> bool {
    let kinds = [
        "identifier",
        "string",
        "number",
        "bool",
        "duration",
        "regex",
        "integer",
    ];
    item.bytes().all(|byte| byte.is_ascii_alphabetic()) && !kinds.contains(&item)
}
