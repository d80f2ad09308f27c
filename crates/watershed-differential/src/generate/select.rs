//! `SELECT` with its clauses.

use super::expression::call;
use super::{Columns, Generator, is_number, var};
use crate::comparable::{is_bucketed, subquery};
use chrono_tz::Tz;
use watershed_influxql::{Dimension, Expr, Field, Fill, Order, Select, Source, TimeDimension};

const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Lengths of buckets, of which those are drawn that make a readable number of them.
const INTERVALS: &[i64] = &[
    SECOND,
    5 * SECOND,
    7 * SECOND,
    10 * SECOND,
    20 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    7 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    HOUR,
    3 * HOUR,
    6 * HOUR,
    DAY,
    2 * DAY,
    7 * DAY,
    30 * DAY,
    365 * DAY,
];

/// The most buckets a query asks for.
const BUCKETS_MAX: i64 = 200;

/// What is projected; see "projection class" in the description of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Raw,
    Wildcard,
    Aggregate,
    WildcardCall,
    Selector,
    TopBottom,
    Distinct,
    Window,
    WindowAggregate,
}

/// What is known of the times of rows that a query reads or makes.
#[derive(Debug, Clone, Copy)]
struct Times {
    kind: TimesKind,
    /// Whether a range of time has been asked for already.
    bounded: bool,
    /// Whether there may be rows of one time.
    ties: bool,
    /// Whether times are not those of points.
    is_made: bool,
}

#[derive(Debug, Clone, Copy)]
enum TimesKind {
    /// They are those of points.
    Rows,
    /// They are where buckets of this length begin.
    Buckets(i64),
    /// There is one alone, the beginning of a range or the epoch.
    Fixed,
}

impl Times {
    fn of_points(ties: bool) -> Self {
        Self {
            kind: TimesKind::Rows,
            bounded: false,
            ties,
            is_made: false,
        }
    }
}

