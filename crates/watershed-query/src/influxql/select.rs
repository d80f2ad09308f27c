//! A `SELECT` with everything in it resolved: names, wildcards, groups, buckets, range and class.
//!
//! [`Clauses`] is what the text alone says and what subqueries need to know of the statement around
//! them; [`Query`] adds what depends on the columns of the relations.

use super::condition::compile;
use super::error::{Error, Result, invalid};
use super::functions::{self, Class, Kind};
use super::relation::Relation;
use super::scalar::Buckets;
use super::time_range::{self, Bounds, TimeContext};
use super::types::ValueType;
use crate::Limits;
use crate::functions::wall_clock::WallClock;
use chrono_tz::Tz;
use std::collections::{BTreeMap, BTreeSet};
use watershed_influxql::{
    Call, Dimension, Expr, Field, Fill, Order, Regex, Select, VarRef, WildcardKind, unique_names,
};

/// What a statement hands down to its subqueries.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    /// The instants it asks for; a subquery reads nothing else.
    pub(super) bounds: Bounds,
    /// The tags it groups by.
    pub(super) groups: Vec<String>,
    /// Whether the statement is a subquery.
    pub(super) nested: bool,
    /// How many statements are around it.
    pub(super) depth: usize,
}

/// The clauses that don't depend on the columns.
#[derive(Debug, Clone)]
pub(super) struct Clauses {
    /// The range asked for.
    pub(super) bounds: Bounds,
    /// The range to read, which may begin one bucket earlier, but not before that of the statement around.
    pub(super) scan: Bounds,
    /// The range to fill, which may begin one bucket earlier in any case.
    pub(super) grid: Bounds,
    /// `WHERE` without its range.
    pub(super) condition: Option<Expr>,
    pub(super) buckets: Option<Buckets>,
    /// The tags grouped by that are named, here or in the statement around.
    pub(super) group_names: Vec<String>,
    pub(super) fill: Fill,
    pub(super) descending: bool,
    pub(super) limit: Option<usize>,
    pub(super) offset: usize,
    /// `SLIMIT`: how many series of each table there are in the result. None if 0, as with `LIMIT`.
    pub(super) series_limit: Option<usize>,
    /// `SOFFSET`: how many series of each table are left out before those.
    pub(super) series_offset: usize,
    pub(super) zone: Option<Tz>,
    /// What the random order of `sample` is made of: another one for each statement, as no two are at the
    /// same time.
    pub(super) seed: u64,
}

impl Clauses {
    pub(super) fn new(select: &Select, now: i64, outer: &Scope) -> Result<Self> {
        let context = TimeContext {
            now,
            zone: select.time_zone,
        };
        let (bounds, condition) = match &select.condition {
            Some(condition) => time_range::split(condition, context)?,
            None => (Bounds::default(), None),
        };
        let buckets = buckets(&select.group_by, context)?;
        let mut bounds = bounds.intersect(outer.bounds);
        if buckets.is_some() && bounds.upper.is_none() {
            bounds.upper = Some(now);
        }
        let descending = select.order == Some(Order::Descending);
        let looks_back = select.fields.iter().any(|field| looks_back(&field.expr));
        let grid = match &buckets {
            Some(buckets) if looks_back => extended(bounds, buckets.nanos(), descending),
            _ => bounds,
        };
        Ok(Self {
            bounds,
            scan: grid.intersect(outer.bounds),
            grid,
            condition,
            buckets,
            group_names: group_names(&select.group_by),
            fill: fill(select, outer.nested)?,
            descending,
            limit: count(select.limit, "limit")?,
            offset: count(select.offset, "offset")?.unwrap_or(0),
            series_limit: count(select.series_limit, "slimit")?,
            series_offset: count(select.series_offset, "soffset")?.unwrap_or(0),
            zone: select.time_zone,
            seed: now.cast_unsigned(),
        })
    }

    /// What the subqueries of the statement must know.
    pub(super) fn scope(&self, outer: &Scope) -> Scope {
        let groups: BTreeSet<&String> = self.group_names.iter().chain(&outer.groups).collect();
        let groups = groups.into_iter().cloned().collect();
        Scope {
            bounds: self.scan,
            groups,
            nested: true,
            depth: outer.depth + 1,
        }
    }

