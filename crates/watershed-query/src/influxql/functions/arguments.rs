//! The arguments of functions that have constants of their own: technical analysis, forecasts, samples.

use super::{expect_arguments, expect_column};
use crate::influxql::error::{Result, invalid};
use crate::influxql::forecast::Forecast;
use crate::influxql::windows::{Indicator, Technical};
use watershed_influxql::{Call, Expr};

/// The points `holt_winters` forecasts at most: they are in memory at once.
const FORECAST_POINTS_MAX: i64 = 10_000;
/// The longest season: the search for the best model takes time by the square of it.
const SEASON_MAX: i64 = 256;

/// A function of technical analysis with its constants; `None` when the call is of another one.
///
/// # Errors
/// Wrong constants. What the function is of is not looked at.
pub(in crate::influxql) fn technical(call: &Call) -> Result<Option<Technical>> {
    let Some(indicator) = Indicator::named(&call.name) else {
        return Ok(None);
    };
    let name = &call.name;
    let warmups = indicator.warmups();
    expect_arguments(call, 2, if warmups.is_empty() { 3 } else { 4 })?;
    let period = match positive(call, 1)? {
        Some(period) => period,
        None => {
            return invalid(format!(
                "{name} period must be at least 1, got {}",
                call.args[1]
            ));
        }
    };
    let hold = match call.args.get(2) {
        None | Some(Expr::Integer(-1)) => None,
        Some(Expr::Integer(0)) if indicator != Indicator::Trix => Some(0),
        Some(given) => match positive(call, 2)? {
            Some(hold) => Some(hold),
            None => {
                let least = i32::from(indicator == Indicator::Trix);
                return invalid(format!(
                    "{name} hold period must be greater than or equal to {least}, or -1 for the default, \
                     got {given}"
                ));
            }
        },
    };
    let warmup = match (call.args.get(3), warmups.first()) {
        (None, Some((_, default))) => *default,
        (None, None) => crate::influxql::windows::Warmup::None,
        (Some(given), _) => {
            let wanted = |(text, _): &&(&str, _)| matches!(given, Expr::String(s) if s == text);
            match warmups.iter().find(wanted) {
                Some((_, warmup)) => *warmup,
                None => {
                    let known: Vec<String> = warmups
                        .iter()
                        .map(|(text, _)| format!("'{text}'"))
                        .collect();
                    return invalid(format!(
                        "{name} warmup type must be one of: {}, got {given}",
                        known.join(", ")
                    ));
                }
            }
        }
    };
    Ok(Some(Technical {
        indicator,
        period,
        hold,
        warmup,
    }))
}

/// An integer above zero as argument number `at`; `None` for one that is not.
fn positive(call: &Call, at: usize) -> Result<Option<usize>> {
    match call.args.get(at) {
        Some(Expr::Integer(value)) => Ok(usize::try_from(*value).ok().filter(|value| *value > 0)),
        Some(other) => invalid(format!(
            "expected integer argument in {}(), got {other}",
            call.name
        )),
        None => Ok(None),
    }
}

/// A forecast with its constants, for buckets of that length; `None` when the call is no
/// `holt_winters`.
///
/// # Errors
/// Wrong constants. What the forecast is of is not looked at.
pub(in crate::influxql) fn forecast(call: &Call, interval: i64) -> Result<Option<Forecast>> {
    let with_fit = match call.name.as_str() {
        "holt_winters" => false,
        "holt_winters_with_fit" => true,
        _ => return Ok(None),
    };
    expect_arguments(call, 3, 3)?;
    let name = &call.name;
    let integer = |at: usize, which: &str| match call.args[at] {
        Expr::Integer(value) => Ok(value),
        ref other => invalid(format!(
            "expected integer argument as {which} arg in {name}, got {other}"
        )),
    };
    let (points, season) = (integer(1, "second")?, integer(2, "third")?);
    if points <= 0 {
        return invalid(format!(
            "second arg to {name} must be greater than 0, got {points}"
        ));
    }
    if season < 0 {
        return invalid(format!(
            "third arg to {name} cannot be negative, got {season}"
        ));
    }
    if points > FORECAST_POINTS_MAX {
        return invalid(format!(
            "second arg to {name} must not be greater than {FORECAST_POINTS_MAX}, got {points}"
        ));
    }
    if season > SEASON_MAX {
        return invalid(format!(
            "third arg to {name} must not be greater than {SEASON_MAX}, got {season}: use longer buckets"
        ));
    }
    Ok(Some(Forecast {
        points: usize::try_from(points).unwrap_or(0),
        season: usize::try_from(season).unwrap_or(0),
        interval,
        with_fit,
    }))
}

/// How many rows `sample` chooses.
///
/// # Errors
/// Wrong arguments.
pub(in crate::influxql) fn sample(call: &Call) -> Result<i64> {
    expect_arguments(call, 2, 2)?;
    expect_column(call)?;
    match call.args[1] {
        Expr::Integer(rows) if rows > 0 => Ok(rows),
        Expr::Integer(rows) => invalid(format!("sample window must be greater than 0, got {rows}")),
        ref other => invalid(format!(
            "expected integer argument in sample(), got {other}"
        )),
    }
}