impl Generator<'_> {
    pub(super) fn select(&mut self) -> Select {
        let depth = *self.dice.weighted(&[(84, 0), (12, 1), (4, 2)]);
        self.select_of_depth(depth).0
    }

    fn select_of_depth(&mut self, depth: u32) -> (Select, Times) {
        if depth == 0 {
            let (from, columns) = self.measurements();
            let times = Times::of_points(self.set.ties);
            return self.select_from(from, &columns, times);
        }
        let (inner, times) = self.inner_select(depth - 1);
        let columns = self.result_columns(&inner);
        self.select_from(vec![Source::Subquery(Box::new(inner))], &columns, times)
    }

    fn inner_select(&mut self, depth: u32) -> (Select, Times) {
        let was_nested = std::mem::replace(&mut self.nested, true);
        let (mut select, times) = self.select_of_depth(depth);
        self.nested = was_nested;
        select.order = None;
        select.series_limit = None;
        select.series_offset = None;
        if self.dice.chance(70) {
            select.limit = None;
            select.offset = None;
        }
        (select, times)
    }

    /// A query over rows of these columns and `times`, and what the times of its own rows are.
    fn select_from(
        &mut self,
        from: Vec<Source>,
        columns: &Columns,
        times: Times,
    ) -> (Select, Times) {
        let class = *self.dice.weighted(&[
            (18, Class::Raw),
            (6, Class::Wildcard),
            (30, Class::Aggregate),
            (6, Class::WildcardCall),
            (12, Class::Selector),
            (6, Class::TopBottom),
            (4, Class::Distinct),
            (8, Class::Window),
            (10, Class::WindowAggregate),
        ]);
        // 1.6 hands buckets down to subqueries that have none.
        let is_subquery_without_buckets = matches!(from.as_slice(), [Source::Subquery(_)])
            && !matches!(times.kind, TimesKind::Buckets(_));
        let class = match class {
            Class::WindowAggregate if is_subquery_without_buckets => Class::Window,
            class => class,
        };
        let class = match class {
            Class::Window if times.ties && columns.tags.is_empty() => Class::Raw,
            Class::Window if times.ties && times.is_made => Class::Raw,
            class => class,
        };
        self.ties = times.ties;
        let bucketed = !is_subquery_without_buckets
            && match class {
                Class::Raw | Class::Wildcard | Class::Window => false,
                Class::WindowAggregate => true,
                Class::Aggregate | Class::WildcardCall => self.dice.chance(60),
                _ => self.dice.chance(35),
            };
        let mut select = Select {
            fields: self.list(class, columns),
            from,
            condition: None,
            group_by: self.tag_dimensions(columns),
            fill: None,
            order: None,
            limit: None,
            offset: None,
            series_limit: None,
            series_offset: None,
            time_zone: None,
        };
        let (range, bounded) = self.time_range(class, bucketed, times);
        select.condition = self.condition(columns, range);
        let mut kind = match class {
            Class::Aggregate | Class::WildcardCall | Class::Distinct => TimesKind::Fixed,
            _ => times.kind,
        };
        if class == Class::Window && times.ties {
            // Neighbours of one time have no order; points of one series have different times.
            select.group_by = vec![Dimension::Wildcard(None)];
        }
        if bucketed {
            let (dimension, interval) = self.time_dimension();
            let place = self.dice.count(0, select.group_by.len());
            select.group_by.insert(place, dimension);
            select.fill = self.fill(class, &select, columns);
            if class != Class::TopBottom {
                kind = TimesKind::Buckets(interval);
            }
        }
        self.decorate(&mut select);
        let has_one_time = !matches!(kind, TimesKind::Rows);
        let times = Times {
            kind,
            bounded: times.bounded || bounded,
            ties: times.ties || has_one_time && !select.group_by.is_empty(),
            is_made: times.is_made || has_one_time,
        };
        (select, times)
    }

    /// The range of time that the query asks for, and whether there is one.
    ///
    /// In a query around buckets it begins where a bucket does: 1.6 hands out a bucket of a subquery that
    /// begins before the range, Watershed does not.
    fn time_range(&mut self, class: Class, bucketed: bool, times: Times) -> (Option<Expr>, bool) {
        let range = match times.kind {
            TimesKind::Rows if bucketed => Some(self.range(true, true)),
            TimesKind::Rows if self.set.recent && class == Class::Raw && self.dice.chance(40) => {
                Some(self.since())
            }
            // A subquery with buckets may have its range from the query around it.
            TimesKind::Rows => self.free_range(),
            TimesKind::Buckets(interval) if bucketed || !times.bounded || self.dice.chance(30) => {
                Some(self.range_of_buckets(interval, times.bounded))
            }
            TimesKind::Buckets(_) | TimesKind::Fixed => None,
        };
        let bounded = range.is_some();
        (range, bounded)
    }

    fn list(&mut self, class: Class, columns: &Columns) -> Vec<Field> {
        let mut exprs = Vec::new();
        match class {
            Class::Raw => {
                for _ in 0..self.dice.count(1, 3) {
                    exprs.push(self.raw_item(columns));
                }
                // Something has to be a field, or nothing comes of it.
                let (field, _) = self.field(columns);
                if self.dice.chance(60) {
                    exprs.push(Expr::var(field));
                }
            }
            Class::Wildcard => exprs.push(self.wildcard(columns)),
            Class::WildcardCall => exprs.push(self.wildcard_call(columns)),
            Class::Aggregate => {
                // What becomes of a count of nothing around it differs: there, one column is enough.
                let count = match self.nested {
                    true => 1,
                    false => *self.dice.weighted(&[(5, 1), (3, 2), (1, 3)]),
                };
                for _ in 0..count {
                    exprs.push(match self.dice.chance(25) {
                        true => self.aggregate_expression(columns),
                        false => self.aggregate(columns),
                    });
                }
            }
            Class::Selector => {
                exprs.push(self.selector(columns));
                if self.dice.chance(45) {
                    let mut beside = columns.tag_names();
                    beside.extend(columns.fields_that(|_| true));
                    let count = self.dice.count(1, 2);
                    exprs.extend(self.dice.some(&beside, count).into_iter().map(Expr::var));
                }
            }
            Class::TopBottom => {
                exprs.push(self.top_bottom(columns));
                let mut beside = columns.tag_names();
                beside.extend(columns.fields_that(|_| true));
                if self.dice.chance(35) {
                    exprs.extend(self.dice.some(&beside, 1).into_iter().map(Expr::var));
                }
            }
            Class::Distinct => {
                let (name, _) = self.field(columns);
                exprs.push(call("distinct", vec![Expr::var(name)]));
            }
            Class::Window => {
                for _ in 0..*self.dice.weighted(&[(5, 1), (1, 2)]) {
                    let numbers = columns.numbers();
                    exprs.push(match numbers.is_empty() {
                        // Text has no difference.
                        true => Expr::var(self.field(columns).0),
                        false => {
                            let name = self.dice.pick(&numbers).clone();
                            self.window(Expr::var(name))
                        }
                    });
                }
            }
            Class::WindowAggregate => {
                for _ in 0..*self.dice.weighted(&[(5, 1), (1, 2)]) {
                    let inner = self.number_aggregate(columns);
                    exprs.push(self.window(inner));
                }
                if self.dice.chance(10) {
                    exprs.push(self.number_aggregate(columns));
                }
            }
        }
        // 1.6 takes two equal calls for one.
        let mut seen: Vec<Expr> = Vec::new();
        exprs.retain(|expr| {
            let is_new = !seen.contains(expr);
            seen.push(expr.clone());
            is_new || matches!(expr, Expr::Var(_)) || class == Class::Window
        });
        self.aliased(exprs)
    }

    /// Aliases for a few. No two columns get one name: what they are called then differs between versions.
    fn aliased(&mut self, exprs: Vec<Expr>) -> Vec<Field> {
        let mut fields: Vec<Field> = exprs
            .into_iter()
            .map(|expr| Field { expr, alias: None })
            .collect();
        for (index, field) in fields.iter_mut().enumerate() {
            let nameable = !matches!(field.expr, Expr::Wildcard(_) | Expr::Regex(_));
            if nameable && self.dice.chance(12) {
                field.alias = Some(format!(
                    "{}{index}",
                    self.dice.pick(&["x", "Total ", "größe"])
                ));
            }
        }
        fields
    }

    fn tag_dimensions(&mut self, columns: &Columns) -> Vec<Dimension> {
        let tags = columns.tag_names();
        match self.dice.between(0, 99) {
            0..45 => Vec::new(),
            45..58 if columns.selects_tags => Vec::new(),
            45..53 => vec![Dimension::Wildcard(None)],
            53..58 => vec![Dimension::Regex(self.name_regex(&tags))],
            58..60 => vec![Dimension::Tag(var("nowhere"))],
            _ => {
                let count = *self.dice.weighted(&[(6, 1), (3, 2), (1, 3)]);
                let mut chosen = self.dice.some(&tags, count);
                if self.dice.chance(30) {
                    chosen.reverse();
                }
                chosen
                    .iter()
                    .map(|name| Dimension::Tag(var(name)))
                    .collect()
            }
        }
    }

    /// Buckets, and how long they are.
    fn time_dimension(&mut self) -> (Dimension, i64) {
        // Ranges go a little beyond the points.
        let span = self.set.max_time - self.set.min_time + 4 * self.set.step;
        let fitting: Vec<i64> = INTERVALS
            .iter()
            .copied()
            .filter(|interval| {
                let buckets = span / interval;
                (2..BUCKETS_MAX).contains(&buckets) && *interval * 4 >= self.set.step
            })
            .collect();
        let interval = match fitting.is_empty() {
            true => span.max(SECOND) / SECOND * SECOND,
            false => *self.dice.pick(&fitting),
        };
        // Where buckets of a subquery begin has to be known.
        let offset = (!self.nested && self.dice.chance(20)).then(|| {
            let part = interval / *self.dice.pick(&[2, 3, 5]);
            let part = (part / SECOND).max(1) * SECOND;
            Expr::Duration(part * *self.dice.pick(&[1, 1, -1, 4]))
        });
        (
            Dimension::Time(TimeDimension { interval, offset }),
            interval,
        )
    }

    fn fill(&mut self, class: Class, select: &Select, columns: &Columns) -> Option<Fill> {
        if class == Class::TopBottom || class == Class::Distinct {
            return None;
        }
        // Text has no line between two points, and no number stands for one in a subquery.
        let numbers_alone = is_numeric(select, columns);
        let fill = *self.dice.weighted(&[
            (40, None),
            (15, Some(Fill::None)),
            (15, Some(Fill::Previous)),
            (12, Some(Fill::Linear)),
            (5, Some(Fill::Null)),
            (9, Some(Fill::Integer(0))),
            (2, Some(Fill::Integer(-3))),
            (2, Some(Fill::Float(1.5))),
        ]);
        match fill {
            Some(Fill::Linear) if !numbers_alone => Some(Fill::Previous),
            Some(Fill::Integer(_) | Fill::Float(_)) if !numbers_alone && self.nested => None,
            fill => fill,
        }
    }

    /// Order, limits and zone.
    fn decorate(&mut self, select: &mut Select) {
        select.order = match self.dice.between(0, 99) {
            0..20 => Some(Order::Descending),
            20..24 => Some(Order::Ascending),
            _ => None,
        };
        if self.dice.chance(20) {
            select.limit = Some(u64::try_from(self.dice.between(1, 8)).unwrap_or(1));
            if self.dice.chance(25) {
                select.offset = Some(u64::try_from(self.dice.between(0, 4)).unwrap_or(0));
            }
        }
        if self.dice.chance(4) {
            select.series_limit = Some(u64::try_from(self.dice.between(1, 3)).unwrap_or(1));
            if self.dice.chance(50) {
                select.series_offset = Some(1);
            }
        }
        if !self.nested && !is_bucketed_below(select) && self.dice.chance(8) {
            select.time_zone = Some(*self.dice.pick(&[
                Tz::Europe__Berlin,
                Tz::America__New_York,
                Tz::Asia__Kolkata,
                Tz::UTC,
            ]));
        }
    }
}

/// Whether all columns that are named are numbers.
fn is_numeric(select: &Select, columns: &Columns) -> bool {
    let all_are = columns.numbers().len() == columns.fields.len();
    let mut is_other = |expr: &Expr| match expr {
        Expr::Var(column) => match columns.fields.get(&column.name) {
            Some(kind) => !is_number(*kind),
            None => true,
        },
        Expr::Wildcard(_) | Expr::Regex(_) => !all_are,
        _ => false,
    };
    !select
        .fields
        .iter()
        .any(|field| field.expr.any(&mut is_other))
}

/// Whether a subquery has buckets.
fn is_bucketed_below(select: &Select) -> bool {
    let mut below = select.from.iter().filter_map(subquery);
    below.any(|inner| is_bucketed(inner) || is_bucketed_below(inner))
}
