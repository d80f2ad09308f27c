//! Whatever tree the parser can build, printing and parsing it gives it back.
//!
//! The strategies are boxed: unboxed, one for a whole statement is too large for the stack of a
//! test.

use chrono_tz::Tz;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use watershed_influxql::{
    BinaryOp, Call, Cardinality, Cast, CreateDatabase, Delete, Dimension, DropRetentionPolicy,
    DropSeries, Explain, Expr, Field, Fill, KillQuery, Measurement, MeasurementName,
    MeasurementsOn, Order, Regex, RetentionPolicy, Select, SelectInto, ShowCardinality,
    ShowFieldKeys, ShowMeasurements, ShowRetentionPolicies, ShowSeries, ShowTagKeys, ShowTagValues,
    Source, Statement, TagKeys, TimeDimension, VarRef, WildcardKind, parse_expr, parse_statements,
};

fn name() -> BoxedStrategy<String> {
    prop_oneof![
        "[a-z_][a-zA-Z0-9_]{0,6}",
        select(vec![
            "select",
            "Key",
            "true",
            "time",
            "fill",
            "tz",
            "a.b",
            "a b",
            "é",
            "",
            "x\"y\\z\nw",
            "--",
            "/*",
            "1"
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ]
    .boxed()
}

fn regex() -> BoxedStrategy<Regex> {
    // Pairs with backslashes, as the lexer leaves them; a pattern that began with `*` would be a
    // comment.
    "([a-z/.]|\\\\[a-z.\\\\])([a-z/.*+]|\\\\[a-z.\\\\]){0,6}"
        .prop_map(Regex)
        .boxed()
}

fn wildcard() -> impl Strategy<Value = Option<WildcardKind>> {
    option::of(select(vec![WildcardKind::Tag, WildcardKind::Field]))
}

fn column() -> BoxedStrategy<VarRef> {
    let casts = vec![
        Cast::Float,
        Cast::Integer,
        Cast::Unsigned,
        Cast::String,
        Cast::Boolean,
        Cast::Tag,
        Cast::Field,
    ];
    (name(), option::of(select(casts)))
        .prop_map(|(name, cast)| VarRef { name, cast })
        .boxed()
}

fn leaf() -> BoxedStrategy<Expr> {
    prop_oneof![
        4 => column().prop_map(Expr::Var),
        1 => any::<i64>().prop_map(Expr::Integer),
        1 => (i64::MAX as u64 + 1..).prop_map(Expr::Unsigned),
        1 => any::<f64>().prop_filter("InfluxQL has finite floats only", |value| value.is_finite()).prop_map(Expr::Float),
        1 => any::<String>().prop_map(Expr::String),
        1 => any::<bool>().prop_map(Expr::Boolean),
        1 => any::<i64>().prop_map(Expr::Duration),
        1 => name().prop_map(Expr::Parameter),
        1 => wildcard().prop_map(Expr::Wildcard),
        1 => regex().prop_map(Expr::Regex),
    ]
    .boxed()
}

fn arithmetic() -> BoxedStrategy<Expr> {
    let ops = vec![
        BinaryOp::Add,
        BinaryOp::Sub,
        BinaryOp::Mul,
        BinaryOp::Div,
        BinaryOp::Mod,
        BinaryOp::BitAnd,
        BinaryOp::BitOr,
        BinaryOp::BitXor,
    ];
    leaf()
        .prop_recursive(4, 12, 3, move |inner| {
            prop_oneof![
                (select(ops.clone()), inner.clone(), inner.clone())
                    .prop_map(|(op, left, right)| Expr::binary(op, left, right)),
                ("[a-z_]{1,5}", prop::collection::vec(inner, 0..3))
                    .prop_filter_map("a keyword is no function", call),
            ]
        })
        .boxed()
}

fn call((name, args): (String, Vec<Expr>)) -> Option<Expr> {
    // A name that would have to be quoted cannot be called.
    let plain = !Expr::var(name.as_str()).to_string().starts_with('"');
    plain.then_some(Expr::Call(Call { name, args }))
}

fn comparison() -> BoxedStrategy<Expr> {
    let ops = vec![
        BinaryOp::Eq,
        BinaryOp::NotEq,
        BinaryOp::Lt,
        BinaryOp::LtEq,
        BinaryOp::Gt,
        BinaryOp::GtEq,
    ];
    prop_oneof![
        (select(ops), arithmetic(), arithmetic())
            .prop_map(|(op, left, right)| Expr::binary(op, left, right)),
        (
            select(vec![BinaryOp::Matches, BinaryOp::NotMatches]),
            column(),
            regex()
        )
            .prop_map(|(op, column, regex)| Expr::binary(
                op,
                Expr::Var(column),
                Expr::Regex(regex)
            )),
    ]
    .boxed()
}

fn condition() -> BoxedStrategy<Expr> {
    comparison()
        .prop_recursive(3, 8, 3, |inner| {
            (any::<bool>(), prop::collection::vec(inner, 2..4))
                .prop_map(|(and, items)| chain(and, items))
        })
        .boxed()
}

/// The tree the parser makes of a chain, which need not have the shape the generator gave it.
fn chain(and: bool, items: Vec<Expr>) -> Expr {
    let op = if and { " AND " } else { " OR " };
    let items: Vec<String> = items.iter().map(|item| format!("({item})")).collect();
    parse_expr(&items.join(op)).expect("a chain of conditions")
}

fn measurement() -> BoxedStrategy<Measurement> {
    let measurement_name = prop_oneof![
        name().prop_map(MeasurementName::Name),
        regex().prop_map(MeasurementName::Regex)
    ];
    (option::of(name()), option::of(name()), measurement_name)
        .prop_map(|(database, retention_policy, name)| Measurement {
            database,
            retention_policy,
            name,
        })
        .boxed()
}

fn dimension() -> BoxedStrategy<Dimension> {
    prop_oneof![
        wildcard().prop_map(Dimension::Wildcard),
        regex().prop_map(Dimension::Regex),
        (any::<i64>(), option::of(arithmetic()))
            .prop_map(|(interval, offset)| Dimension::Time(TimeDimension { interval, offset })),
        column().prop_map(Dimension::Tag),
    ]
    .boxed()
}

fn fill() -> BoxedStrategy<Fill> {
    prop_oneof![
        select(vec![Fill::Null, Fill::None, Fill::Previous, Fill::Linear]),
        any::<i64>().prop_map(Fill::Integer),
        (-1e9..1e9f64).prop_map(Fill::Float),
    ]
    .boxed()
}

fn count() -> impl Strategy<Value = Option<u64>> {
    option::of(any::<u64>())
}

fn plain_select(source: BoxedStrategy<Source>) -> BoxedStrategy<Select> {
    let field = (arithmetic(), option::of(name())).prop_map(|(expr, alias)| Field { expr, alias });
    let zones = vec![
        Tz::UTC,
        Tz::Europe__Berlin,
        Tz::America__Argentina__Buenos_Aires,
        Tz::Etc__GMTPlus10,
    ];
    (
        (
            prop::collection::vec(field, 1..4),
            prop::collection::vec(source, 1..3),
            option::of(condition()),
        ),
        (
            prop::collection::vec(dimension(), 0..3),
            option::of(fill()),
            option::of(select(vec![Order::Ascending, Order::Descending])),
        ),
        (
            count(),
            count(),
            count(),
            count(),
            option::of(select(zones)),
        ),
    )
        .prop_map(
            |(
                (fields, from, condition),
                (group_by, fill, order),
                (limit, offset, series_limit, series_offset, time_zone),
            )| Select {
                fields,
                from,
                condition,
                group_by,
                fill,
                order,
                limit,
                offset,
                series_limit,
                series_offset,
                time_zone,
            },
        )
        .boxed()
}

fn source() -> BoxedStrategy<Source> {
    let measurement = measurement().prop_map(Source::Measurement).boxed();
    let subquery =
        plain_select(measurement.clone()).prop_map(|select| Source::Subquery(Box::new(select)));
    prop_oneof![3 => measurement, 1 => subquery].boxed()
}

fn tag_keys() -> BoxedStrategy<TagKeys> {
    prop_oneof![
        name().prop_map(TagKeys::Eq),
        name().prop_map(TagKeys::NotEq),
        regex().prop_map(TagKeys::Matches),
        regex().prop_map(TagKeys::NotMatches),
        prop::collection::vec(name(), 1..4).prop_map(TagKeys::In),
    ]
    .boxed()
}

fn cardinality() -> BoxedStrategy<Statement> {
    let of = prop_oneof![
        Just(Cardinality::Series),
        Just(Cardinality::Measurements),
        Just(Cardinality::TagKeys),
        tag_keys().prop_map(Cardinality::TagValues),
        Just(Cardinality::FieldKeys),
    ];
    (
        (of, any::<bool>(), option::of(name())),
        prop::collection::vec(measurement(), 0..3),
        option::of(condition()),
        prop::collection::vec(dimension(), 0..3),
        (count(), count()),
    )
        .prop_map(
            |((of, exact, on), from, condition, group_by, (limit, offset))| {
                Statement::ShowCardinality(Box::new(ShowCardinality {
                    of,
                    exact,
                    on,
                    from,
                    condition,
                    group_by,
                    limit,
                    offset,
                }))
            },
        )
        .boxed()
}

fn show() -> BoxedStrategy<Statement> {
    let on = || option::of(name());
    let from = || prop::collection::vec(measurement(), 0..3);
    let database = (name(), option::of(name())).prop_map(|(name, retention_policy)| {
        MeasurementsOn::Database {
            name,
            retention_policy,
        }
    });
    let all = select(vec![
        MeasurementsOn::AllDatabases,
        MeasurementsOn::AllDatabasesAndPolicies,
    ]);
    prop_oneof![
        Just(Statement::ShowDatabases),
        on().prop_map(|on| Statement::ShowRetentionPolicies(ShowRetentionPolicies { on })),
        (
            option::of(prop_oneof![database, all]),
            option::of(measurement()),
            option::of(condition()),
            count(),
            count()
        )
            .prop_map(|(on, with, condition, limit, offset)| {
                Statement::ShowMeasurements(ShowMeasurements {
                    on,
                    with,
                    condition,
                    limit,
                    offset,
                })
            }),
        (on(), from(), count(), count()).prop_map(|(on, from, limit, offset)| {
            Statement::ShowFieldKeys(ShowFieldKeys {
                on,
                from,
                limit,
                offset,
            })
        }),
        (
            on(),
            from(),
            option::of(tag_keys()),
            option::of(condition()),
            count(),
            count()
        )
            .prop_map(|(on, from, keys, condition, limit, offset)| {
                Statement::ShowTagKeys(ShowTagKeys {
                    on,
                    from,
                    keys,
                    condition,
                    limit,
                    offset,
                })
            }),
        (on(), from(), option::of(condition()), count(), count()).prop_map(
            |(on, from, condition, limit, offset)| {
                Statement::ShowSeries(ShowSeries {
                    on,
                    from,
                    condition,
                    limit,
                    offset,
                })
            }
        ),
        cardinality(),
        Just(Statement::ShowQueries),
        option::of(any::<String>()).prop_map(Statement::ShowStats),
        option::of(any::<String>()).prop_map(Statement::ShowDiagnostics),
        (
            on(),
            from(),
            tag_keys(),
            option::of(condition()),
            count(),
            count()
        )
            .prop_map(|(on, from, keys, condition, limit, offset)| {
                Statement::ShowTagValues(ShowTagValues {
                    on,
                    from,
                    keys,
                    condition,
                    limit,
                    offset,
                })
            }),
    ]
    .boxed()
}

fn duration() -> impl Strategy<Value = Option<i64>> {
    option::of(0..=i64::MAX)
}

fn replication() -> impl Strategy<Value = Option<u64>> {
    option::of(1..=0x7fff_ffff_u64)
}

fn retention_policy() -> BoxedStrategy<RetentionPolicy> {
    (
        name(),
        name(),
        duration(),
        replication(),
        duration(),
        any::<bool>(),
    )
        .prop_map(
            |(name, database, duration, replication, shard_duration, default)| RetentionPolicy {
                name,
                database,
                duration,
                replication,
                shard_duration,
                default,
            },
        )
        .boxed()
}

fn create_or_alter_policy((mut policy, create): (RetentionPolicy, bool)) -> Statement {
    if create {
        policy.duration.get_or_insert(0);
        policy.replication.get_or_insert(1);
        return Statement::CreateRetentionPolicy(policy);
    }
    let bare = RetentionPolicy {
        name: policy.name.clone(),
        database: policy.database.clone(),
        ..RetentionPolicy::default()
    };
    policy.default |= policy == bare;
    Statement::AlterRetentionPolicy(policy)
}

/// `FROM` and `WHERE`, at least one of them; the measurements have no database.
fn deleted() -> BoxedStrategy<(Vec<Measurement>, Option<Expr>)> {
    let from = || {
        let measurement = measurement().prop_map(|measurement| Measurement {
            database: None,
            ..measurement
        });
        prop::collection::vec(measurement, 1..3)
    };
    prop_oneof![
        (from(), option::of(condition())),
        condition().prop_map(|condition| (Vec::new(), Some(condition))),
    ]
    .boxed()
}

fn drop_series((mut from, condition): (Vec<Measurement>, Option<Expr>)) -> Statement {
    for measurement in &mut from {
        measurement.retention_policy = None;
    }
    Statement::DropSeries(DropSeries { from, condition })
}

fn admin() -> BoxedStrategy<Statement> {
    prop_oneof![
        name().prop_map(Statement::DropDatabase),
        name().prop_map(Statement::DropMeasurement),
        deleted().prop_map(|(from, condition)| Statement::Delete(Delete { from, condition })),
        deleted().prop_map(drop_series),
        (
            name(),
            duration(),
            replication(),
            duration(),
            option::of(name())
        )
            .prop_map(|(name, duration, replication, shard_duration, policy)| {
                Statement::CreateDatabase(CreateDatabase {
                    name,
                    duration,
                    replication,
                    shard_duration,
                    policy,
                })
            }),
        (retention_policy(), any::<bool>()).prop_map(create_or_alter_policy),
        (name(), name()).prop_map(|(name, database)| {
            Statement::DropRetentionPolicy(DropRetentionPolicy { name, database })
        }),
        (any::<u64>(), option::of(name()))
            .prop_map(|(id, host)| Statement::KillQuery(KillQuery { id, host })),
    ]
    .boxed()
}

fn statement() -> BoxedStrategy<Statement> {
    let into = (
        option::of(name()),
        option::of(name()),
        option::of(name()),
        plain_select(source()),
    );
    prop_oneof![
        4 => plain_select(source()).prop_map(|select| Statement::Select(Box::new(select))),
        1 => into.prop_map(|(database, retention_policy, measurement, select)| {
            Statement::SelectInto(Box::new(SelectInto { database, retention_policy, measurement, select }))
        }),
        3 => show(),
        2 => admin(),
    ]
    .boxed()
}

proptest! {
    #[test]
    fn expressions(expr in prop_oneof![arithmetic(), condition()]) {
        let printed = expr.to_string();
        prop_assert_eq!(parse_expr(&printed), Ok(expr), "{}", printed);
    }

    #[test]
    fn statements(statement in statement(), explain in any::<bool>(), analyze in any::<bool>(), verbose in any::<bool>()) {
        let statement = match explain {
            true => Statement::Explain(Explain { analyze, verbose, statement: Box::new(statement) }),
            false => statement,
        };
        let printed = statement.to_string();
        prop_assert_eq!(parse_statements(&printed), Ok(vec![statement]), "{}", printed);
    }

    #[test]
    fn parentheses_within_a_chain_change_nothing(ands in any::<bool>(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 2..60)) {
        let op = if ands { " AND " } else { " OR " };
        let mut items: Vec<String> = (0..cuts.len()).map(|index| format!("a{index}")).collect();
        let plain = items.join(op);
        // Two neighbours become one item, until there is one.
        for cut in &cuts[1..] {
            let left = cut.index(items.len() - 1);
            let right = items.remove(left + 1);
            items[left] = format!("({}{op}{right})", items[left]);
        }
        prop_assert_eq!(parse_expr(&items[0]), parse_expr(&plain), "{}", items[0]);
    }
}
