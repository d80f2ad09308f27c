//! Chains of `AND` and of `OR`.
//!
//! A chain stays a list for as long as parentheses around it may turn out to be superfluous, and
//! becomes a tree once. Balanced at every parenthesis, and taken apart again at the next, a long
//! chain inside of many parentheses would be copied as often as it is deep.

use std::collections::VecDeque;

use super::{Tree, higher};
use crate::ParseError;
use crate::ast::{BinaryOp, Expr};
use crate::parser::cursor::Cursor;
use crate::work;

/// What has been read of an expression.
pub(super) enum Part {
    Tree(Tree),
    /// Two or more operands of one `AND` or `OR`, none of which is a chain of the same.
    Chain {
        op: BinaryOp,
        items: VecDeque<Tree>,
    },
}

impl From<Tree> for Part {
    fn from(tree: Tree) -> Self {
        Part::Tree(tree)
    }
}

impl Part {
    /// As a tree.
    pub(super) fn settled(self, cursor: &Cursor<'_>) -> Result<Tree, ParseError> {
        match self {
            Part::Tree(tree) => Ok(tree),
            Part::Chain { op, items } => balanced(cursor, op, items),
        }
    }

    /// The operands of a chain of `op`; anything else as one operand.
    pub(super) fn operands_of(
        self,
        cursor: &Cursor<'_>,
        op: BinaryOp,
    ) -> Result<VecDeque<Tree>, ParseError> {
        match self {
            Part::Chain { op: own, items } if own == op => Ok(items),
            other => Ok(VecDeque::from([other.settled(cursor)?])),
        }
    }
}

/// `front` and `back` as one. The shorter is moved to the longer, so that a chain put together from
/// parts, in whatever order, takes little more than linear time.
pub(super) fn concatenated(mut front: VecDeque<Tree>, mut back: VecDeque<Tree>) -> VecDeque<Tree> {
    if front.len() >= back.len() {
        work::note(back.len());
        front.append(&mut back);
        return front;
    }
    while let Some(item) = front.pop_back() {
        work::note(1);
        back.push_front(item);
    }
    back
}

/// Puts the operands of a chain into a tree of least height. For the same operands it is always the
/// same tree.
fn balanced(
    cursor: &Cursor<'_>,
    op: BinaryOp,
    mut items: VecDeque<Tree>,
) -> Result<Tree, ParseError> {
    while items.len() > 1 {
        work::note(items.len());
        let mut pairs = VecDeque::with_capacity(items.len().div_ceil(2));
        while let Some(left) = items.pop_front() {
            match items.pop_front() {
                Some(right) => pairs.push_back(join(cursor, op, left, right)?),
                None => pairs.push_back(left),
            }
        }
        items = pairs;
    }
    match items.pop_front() {
        Some(tree) => Ok(tree),
        None => Err(cursor.invalid_at_statement("empty condition")),
    }
}

/// `left op right`.
pub(super) fn join(
    cursor: &Cursor<'_>,
    op: BinaryOp,
    left: Tree,
    right: Tree,
) -> Result<Tree, ParseError> {
    let height = left.height.max(right.height);
    let expr = Expr::binary(op, left.expr, right.expr);
    higher(cursor, expr, height)
}
