//! What a result column is called when the statement does not say.

use std::collections::HashSet;

use crate::{Expr, Field};

#[cfg(test)]
mod tests;

impl Field {
    /// The alias, else [`column_name`].
    pub fn name(&self) -> String {
        match &self.alias {
            Some(alias) => alias.clone(),
            None => column_name(&self.expr),
        }
    }
}

/// The name of the column that `expr` makes: the names of its columns and functions from left to
/// right, joined with `_`.
///
/// `f + 1` is `f`, `mean(a) / count(a)` is `mean_count`. Arguments of functions are not looked at,
/// literals, wildcards and regular expressions give nothing, so that the name may be empty. Names
/// are not made unique: see [`unique_names`].
pub fn column_name(expr: &Expr) -> String {
    let mut names = Vec::new();
    collect_names(expr, &mut names);
    names.join("_")
}

fn collect_names<'a>(expr: &'a Expr, names: &mut Vec<&'a str>) {
    match expr {
        Expr::Var(column) => names.push(&column.name),
        Expr::Call(call) => names.push(&call.name),
        Expr::Binary(binary) => {
            collect_names(&binary.left, names);
            collect_names(&binary.right, names);
        }
        _ => {}
    }
}

/// Gives repeated names a suffix `_1`, `_2`, …: each the first that no name before it has. The
/// order is kept.
///
/// `a, a, a_1` becomes `a, a_1, a_1_1`.
pub fn unique_names(names: Vec<String>) -> Vec<String> {
    let mut taken = HashSet::with_capacity(names.len());
    names
        .into_iter()
        .map(|name| free_name(&mut taken, name))
        .collect()
}

fn free_name(taken: &mut HashSet<String>, name: String) -> String {
    let mut candidate = name.clone();
    let mut suffix = 0;
    while !taken.insert(candidate.clone()) {
        suffix += 1;
        candidate = format!("{name}_{suffix}");
    }
    candidate
}
