//! How much a SQL text may ask of the planner.
//!
//! Plans are walked recursively, and some short texts mean large plans: what would overflow a stack or be planned for
//! minutes is refused by its tokens, before anything is made of it.

use crate::QueryError;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

/// The longest SQL text.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// The most operators, brackets and tables of a SQL text. Each may be one more level of the plan; the threads that
/// plan have stacks for several times as many.
const OPERATORS_MAX: usize = 800;

/// The most sets that `CUBE`, `ROLLUP` and `GROUPING SETS` make together.
const GROUPING_SETS_MAX: u64 = 4096;

/// Refuses texts that would be planned for minutes, or into a plan too deep for any stack.
///
/// # Errors
/// [`QueryError::Statement`].
pub(crate) fn check(text: &str) -> Result<(), QueryError> {
    if text.len() > TEXT_BYTES_MAX {
        let bytes = text.len();
        return Err(QueryError::Statement(format!(
            "the query has {bytes} bytes, the most is {TEXT_BYTES_MAX}"
        )));
    }
    // What can't be split into tokens is refused by the planner, with the position.
    let tokens = Tokenizer::new(&GenericDialect {}, text)
        .tokenize()
        .unwrap_or_default();
    let mut size = Size::default();
    for token in &tokens {
        size.add(token);
    }
    if size.operators > OPERATORS_MAX {
        return Err(QueryError::Statement(format!(
            "the query has {} operators and brackets, the most is {OPERATORS_MAX}; \
             many alternatives of one column are better written as IN (...)",
            size.operators
        )));
    }
    if size.sets > GROUPING_SETS_MAX {
        return Err(QueryError::Statement(format!(
            "the query groups by {} sets of columns, the most is {GROUPING_SETS_MAX}; \
             CUBE makes two to the power of its columns",
            size.sets
        )));
    }
    Ok(())
}

/// What the tokens so far come to.
#[derive(Debug)]
struct Size {
    operators: usize,
    sets: u64,
    /// Whether a comma here is one more table of a join, and what the bracket around is for.
    level: Level,
    around: Vec<Level>,
    /// Whether an `=` came since the last operator: `a = b AND c = d` is no deeper than its `AND`.
    equal: bool,
    /// The keyword before, if it makes sets.
    grouping: Option<Grouping>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Level {
    in_from: bool,
    grouping: Option<Grouping>,
    /// Commas since the bracket.
    commas: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grouping {
    Cube,
    Rollup,
    Sets,
}

impl Default for Size {
    fn default() -> Self {
        Self {
            operators: 0,
            sets: 1,
            level: Level::default(),
            around: Vec::new(),
            equal: false,
            grouping: None,
        }
    }
}

impl Size {
    fn add(&mut self, token: &Token) {
        if let Token::Whitespace(_) = token {
            return;
        }
        let grouping = self.grouping.take();
        match token {
            Token::Word(word) => self.add_keyword(word.keyword),
            Token::Eq => {
                self.operators += usize::from(self.equal);
                self.equal = true;
            }
            Token::Comma => {
                self.equal = false;
                self.level.commas = self.level.commas.saturating_add(1);
                self.operators += usize::from(self.level.in_from);
            }
            Token::LParen => {
                self.operators += 1;
                self.equal = false;
                self.around.push(self.level);
                self.level = Level {
                    grouping,
                    ..Level::default()
                };
            }
            Token::RParen => {
                self.equal = false;
                let items = self.level.commas.saturating_add(1);
                let sets = match self.level.grouping {
                    Some(Grouping::Cube) => 1_u64.checked_shl(items).unwrap_or(u64::MAX),
                    Some(Grouping::Rollup) => u64::from(items) + 1,
                    Some(Grouping::Sets) => u64::from(items),
                    None => 1,
                };
                self.sets = self.sets.saturating_mul(sets);
                self.level = self.around.pop().unwrap_or_default();
            }
            Token::Period
            | Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::Placeholder(_)
            | Token::RBracket
            | Token::SemiColon
            | Token::EOF => {}
            _ => self.add_operator(),
        }
    }

    fn add_operator(&mut self) {
        self.operators += 1;
        self.equal = false;
    }

    fn add_keyword(&mut self, keyword: Keyword) {
        match keyword {
            Keyword::AND
            | Keyword::OR
            | Keyword::XOR
            | Keyword::NOT
            | Keyword::IS
            | Keyword::NOTNULL
            | Keyword::IN
            | Keyword::BETWEEN
            | Keyword::LIKE
            | Keyword::ILIKE
            | Keyword::RLIKE
            | Keyword::REGEXP
            | Keyword::SIMILAR
            | Keyword::MATCH
            | Keyword::MEMBER
            | Keyword::OVERLAPS
            | Keyword::OPERATOR
            | Keyword::DIV
            | Keyword::AT
            | Keyword::COLLATE
            | Keyword::CASE
            | Keyword::UNION
            | Keyword::EXCEPT
            | Keyword::INTERSECT => self.add_operator(),
            Keyword::JOIN => {
                self.add_operator();
                self.level.in_from = true;
            }
            Keyword::FROM => self.level.in_from = true,
            Keyword::SELECT
            | Keyword::WHERE
            | Keyword::GROUP
            | Keyword::HAVING
            | Keyword::WINDOW
            | Keyword::QUALIFY
            | Keyword::ORDER
            | Keyword::LIMIT => self.level.in_from = false,
            Keyword::CUBE => self.grouping = Some(Grouping::Cube),
            Keyword::ROLLUP => self.grouping = Some(Grouping::Rollup),
            Keyword::SETS => self.grouping = Some(Grouping::Sets),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
