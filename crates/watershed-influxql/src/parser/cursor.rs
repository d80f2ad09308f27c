//! Where in the text the parser is.

use super::hint::{Clauses, Place};
use super::{EXPR_HEIGHT_MAX, NESTING_DEPTH_MAX, TEXT_BYTES_MAX};
use crate::lexer::{Due, Spanned, Token, token_at};
use crate::{ParseError, work};

/// A place in the text. Methods named `at_…` look, `eat_…` take what is there if it fits,
/// `expect_…` take it or fail.
pub(super) struct Cursor<'a> {
    text: &'a str,
    /// End of the last token taken.
    position: usize,
    /// Beginning of the last token taken.
    last_start: usize,
    statement_start: usize,
    depth: usize,
    /// Words that were looked for at `position` and are not there.
    missed: Vec<&'static str>,
    /// Of the statement or subquery, and of nothing around it.
    clauses: Clauses,
    /// The token at `position`, so that looking twice costs once.
    peeked: Option<(Due, Spanned<'a>)>,
}

impl<'a> Cursor<'a> {
    /// At the beginning of `text`.
    ///
    /// # Errors
    /// More than [`TEXT_BYTES_MAX`] bytes.
    pub(super) fn new(text: &'a str) -> Result<Self, ParseError> {
        if text.len() > TEXT_BYTES_MAX {
            let bytes = text.len();
            let message = format!("query has {bytes} bytes, more than {TEXT_BYTES_MAX}");
            return Err(ParseError::invalid(text, 0, message));
        }
        Ok(Self {
            text,
            position: 0,
            last_start: 0,
            statement_start: 0,
            depth: 0,
            missed: Vec::new(),
            clauses: Clauses::default(),
            peeked: None,
        })
    }

    /// To be called where a statement begins.
    pub(super) fn begin_statement(&mut self) -> Result<(), ParseError> {
        self.statement_start = self.operand_start()?;
        self.clauses = Clauses::default();
        Ok(())
    }

