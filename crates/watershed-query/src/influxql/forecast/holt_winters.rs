//! Forecasts by the method of Holt and Winters: a level, a damped trend and, if wanted, seasons that
//! multiply, each smoothed exponentially.
//!
//! 1. Level, trend and seasons are guessed from the first values, and the four weights set to each of the
//!    points of a small grid.
//! 2. From each of those, [`nelder_mead`](super::nelder_mead) looks for the parameters whose forecasts of
//!    the known values are nearest.
//! 3. The best of them forecast what comes after.
//!
//! Guesses, grid and recursion are those of InfluxDB 1.x.

use super::nelder_mead;

/// Where each of the four weights begins.
const GRID: [f64; 2] = [0.3, 0.7];
/// The place of the seasons in the parameters, after weights of level, trend and season, damping, first
/// level and first trend.
const SEASONS: usize = 6;

/// The values at the known points and the `count` after them, as the best model has them; where it gives no
/// number, NaN. `values` are evenly spaced, the first is known, NaN stands for those that are not. A season has
/// `season` values; there are none with less than two.
///
/// `None` when there are too few known values: less than two, or than a season has.
pub(super) fn forecast(values: &[f64], season: usize, count: usize) -> Option<Vec<f64>> {
    let season = if season < 2 { 0 } else { season };
    let known = values.iter().filter(|value| !value.is_nan()).count();
    if known < season.max(2) {
        return None;
    }
    let mut start = guess(values, season);
    let mut scratch = vec![0.0; values.len()];
    let mut best: Option<(f64, Vec<f64>)> = None;
    for weights in grid() {
        start[..weights.len()].copy_from_slice(&weights);
        let error = |parameters: &mut [f64]| {
            run(values[0], season, parameters, &mut scratch);
            squared_error(values, &scratch)
        };
        let (error, parameters) = nelder_mead::minimum(error, &start);
        if best.as_ref().is_none_or(|(least, _)| error < *least) {
            best = Some((error, parameters));
        }
    }
    let (_, mut parameters) = best?;
    let mut forecast = vec![0.0; values.len() + count];
    run(values[0], season, &mut parameters, &mut forecast);
    Some(forecast)
}

/// The weights to begin with.
fn grid() -> impl Iterator<Item = [f64; 4]> {
    let pairs = || {
        GRID.into_iter()
            .flat_map(|a| GRID.into_iter().map(move |b| (a, b)))
    };
    pairs().flat_map(move |(a, b)| pairs().map(move |(c, d)| [a, b, c, d]))
}

/// First level, first trend and seasons; unknown values are passed over.
fn guess(values: &[f64], season: usize) -> Vec<f64> {
    let mut parameters = vec![0.0; SEASONS + season];
    if season == 0 {
        parameters[4] = 0.5 * values[0];
        if !values[1].is_nan() {
            parameters[5] = 0.5 * (values[1] - values[0]);
        }
        return parameters;
    }
    let length = season as f64;
    let (first, second) = values.split_at(season);
    let known = first.iter().filter(|value| !value.is_nan());
    let level = known.fold(0.0, |level, value| level + (1.0 / length) * value);
    let mut trend = 0.0;
    for (before, after) in first.iter().zip(second) {
        if !before.is_nan() && !after.is_nan() {
            trend += 1.0 / (length * length) * (after - before);
        }
    }
    parameters[4] = level;
    parameters[5] = trend;
    for (parameter, value) in parameters[SEASONS..].iter_mut().zip(first) {
        *parameter = if value.is_nan() { 0.0 } else { value / level };
    }
    parameters
}

/// Walks the model from its first value on and writes down what it gives. Weights are brought into 0 to 1,
/// and the seasons are left as they are after the last value: the search goes on from there.
fn run(first: f64, season: usize, parameters: &mut [f64], into: &mut [f64]) {
    let (head, seasons) = parameters.split_at_mut(SEASONS);
    for weight in &mut head[..4] {
        *weight = weight.clamp(0.0, 1.0);
    }
    let [alpha, beta, gamma, phi] = [head[0], head[1], head[2], head[3]];
    let (mut level, mut trend) = (head[4], head[5]);
    let mut value = first;
    let (mut damping, mut settled) = (phi, false);
    // The seasons are a ring that turns by one place more with each step.
    let mut turned = season.saturating_sub(1);
    into[0] = first;
    for (step, slot) in into.iter_mut().enumerate().skip(1) {
        let (mut factor, mut factor_then) = (1.0, 1.0);
        if season > 0 {
            let place = step + turned;
            factor = seasons[(place - season) % season];
            factor_then = seasons[(place - season + step % season) % season];
        }
        let expected = level + phi * trend;
        let new_level = alpha * (value / factor) + (1.0 - alpha) * expected;
        let new_trend = beta * (new_level - level) + (1.0 - beta) * phi * trend;
        let new_factor = gamma * (value / expected) + (1.0 - gamma) * factor;
        value = (new_level + damping * new_trend) * factor_then;
        level = new_level;
        trend = new_trend;
        if !settled {
            // The powers fall: one that adds nothing is followed by none that does.
            let grown = damping + phi.powf(step as f64);
            settled = grown == damping;
            damping = grown;
        }
        if season > 0 {
            seasons[(step + turned) % season] = new_factor;
            turned += 1;
        }
        *slot = value;
    }
}

/// The sum of the squared distances from the known values; without end where the model gives no number.
fn squared_error(values: &[f64], forecast: &[f64]) -> f64 {
    let mut sum = 0.0;
    for (value, forecast) in values.iter().zip(forecast) {
        if value.is_nan() {
            continue;
        }
        if forecast.is_nan() {
            return f64::INFINITY;
        }
        sum += (forecast - value).powi(2);
    }
    sum
}

#[cfg(test)]
mod tests;
