//! Items of the `SELECT` list.

use super::{Columns, Generator, UNKNOWN, is_number};
use watershed_influxql::{BinaryOp, Call, Cast, Expr, Regex, VarRef, WildcardKind};
use watershed_line_protocol::FieldKind;

/// Aggregates of one column of numbers.
const NUMBER_AGGREGATES: &[(u32, &str)] = &[
    (8, "mean"),
    (6, "sum"),
    (5, "count"),
    (3, "median"),
    (2, "spread"),
    (2, "stddev"),
    (2, "mode"),
    (2, "integral"),
];

/// Those whose results do not depend on the order of rows, and have one in 1.6.
const SAFE_AGGREGATES: &[(u32, &str)] = &[(8, "mean"), (6, "sum"), (5, "count")];

/// Selectors whose value does not depend on the order of rows.
const SAFE_SELECTORS: &[(u32, &str)] = &[(1, "max"), (1, "min")];

/// Selectors of one column of numbers, which give one row.
const NUMBER_SELECTORS: &[(u32, &str)] = &[
    (3, "first"),
    (4, "last"),
    (4, "max"),
    (3, "min"),
    (2, "percentile"),
];

/// What takes text as well.
const TEXT_FUNCTIONS: &[(u32, &str)] = &[(3, "count"), (3, "last"), (2, "first"), (1, "mode")];

/// Window functions.
const WINDOWS: &[(u32, &str)] = &[
    (4, "derivative"),
    (4, "non_negative_derivative"),
    (3, "difference"),
    (2, "non_negative_difference"),
    (2, "cumulative_sum"),
    (2, "moving_average"),
    (1, "elapsed"),
];

/// Functions of numbers with one argument whose result is finite for all arguments.
const MATH: &[&str] = &["ceil", "floor", "round", "sin", "cos", "atan"];

/// Those whose result has the type of the argument. 1.6 takes the results of the others for integers, too, if
/// a subquery makes them of integers.
const NESTED_MATH: &[&str] = &["ceil", "floor", "round"];

/// Functions that have no result for some numbers.
const PARTIAL_MATH: &[&str] = &["sqrt", "ln", "log2", "log10", "exp", "asin", "acos", "tan"];