    /// The next token, where `due` is expected. Does not take it.
    pub(super) fn peek(&mut self, due: Due) -> Result<&Spanned<'a>, ParseError> {
        let peeked = match self.peeked.take() {
            Some(peeked) if peeked.0 == due => peeked,
            _ => (due, token_at(self.text, self.position, due)?),
        };
        Ok(&self.peeked.insert(peeked).1)
    }

    /// Takes the next token, where `due` is expected.
    pub(super) fn take(&mut self, due: Due) -> Result<Spanned<'a>, ParseError> {
        let spanned = match self.peeked.take() {
            Some((peeked_due, spanned)) if peeked_due == due => spanned,
            _ => token_at(self.text, self.position, due)?,
        };
        self.last_start = spanned.start;
        self.position = spanned.end;
        self.missed.clear();
        Ok(spanned)
    }

    /// Byte at which the next operand begins.
    pub(super) fn operand_start(&mut self) -> Result<usize, ParseError> {
        Ok(self.peek(Due::Operand)?.start)
    }

    pub(super) fn at_end(&mut self) -> Result<bool, ParseError> {
        Ok(self.peek(Due::Operator)?.token == Token::End)
    }

    pub(super) fn at_symbol(&mut self, symbol: &str) -> Result<bool, ParseError> {
        Ok(matches!(self.peek(Due::Operator)?.token, Token::Symbol(found) if found == symbol))
    }

    pub(super) fn eat_symbol(&mut self, symbol: &str) -> Result<bool, ParseError> {
        let found = self.at_symbol(symbol)?;
        if found {
            self.take(Due::Operator)?;
        }
        Ok(found)
    }

    pub(super) fn expect_symbol(&mut self, symbol: &str) -> Result<(), ParseError> {
        if self.eat_symbol(symbol)? {
            Ok(())
        } else {
            self.unexpected(symbol)
        }
    }

    /// Whether a dot stands directly behind the last token.
    pub(super) fn at_adjacent_dot(&self) -> bool {
        self.text[self.position..].starts_with('.')
    }

    /// Takes a dot that stands directly behind the last token.
    pub(super) fn eat_adjacent_dot(&mut self) -> bool {
        let found = self.at_adjacent_dot();
        if found {
            self.last_start = self.position;
            self.position += 1;
            self.peeked = None;
            self.missed.clear();
        }
        found
    }

    /// Takes a reserved word, given in capitals.
    pub(super) fn eat_keyword(&mut self, keyword: &'static str) -> Result<bool, ParseError> {
        let found = matches!(self.peek(Due::Operator)?.token, Token::Keyword(word) if word.eq_ignore_ascii_case(keyword));
        self.eat_found(keyword, found)
    }

    fn eat_found(&mut self, word: &'static str, found: bool) -> Result<bool, ParseError> {
        self.clauses.note(word, found);
        if found {
            self.take(Due::Operator)?;
        } else {
            self.missed.push(word);
        }
        Ok(found)
    }

    /// Notes that neither of `words` is what comes next.
    pub(super) fn miss(&mut self, words: [&'static str; 2]) {
        self.missed.extend(words);
    }

    /// Takes the first of several reserved words that is there.
    pub(super) fn eat_one_of(
        &mut self,
        keywords: &[&'static str],
    ) -> Result<Option<&'static str>, ParseError> {
        for keyword in keywords {
            if self.eat_keyword(keyword)? {
                return Ok(Some(keyword));
            }
        }
        Ok(None)
    }

    pub(super) fn expect_keyword(&mut self, keyword: &'static str) -> Result<(), ParseError> {
        if self.eat_keyword(keyword)? {
            Ok(())
        } else {
            self.unexpected(keyword)
        }
    }

    /// Takes a word that has a meaning here without being reserved, given in capitals.
    pub(super) fn eat_word(&mut self, expected: &'static str) -> Result<bool, ParseError> {
        let found = matches!(self.peek(Due::Operator)?.token, Token::Word(word) if word.eq_ignore_ascii_case(expected));
        self.eat_found(expected, found)
    }

    /// Takes a name, with or without quotes.
    pub(super) fn expect_identifier(&mut self) -> Result<String, ParseError> {
        match &self.peek(Due::Operator)?.token {
            Token::Word(word) => {
                let name = (*word).to_owned();
                self.take(Due::Operator)?;
                Ok(name)
            }
            Token::Quoted(_) => match self.take(Due::Operator)?.token {
                Token::Quoted(name) => Ok(name),
                _ => self.unexpected("identifier"),
            },
            _ => self.unexpected("identifier"),
        }
    }

    /// Takes a number without sign and fraction.
    pub(super) fn expect_unsigned(&mut self) -> Result<u64, ParseError> {
        match self.peek(Due::Operator)?.token {
            Token::Integer(number) => {
                self.take(Due::Operator)?;
                Ok(number)
            }
            _ => self.unexpected("integer"),
        }
    }

    /// Runs `parse` one level deeper.
    ///
    /// # Errors
    /// More than [`NESTING_DEPTH_MAX`] levels; those of `parse`.
    pub(super) fn nested<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, ParseError>,
    ) -> Result<T, ParseError> {
        if self.depth == NESTING_DEPTH_MAX {
            let message =
                format!("query is nested too deeply, more than {NESTING_DEPTH_MAX} levels");
            return Err(self.invalid_at(self.position, message));
        }
        self.depth += 1;
        let outer = std::mem::take(&mut self.clauses);
        let parsed = parse(self);
        self.clauses = outer;
        self.depth -= 1;
        parsed
    }

    /// Fails: the next token is not one of `expected`.
    pub(super) fn unexpected<T>(&mut self, expected: &str) -> Result<T, ParseError> {
        self.unexpected_where(Due::Operator, expected)
    }

    /// Fails where an operand is due: the next token is not one of `expected`.
    pub(super) fn unexpected_operand<T>(&mut self, expected: &str) -> Result<T, ParseError> {
        self.unexpected_where(Due::Operand, expected)
    }

    fn unexpected_where<T>(&mut self, due: Due, expected: &str) -> Result<T, ParseError> {
        let found = self.peek(due)?.clone();
        work::note(self.missed.len());
        let place = Place {
            text: self.text,
            last: self.last_start..self.position,
            found: &found,
            expected,
            missed: &self.missed,
            clauses: self.clauses,
        };
        let hint = place.hint();
        let error = ParseError::unexpected(self.text, found.start, found.end, expected);
        Err(error.with_hint(hint))
    }

    /// The expression that ends here has more than [`EXPR_HEIGHT_MAX`] levels.
    pub(super) fn too_high(&self) -> ParseError {
        self.invalid_at(
            self.position,
            format!("expression has too many operators, more than {EXPR_HEIGHT_MAX} in a row"),
        )
    }

    pub(super) fn invalid_at(&self, offset: usize, message: impl Into<String>) -> ParseError {
        ParseError::invalid(self.text, offset, message)
    }

    /// The statement as a whole is wrong.
    pub(super) fn invalid_at_statement(&self, message: impl Into<String>) -> ParseError {
        self.invalid_at(self.statement_start, message)
    }
}