    /// How many buckets a group has when empty ones are filled; 0 when they are not, or when only the rows
    /// tell where they begin.
    pub(super) fn filled_buckets(&self) -> u64 {
        let (Some(buckets), Some(lower), Some(upper)) =
            (&self.buckets, self.grid.lower, self.grid.upper)
        else {
            return 0;
        };
        if self.fill == Fill::None || upper < lower {
            return 0;
        }
        let Some(first) = buckets.start(lower) else {
            return 0;
        };
        // Those of a zone are about as long, and the limit is no exact one.
        upper.abs_diff(first) / buckets.nanos().unsigned_abs().max(1) + 1
    }
}

fn looks_back(expr: &Expr) -> bool {
    expr.any(&mut |e| matches!(e, Expr::Call(call) if functions::looks_back(&call.name)))
}

/// The range with one more bucket before its first instant in output order.
fn extended(bounds: Bounds, nanos: i64, descending: bool) -> Bounds {
    if descending {
        return Bounds {
            upper: bounds.upper.map(|upper| upper.saturating_add(nanos)),
            ..bounds
        };
    }
    Bounds {
        lower: bounds.lower.map(|lower| lower.saturating_sub(nanos)),
        ..bounds
    }
}

fn count(clause: Option<u64>, name: &str) -> Result<Option<usize>> {
    let Some(value) = clause else { return Ok(None) };
    if i64::try_from(value).is_err() {
        return invalid(format!("{name} out of range"));
    }
    Ok(usize::try_from(value).ok())
}

/// What stands in empty buckets. Subqueries leave them out unless they say otherwise.
fn fill(select: &Select, nested: bool) -> Result<Fill> {
    let has_function = select.fields.iter().any(|field| {
        field
            .expr
            .any(&mut |e| matches!(e, Expr::Call(call) if functions::kind(&call.name).is_some()))
    });
    match select.fill {
        Some(Fill::None) if !has_function => {
            invalid("FILL(none) must be used with an aggregate or selector function")
        }
        Some(Fill::Linear) if !has_function => {
            invalid("FILL(linear) must be used with an aggregate or selector function")
        }
        None | Some(Fill::Null) if nested => Ok(Fill::None),
        other => Ok(other.unwrap_or(Fill::Null)),
    }
}

/// The first `time(…)` of `GROUP BY`.
fn buckets(dimensions: &[Dimension], context: TimeContext) -> Result<Option<Buckets>> {
    let time = dimensions.iter().find_map(|dimension| match dimension {
        Dimension::Time(time) => Some(time),
        _ => None,
    });
    let Some(time) = time else { return Ok(None) };
    if time.interval <= 0 {
        return invalid("GROUP BY time interval must be greater than 0");
    }
    let offset = match &time.offset {
        Some(offset) => time_range::instant(offset, context)?,
        None => 0,
    };
    Ok(Some(match context.zone {
        Some(zone) => Buckets::WallClock(WallClock {
            zone,
            nanos: time.interval,
            origin: offset,
        }),
        None => Buckets::Fixed {
            nanos: time.interval,
            offset,
        },
    }))
}

fn group_names(dimensions: &[Dimension]) -> Vec<String> {
    let names = dimensions.iter().filter_map(|dimension| match dimension {
        Dimension::Tag(var) if !var.is_time() => Some(var.name.clone()),
        _ => None,
    });
    names.collect()
}

/// A column of the result.
#[derive(Debug, Clone)]
pub(super) struct QueryField {
    pub(super) name: String,
    pub(super) expr: Expr,
}

/// A statement over known relations.
#[derive(Debug, Clone)]
pub(super) struct Query {
    pub(super) clauses: Clauses,
    pub(super) class: Class,
    /// The columns after time. None when only `time` was asked for: then there are no rows either.
    pub(super) fields: Vec<QueryField>,
    /// The name of the time column in the result.
    pub(super) time_name: String,
    /// The tags grouped by, in name order. A relation may lack some.
    pub(super) groups: Vec<String>,
}