impl Generator<'_> {
    fn one_of(&mut self, names: &[&'static str]) -> &'static str {
        let name: &&'static str = self.dice.pick(names);
        name
    }

    fn likely_one_of(&mut self, names: &[(u32, &'static str)]) -> &'static str {
        let name: &&'static str = self.dice.weighted(names);
        name
    }

    /// A column of a raw query: a field, now and then a tag, arithmetic or a cast.
    pub(super) fn raw_item(&mut self, columns: &Columns) -> Expr {
        let numbers = columns.numbers();
        let all = columns.fields_that(|_| true);
        let tags = columns.tag_names();
        match self.dice.between(0, 99) {
            0..12 if !tags.is_empty() => Expr::var(self.dice.pick(&tags)),
            12..34 if !numbers.is_empty() => self.arithmetic(&numbers, 2),
            34..44 if !numbers.is_empty() => {
                let inner = self.arithmetic(&numbers, 1);
                self.math(inner)
            }
            44..48 => self.cast(columns),
            48..50 => Expr::var(UNKNOWN),
            50..52 => self.bits(columns),
            _ if !all.is_empty() => Expr::var(self.dice.pick(&all)),
            _ => Expr::var(UNKNOWN),
        }
    }

    /// Arithmetic over columns and constants with at least one column in it.
    pub(super) fn arithmetic(&mut self, numbers: &[String], depth: u32) -> Expr {
        let column = Expr::var(self.dice.pick(numbers));
        if depth == 0 || self.dice.chance(25) {
            return column;
        }
        let other = match self.dice.between(0, 9) {
            0..4 => self.number(),
            4..7 => Expr::var(self.dice.pick(numbers)),
            _ => self.arithmetic(numbers, depth - 1),
        };
        let op = self.operator();
        let left = if self.dice.chance(40) {
            self.arithmetic(numbers, depth - 1)
        } else {
            column
        };
        if self.dice.chance(25) && !matches!(op, BinaryOp::Div | BinaryOp::Mod) {
            return Expr::binary(op, other, left);
        }
        Expr::binary(op, left, other)
    }

    fn operator(&mut self) -> BinaryOp {
        // 1.6 cuts the quotients of integers that a subquery makes.
        if self.nested {
            return *self
                .dice
                .pick(&[BinaryOp::Add, BinaryOp::Sub, BinaryOp::Mul]);
        }
        *self.dice.weighted(&[
            (5, BinaryOp::Add),
            (5, BinaryOp::Sub),
            (6, BinaryOp::Mul),
            (5, BinaryOp::Div),
            (1, BinaryOp::Mod),
        ])
    }

    /// A constant.
    pub(super) fn number(&mut self) -> Expr {
        if self.dice.chance(50) {
            Expr::Integer(*self.dice.pick(&[1, 2, 3, 8, 10, 100, 1024, -1, 0]))
        } else {
            Expr::Float(*self.dice.pick(&[0.5, 1.5, 2.0, 100.0, 0.001, -2.5]))
        }
    }

    /// A scalar function. `abs` is outermost where it is at all: see the known differences.
    fn math(&mut self, inner: Expr) -> Expr {
        if self.nested {
            return call(self.one_of(NESTED_MATH), vec![inner]);
        }
        match self.dice.between(0, 9) {
            0 => call("abs", vec![inner]),
            1..7 => call(self.one_of(MATH), vec![inner]),
            7 => call(self.one_of(PARTIAL_MATH), vec![inner]),
            8 => call("pow", vec![inner, Expr::Integer(self.dice.between(0, 3))]),
            _ => {
                let other = self.number();
                call(self.one_of(&["atan2", "log"]), vec![inner, other])
            }
        }
    }

    fn cast(&mut self, columns: &Columns) -> Expr {
        let all = columns.fields_that(|_| true);
        if all.is_empty() {
            return Expr::var(UNKNOWN);
        }
        let name = self.dice.pick(&all).clone();
        let number = columns.fields.get(&name).copied().is_some_and(is_number);
        let cast = if number {
            *self.dice.pick(&[Cast::Float, Cast::Integer, Cast::Field])
        } else {
            Cast::Field
        };
        Expr::Var(VarRef {
            name,
            cast: Some(cast),
        })
    }

    /// An operator on bits between integers or booleans.
    fn bits(&mut self, columns: &Columns) -> Expr {
        let op = *self
            .dice
            .pick(&[BinaryOp::BitAnd, BinaryOp::BitOr, BinaryOp::BitXor]);
        let integers = columns.fields_that(|kind| kind == FieldKind::Integer);
        let booleans = columns.fields_that(|kind| kind == FieldKind::Boolean);
        if !integers.is_empty() {
            let name = self.dice.pick(&integers).clone();
            return Expr::binary(op, Expr::var(name), Expr::Integer(self.dice.between(0, 9)));
        }
        match booleans.first() {
            Some(name) => Expr::binary(op, Expr::var(name), Expr::Boolean(self.dice.chance(50))),
            None => Expr::var(UNKNOWN),
        }
    }

    /// A call that makes one value of many: an aggregate, or a selector used as one.
    pub(super) fn aggregate(&mut self, columns: &Columns) -> Expr {
        let field = self.field(columns);
        self.aggregate_of(field)
    }

    fn aggregate_of(&mut self, (name, kind): (String, FieldKind)) -> Expr {
        let argument = Expr::var(&name);
        if !is_number(kind) {
            let is_safe = !(self.nested && self.ties);
            let function = match is_safe {
                true => self.likely_one_of(TEXT_FUNCTIONS),
                false => "count",
            };
            return call(function, vec![argument]);
        }
        match self.dice.between(0, 9) {
            0 => call("count", vec![call("distinct", vec![argument])]),
            1..4 => {
                let function = self.selector_name();
                self.selector_call(function, argument)
            }
            _ => {
                let function = self.likely_one_of(match self.nested || self.ties {
                    true => SAFE_AGGREGATES,
                    false => NUMBER_AGGREGATES,
                });
                let mut arguments = vec![argument];
                if function == "integral" && self.dice.chance(40) {
                    arguments.push(self.unit());
                }
                call(function, arguments)
            }
        }
    }

    /// A selector call that gives one row.
    pub(super) fn selector(&mut self, columns: &Columns) -> Expr {
        let (name, kind) = self.field(columns);
        let argument = Expr::var(&name);
        if is_number(kind) {
            let function = self.selector_name();
            return self.selector_call(function, argument);
        }
        call(self.one_of(&["first", "last"]), vec![argument])
    }

    fn selector_name(&mut self) -> &'static str {
        let names = match self.nested && self.ties {
            true => SAFE_SELECTORS,
            false => NUMBER_SELECTORS,
        };
        self.likely_one_of(names)
    }

    fn selector_call(&mut self, function: &str, argument: Expr) -> Expr {
        let mut arguments = vec![argument];
        if function == "percentile" {
            // From 50 on, one value is enough for a row. A bucket without one ends the series in 1.6.
            let integer = Expr::Integer(*self.dice.pick(&[50, 75, 90, 95, 99, 100]));
            let float = Expr::Float(*self.dice.pick(&[50.5, 66.6, 99.9]));
            arguments.push(if self.dice.chance(80) { integer } else { float });
        }
        call(function, arguments)
    }

    /// An aggregate with arithmetic or mathematics around it.
    pub(super) fn aggregate_expression(&mut self, columns: &Columns) -> Expr {
        let one = self.number_aggregate(columns);
        match self.dice.between(0, 9) {
            0..3 => {
                let op = self.operator();
                let other = self.number_aggregate(columns);
                Expr::binary(op, one, other)
            }
            3..5 => self.math(one),
            _ => {
                let op = self.operator();
                let number = self.number();
                Expr::binary(op, one, number)
            }
        }
    }

    /// A call that makes one number of many.
    pub(super) fn number_aggregate(&mut self, columns: &Columns) -> Expr {
        let numbers = columns.numbers();
        if numbers.is_empty() {
            let (name, _) = self.field(columns);
            return call("count", vec![Expr::var(name)]);
        }
        let name = self.dice.pick(&numbers).clone();
        self.aggregate_of((name, FieldKind::Float))
    }

    /// `top` or `bottom`, half of them with tags.
    pub(super) fn top_bottom(&mut self, columns: &Columns) -> Expr {
        let numbers = columns.numbers();
        let name = match numbers.is_empty() {
            true => UNKNOWN.to_owned(),
            false => self.dice.pick(&numbers).clone(),
        };
        let mut arguments = vec![Expr::var(name)];
        let tags = columns.tag_names();
        if !tags.is_empty() && self.dice.chance(40) {
            let count = self.dice.count(1, 2);
            arguments.extend(self.dice.some(&tags, count).into_iter().map(Expr::var));
        }
        arguments.push(Expr::Integer(self.dice.between(1, 5)));
        call(self.one_of(&["top", "bottom"]), arguments)
    }

    /// A window function over `inner`.
    pub(super) fn window(&mut self, inner: Expr) -> Expr {
        let function = self.likely_one_of(WINDOWS);
        let mut arguments = vec![inner];
        match function {
            "moving_average" => arguments.push(Expr::Integer(self.dice.between(2, 4))),
            "derivative" | "non_negative_derivative" | "elapsed" if self.dice.chance(50) => {
                arguments.push(self.unit());
            }
            _ => {}
        }
        call(function, arguments)
    }

    /// A unit of time for rates.
    fn unit(&mut self) -> Expr {
        Expr::Duration(*self.dice.pick(&[
            1_000_000,
            1_000_000_000,
            10_000_000_000,
            60_000_000_000,
            3_600_000_000_000,
        ]))
    }

    /// `f(*)` or `f(/re/)`.
    pub(super) fn wildcard_call(&mut self, columns: &Columns) -> Expr {
        let argument = if self.dice.chance(60) {
            Expr::Wildcard(None)
        } else {
            Expr::Regex(self.name_regex(&columns.fields_that(|_| true)))
        };
        if self.nested {
            return call(self.one_of(&["mean", "max", "min", "sum"]), vec![argument]);
        }
        let functions: &[&'static str] = &[
            "mean", "max", "min", "first", "last", "sum", "count", "median", "mode", "spread",
            "stddev",
        ];
        call(self.one_of(functions), vec![argument])
    }

    /// `*` or a regular expression for columns.
    pub(super) fn wildcard(&mut self, columns: &Columns) -> Expr {
        match self.dice.between(0, 9) {
            0..6 => Expr::Wildcard(None),
            6 => Expr::Wildcard(Some(WildcardKind::Field)),
            _ => {
                let mut names = columns.fields_that(|_| true);
                names.extend(columns.tag_names());
                Expr::Regex(self.name_regex(&names))
            }
        }
    }

    /// A pattern that matches some of `names`, usually.
    pub(super) fn name_regex(&mut self, names: &[String]) -> Regex {
        if names.is_empty() || self.dice.chance(15) {
            return Regex(self.dice.pick(&["a", "e", "^[a-m]", ".", "o$"]).to_string());
        }
        let name = self.dice.pick(names).clone();
        let first: String = name.chars().take(1).collect();
        let other = self.dice.pick(names).clone();
        Regex(match self.dice.between(0, 3) {
            0 => format!("^{first}"),
            1 => format!("^({name}|{other})$"),
            2 => name,
            _ => format!("{first}.*"),
        })
    }

    /// A field, numbers preferred.
    pub(super) fn field(&mut self, columns: &Columns) -> (String, FieldKind) {
        let numbers = columns.numbers();
        let name = if !numbers.is_empty() && self.dice.chance(85) {
            self.dice.pick(&numbers).clone()
        } else {
            let all = columns.fields_that(|_| true);
            if all.is_empty() || self.dice.chance(3) {
                return (UNKNOWN.to_owned(), FieldKind::Float);
            }
            self.dice.pick(&all).clone()
        };
        let kind = columns.fields.get(&name).copied();
        (name, kind.unwrap_or(FieldKind::Float))
    }
}

/// `name(arguments)`.
pub(super) fn call(name: &str, args: Vec<Expr>) -> Expr {
    Expr::Call(Call {
        name: name.to_owned(),
        args,
    })
}
