//! What a result column is called when the statement does not say.

use std::collections::{HashMap, HashSet};

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
/// `a, a, a_1` becomes `a, a_1, a_1_1`. Time is linear in the number of names, however often one is
/// repeated.
pub fn unique_names(names: Vec<String>) -> Vec<String> {
    let mut taken = HashSet::with_capacity(names.len());
    let mut suffixes = HashMap::new();
    names
        .into_iter()
        .map(|name| free_name(&mut taken, &mut suffixes, name))
        .collect()
}

/// `suffixes` has the last suffix tried for a name. Names are never given back, so that those up to
/// it need not be tried again.
fn free_name(
    taken: &mut HashSet<String>,
    suffixes: &mut HashMap<String, usize>,
    name: String,
) -> String {
    if taken.insert(name.clone()) {
        return name;
    }
    let suffix = suffixes.entry(name.clone()).or_insert(0);
    loop {
        *suffix += 1;
        let candidate = format!("{name}_{suffix}");
        if taken.insert(candidate.clone()) {
            return candidate;
        }
    }
}