impl Query {
    /// Expands what depends on the columns of the relations, and checks the whole.
    pub(super) fn new(
        select: &Select,
        clauses: Clauses,
        outer: &Scope,
        relations: &[Relation],
        limits: Limits,
    ) -> Result<Self> {
        let columns = Columns::of(relations);
        let groups = groups(select, &clauses, outer, &columns)?;
        let mut fields = Vec::new();
        let mut time_name = super::relation::TIME.to_owned();
        for field in &select.fields {
            match &field.expr {
                Expr::Var(var) if var.is_time() => {
                    if let Some(alias) = field.alias.as_ref().filter(|_| !outer.nested) {
                        time_name.clone_from(alias);
                    }
                }
                _ => expand(field, select, &columns, &mut fields)?,
            }
            limits.check_columns(fields.len()).map_err(Error::Invalid)?;
        }
        let names = unique_names(fields.iter().map(Field::name).collect());
        let fields: Vec<QueryField> = fields
            .into_iter()
            .zip(names)
            .map(|(field, name)| QueryField {
                name,
                expr: field.expr,
            })
            .collect();
        check_variables(&fields)?;
        let exprs: Vec<&Expr> = fields.iter().map(|field| &field.expr).collect();
        let class = match exprs.is_empty() {
            true => Class::Raw,
            false => functions::classify(&exprs, clauses.buckets.is_some())?,
        };
        Ok(Self {
            clauses,
            class,
            fields,
            time_name,
            groups,
        })
    }

    /// The columns by whose values a row of a relation is a row: those inside of functions, or all of
    /// them where there is no function.
    pub(super) fn row_columns(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        for field in &self.fields {
            match self.class {
                Class::Raw => add_columns(&field.expr, &mut names),
                _ => field.expr.walk(&mut |expr| {
                    if let Expr::Call(call) = expr
                        && let Some(kind) = functions::kind(&call.name)
                    {
                        // The tags of top and bottom don't make a row.
                        let args = if kind == Kind::TopBottom {
                            &call.args[..1]
                        } else {
                            &call.args
                        };
                        args.iter().for_each(|arg| add_columns(arg, &mut names));
                    }
                }),
            }
        }
        names
    }

    /// Every column the fields name.
    pub(super) fn columns(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        self.fields
            .iter()
            .for_each(|field| add_columns(&field.expr, &mut names));
        names
    }
}

fn add_columns<'a>(expr: &'a Expr, names: &mut BTreeSet<&'a str>) {
    expr.walk(&mut |expr| {
        if let Expr::Var(var) = expr {
            names.insert(&var.name);
        }
    });
}

fn check_variables(fields: &[QueryField]) -> Result<()> {
    let has_variable = |field: &QueryField| {
        field
            .expr
            .any(&mut |expr| matches!(expr, Expr::Var(_) | Expr::Call(_)))
    };
    match fields.iter().all(has_variable) {
        true => Ok(()),
        false => invalid("field must contain at least one variable"),
    }
}

/// The columns of all relations together.
struct Columns(BTreeMap<String, ValueType>);

impl Columns {
    fn of(relations: &[Relation]) -> Self {
        let mut columns: BTreeMap<String, ValueType> = BTreeMap::new();
        for (name, column) in relations.iter().flat_map(|relation| &relation.columns) {
            let merged = match columns.get(name) {
                Some(known) => known.merge(column.value_type).unwrap_or(*known),
                None => column.value_type,
            };
            columns.insert(name.clone(), merged);
        }
        Self(columns)
    }

    fn is_tag(&self, name: &str) -> bool {
        self.0.get(name) == Some(&ValueType::Tag)
    }

    fn tags(&self) -> impl Iterator<Item = &String> {
        self.0
            .iter()
            .filter(|(_, t)| **t == ValueType::Tag)
            .map(|(name, _)| name)
    }
}

fn groups(
    select: &Select,
    clauses: &Clauses,
    outer: &Scope,
    columns: &Columns,
) -> Result<Vec<String>> {
    let mut groups: BTreeSet<String> = clauses.group_names.iter().cloned().collect();
    groups.extend(
        outer
            .groups
            .iter()
            .filter(|name| columns.is_tag(name))
            .cloned(),
    );
    for dimension in &select.group_by {
        match dimension {
            Dimension::Wildcard(None | Some(WildcardKind::Tag)) => {
                groups.extend(columns.tags().cloned());
            }
            Dimension::Regex(regex) => {
                let regex = compile(regex)?;
                groups.extend(columns.tags().filter(|name| regex.is_match(name)).cloned());
            }
            _ => {}
        }
    }
    Ok(groups.into_iter().collect())
}

/// Appends what a field of the `SELECT` list stands for.
fn expand(field: &Field, select: &Select, columns: &Columns, into: &mut Vec<Field>) -> Result<()> {
    let bare = |name: &str| Field {
        expr: Expr::var(name),
        alias: field.alias.clone(),
    };
    match &field.expr {
        Expr::Wildcard(kind) => {
            let grouped = grouped_tags(select);
            for (name, value_type) in &columns.0 {
                let tag = *value_type == ValueType::Tag;
                let wanted = match kind {
                    None => true,
                    Some(WildcardKind::Tag) => tag,
                    Some(WildcardKind::Field) => !tag,
                };
                if wanted && !(tag && grouped.hides(name)) {
                    into.push(bare(name));
                }
            }
        }
        Expr::Regex(regex) => {
            let (regex, grouped) = (compile(regex)?, grouped_tags(select));
            let names = columns.0.keys().filter(|name| {
                regex.is_match(name) && !(columns.is_tag(name) && grouped.hides(name))
            });
            into.extend(names.map(|name| bare(name)));
        }
        Expr::Call(call) if matches!(call.name.as_str(), "top" | "bottom") => {
            into.push(field.clone());
            // The tags that divide the rows become columns behind the value.
            let tags = call
                .args
                .iter()
                .skip(1)
                .filter(|arg| matches!(arg, Expr::Var(_)));
            into.extend(tags.map(|tag| Field {
                expr: tag.clone(),
                alias: None,
            }));
        }
        Expr::Call(call) if holds_wildcard(&field.expr) => {
            for name in expand_call(call, columns)? {
                let prefix = field.alias.as_deref().unwrap_or(&call.name);
                let alias = Some(format!("{prefix}_{name}"));
                into.push(Field {
                    expr: with_column(&field.expr, &name),
                    alias,
                });
            }
        }
        expr if holds_wildcard(expr) => {
            return invalid(
                "unsupported binary expression: contains a wildcard or regular expression",
            );
        }
        _ => into.push(field.clone()),
    }
    Ok(())
}

fn holds_wildcard(expr: &Expr) -> bool {
    expr.any(&mut |e| matches!(e, Expr::Wildcard(_) | Expr::Regex(_)))
}

/// The tags a wildcard leaves out.
enum Grouped {
    All,
    Names(Vec<String>),
}

impl Grouped {
    fn hides(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Names(names) => names.iter().any(|hidden| hidden == name),
        }
    }
}

fn grouped_tags(select: &Select) -> Grouped {
    let all = |d: &Dimension| matches!(d, Dimension::Wildcard(_) | Dimension::Regex(_));
    if select.group_by.iter().any(all) {
        return Grouped::All;
    }
    Grouped::Names(group_names(&select.group_by))
}

/// The fields that the wildcard in the innermost argument of a call stands for.
fn expand_call(call: &Call, columns: &Columns) -> Result<Vec<String>> {
    let name = call.name.as_str();
    let fitting = |test: &dyn Fn(&str) -> bool| {
        let fields = columns
            .0
            .iter()
            .filter(|(_, value_type)| functions::takes(name, **value_type));
        fields
            .map(|(column, _)| column.clone())
            .filter(|column| test(column))
            .collect()
    };
    match call.args.first() {
        Some(Expr::Wildcard(Some(WildcardKind::Tag))) => {
            invalid(format!("unable to use tag as wildcard in {name}()"))
        }
        Some(Expr::Wildcard(_)) => Ok(fitting(&|_| true)),
        Some(Expr::Regex(regex)) => {
            let regex = compile(regex)?;
            Ok(fitting(&|column: &str| regex.is_match(column)))
        }
        Some(Expr::Call(inner)) => expand_call(inner, columns),
        _ => invalid("unsupported binary expression: contains a wildcard or regular expression"),
    }
}

/// The expression with a column in place of each wildcard.
fn with_column(expr: &Expr, name: &str) -> Expr {
    fn replace(expr: &mut Expr, name: &str) {
        if matches!(expr, Expr::Wildcard(_) | Expr::Regex(_)) {
            *expr = Expr::Var(VarRef {
                name: name.to_owned(),
                cast: None,
            });
            return;
        }
        expr.children_mut()
            .into_iter()
            .for_each(|child| replace(child, name));
    }
    let mut expr = expr.clone();
    replace(&mut expr, name);
    expr
}

/// Whether a table is named by `FROM`.
pub(super) fn names_table(regex: &Regex, table: &str) -> Result<bool> {
    Ok(compile(regex)?.is_match(table))
}
