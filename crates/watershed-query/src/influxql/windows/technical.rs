//! The functions of technical analysis: averages that weigh late values more, and measures of how
//! steadily values move. They came with InfluxDB 1.7, whose start-up rules are kept.

use super::Walk;
use arrow::array::{ArrayRef, AsArray, Float64Array, TimestampNanosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::Result;
use std::collections::VecDeque;
use std::sync::Arc;

/// The function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::influxql) enum Indicator {
    /// `exponential_moving_average`.
    Ema,
    /// `double_exponential_moving_average`: twice the average less the average of the average.
    Dema,
    /// `triple_exponential_moving_average`.
    Tema,
    /// `triple_exponential_derivative`: the change of an average smoothed three times, in percent.
    Trix,
    /// `relative_strength_index`: rises against falls, from 0 to 100.
    Rsi,
    /// `kaufmans_efficiency_ratio`: the way from first to last against the way walked.
    Ker,
    /// `kaufmans_adaptive_moving_average`: an average that follows the faster the higher the ratio is.
    Kama,
    /// `chande_momentum_oscillator`: rises less falls against both, from -100 to 100.
    Cmo,
}

/// How an average begins, while there are fewer values than its period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::influxql) enum Warmup {
    /// As if the period were as long as there are values.
    Exponential,
    /// As the mean of the values.
    Simple,
    /// Without averages: [`Indicator::Cmo`] sums up the changes of the period instead.
    None,
}

/// A function with its constants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::influxql) struct Technical {
    pub(in crate::influxql) indicator: Indicator,
    /// How many values count; at least 1.
    pub(in crate::influxql) period: usize,
    /// How many values at the beginning have no result; `None` for what the function needs to be right.
    pub(in crate::influxql) hold: Option<usize>,
    pub(in crate::influxql) warmup: Warmup,
}

impl Indicator {
    /// The function of that name.
    pub(in crate::influxql) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "exponential_moving_average" => Self::Ema,
            "double_exponential_moving_average" => Self::Dema,
            "triple_exponential_moving_average" => Self::Tema,
            "triple_exponential_derivative" => Self::Trix,
            "relative_strength_index" => Self::Rsi,
            "kaufmans_efficiency_ratio" => Self::Ker,
            "kaufmans_adaptive_moving_average" => Self::Kama,
            "chande_momentum_oscillator" => Self::Cmo,
            _ => return None,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ema => "exponential_moving_average",
            Self::Dema => "double_exponential_moving_average",
            Self::Tema => "triple_exponential_moving_average",
            Self::Trix => "triple_exponential_derivative",
            Self::Rsi => "relative_strength_index",
            Self::Ker => "kaufmans_efficiency_ratio",
            Self::Kama => "kaufmans_adaptive_moving_average",
            Self::Cmo => "chande_momentum_oscillator",
        }
    }

    /// The warm-ups that can be asked for, of which the first is the default.
    pub(in crate::influxql) fn warmups(self) -> &'static [(&'static str, Warmup)] {
        const EXPONENTIAL: (&str, Warmup) = ("exponential", Warmup::Exponential);
        const SIMPLE: (&str, Warmup) = ("simple", Warmup::Simple);
        match self {
            Self::Ker | Self::Kama => &[],
            Self::Cmo => &[("none", Warmup::None), EXPONENTIAL, SIMPLE],
            _ => &[EXPONENTIAL, SIMPLE],
        }
    }
}

impl Technical {
    /// How many values at the beginning have no result. The defaults are those of InfluxDB 1.8 ("Technical
    /// analysis functions", default hold periods).
    fn hold(&self) -> usize {
        let average = self.period - 1;
        let levels = |levels: usize| match self.warmup {
            Warmup::Simple => average.saturating_mul(levels),
            _ => average,
        };
        self.hold.unwrap_or_else(|| match self.indicator {
            Indicator::Ema => average,
            Indicator::Dema => levels(2),
            Indicator::Tema => levels(3),
            Indicator::Trix => levels(3).saturating_add(1),
            Indicator::Cmo if self.warmup == Warmup::None => average,
            Indicator::Rsi | Indicator::Ker | Indicator::Kama | Indicator::Cmo => self.period,
        })
    }

    /// A walk over the values of a group.
    pub(super) fn walk(&self) -> Box<dyn Walk> {
        Box::new(TechnicalWalk {
            hold: self.hold(),
            seen: 0,
            state: State::new(*self),
        })
    }
}

struct TechnicalWalk {
    hold: usize,
    seen: usize,
    state: State,
}

impl Walk for TechnicalWalk {
    fn next(&mut self, values: &ArrayRef, _: &TimestampNanosecondArray) -> Result<ArrayRef> {
        let values = cast(values, &DataType::Float64)?;
        let results = values.as_primitive::<Float64Type>().iter().map(|value| {
            let result = self.state.add(value?);
            self.seen = self.seen.saturating_add(1);
            // A rate without a value before, and strength without any change, are no numbers.
            (self.seen > self.hold && result.is_finite()).then_some(result)
        });
        Ok(Arc::new(results.collect::<Float64Array>()))
    }
}

/// What a function remembers of the values so far.
enum State {
    /// An average, of averages of averages: one, two or three.
    Averages(Vec<Average>),
    Trix {
        averages: [Average; 3],
        before: f64,
    },
    /// `relative` for [`Indicator::Rsi`], else a smoothed [`Indicator::Cmo`].
    Strength {
        relative: bool,
        rises: Average,
        falls: Average,
        before: Option<f64>,
    },
    Ker(Efficiency),
    Kama {
        efficiency: Efficiency,
        average: f64,
    },
    Cmo(Momentum),
}

impl State {
    fn new(technical: Technical) -> Self {
        let Technical {
            indicator,
            period,
            warmup,
            ..
        } = technical;
        let average = Average::new(period, warmup, 2.0 / (period as f64 + 1.0));
        let strength = Average::new(period, warmup, 1.0 / period as f64);
        match indicator {
            Indicator::Ema => Self::Averages(vec![average]),
            Indicator::Dema => Self::Averages(vec![average; 2]),
            Indicator::Tema => Self::Averages(vec![average; 3]),
            Indicator::Trix => Self::Trix {
                averages: [average; 3],
                before: 0.0,
            },
            Indicator::Ker => Self::Ker(Efficiency::new(period)),
            Indicator::Kama => Self::Kama {
                efficiency: Efficiency::new(period),
                average: 0.0,
            },
            Indicator::Cmo if warmup == Warmup::None => Self::Cmo(Momentum::new(period)),
            Indicator::Rsi | Indicator::Cmo => Self::Strength {
                relative: indicator == Indicator::Rsi,
                rises: strength,
                falls: strength,
                before: None,
            },
        }
    }

    /// The result after one more value.
    fn add(&mut self, value: f64) -> f64 {
        match self {
            Self::Averages(averages) => {
                let [first, second, third] = cascade(averages, value);
                match averages.len() {
                    1 => first,
                    2 => 2.0 * first - second,
                    _ => 3.0 * first - 3.0 * second + third,
                }
            }
            Self::Trix { averages, before } => {
                let [_, _, smooth] = cascade(averages, value);
                (smooth / std::mem::replace(before, smooth) - 1.0) * 100.0
            }
            Self::Strength {
                relative,
                rises,
                falls,
                before,
            } => {
                let Some(before) = before.replace(value) else {
                    return 0.0;
                };
                let rise = rises.add((value - before).max(0.0));
                let fall = falls.add((before - value).max(0.0));
                match relative {
                    true => 100.0 - 100.0 / (1.0 + rise / fall),
                    false => balance(rise, fall),
                }
            }
            Self::Ker(efficiency) => efficiency.add(value),
            Self::Kama {
                efficiency,
                average,
            } => {
                if !efficiency.is_full() {
                    *average = efficiency.last();
                }
                // Between averages of 2 and of 30 values.
                let (fast, slow) = (2.0 / 3.0, 2.0 / 31.0);
                let weight = (efficiency.add(value) * (fast - slow) + slow).powi(2);
                *average += weight * (value - *average);
                *average
            }
            Self::Cmo(momentum) => momentum.add(value),
        }
    }
}

/// The value through up to three averages. One whose predecessor still warms up as a mean only passes
/// it on; so do those that are not there.
fn cascade(averages: &mut [Average], value: f64) -> [f64; 3] {
    let (mut results, mut current, mut passes) = ([value; 3], value, true);
    for (at, result) in results.iter_mut().enumerate() {
        if let Some(average) = averages.get_mut(at).filter(|_| passes) {
            current = average.add(current);
            passes = average.is_warm() || average.warmup == Warmup::Exponential;
        }
        *result = current;
    }
    results
}

/// Rises less falls in percent of both; 0 where nothing moved.
fn balance(rise: f64, fall: f64) -> f64 {
    match rise == 0.0 && fall == 0.0 {
        true => 0.0,
        false => 100.0 * ((rise - fall) / (rise + fall)),
    }
}

/// An exponential moving average.
#[derive(Debug, Clone, Copy)]
struct Average {
    period: usize,
    warmup: Warmup,
    /// The weight of a value, once it is warm.
    weight: f64,
    /// How many values there were, up to the period.
    count: usize,
    average: f64,
}

impl Average {
    fn new(period: usize, warmup: Warmup, weight: f64) -> Self {
        Self {
            period,
            warmup,
            weight,
            count: 0,
            average: 0.0,
        }
    }

    fn is_warm(&self) -> bool {
        self.count == self.period
    }

    fn add(&mut self, value: f64) -> f64 {
        let count = self.count as f64;
        self.average = match (self.count, self.warmup) {
            (0, _) => value,
            (_, Warmup::Simple) if !self.is_warm() => {
                (self.average * count + value) / (count + 1.0)
            }
            (_, Warmup::Exponential) if !self.is_warm() => {
                (value - self.average) * (2.0 / (count + 2.0)) + self.average
            }
            _ => (value - self.average) * self.weight + self.average,
        };
        self.count = (self.count + 1).min(self.period);
        self.average
    }
}

/// The last values of a period, with the distance of each from the one before. Before there are so many,
/// zeros stand for those that are missing, as in 1.x; a shorter hold period shows that.
struct Efficiency {
    period: usize,
    points: VecDeque<(f64, f64)>,
    walked: f64,
    seen: usize,
}

impl Efficiency {
    fn new(period: usize) -> Self {
        Self {
            period,
            points: VecDeque::new(),
            walked: 0.0,
            seen: 0,
        }
    }

    fn last(&self) -> f64 {
        self.points.back().map_or(0.0, |(value, _)| *value)
    }

    /// Whether there was a whole period before the last value.
    fn is_full(&self) -> bool {
        self.seen > self.period
    }

    fn add(&mut self, value: f64) -> f64 {
        let step = (value - self.last()).abs();
        let oldest = match self.points.len() == self.period {
            true => self.points.pop_front(),
            false => None,
        };
        let (first, first_step) = oldest.unwrap_or((0.0, 0.0));
        self.walked += step - first_step;
        self.points.push_back((value, step));
        self.seen = self
            .seen
            .saturating_add(1)
            .min(self.period.saturating_add(1));
        let way = (value - first).abs();
        match way == 0.0 || self.walked == 0.0 {
            true => 0.0,
            false => way / self.walked,
        }
    }
}

/// The changes of a period.
struct Momentum {
    period: usize,
    changes: VecDeque<f64>,
    rises: Changes,
    falls: Changes,
    before: Option<f64>,
}

/// A sum that is zero again when all that was added is gone, whatever rounding left of it.
#[derive(Default)]
struct Changes {
    count: usize,
    sum: f64,
}

impl Changes {
    fn add(&mut self, change: f64) {
        if change > 0.0 {
            self.count += 1;
            self.sum += change;
        }
    }

    fn remove(&mut self, change: f64) {
        if change > 0.0 {
            self.count -= 1;
            self.sum = match self.count {
                0 => 0.0,
                _ => self.sum - change,
            };
        }
    }
}

impl Momentum {
    fn new(period: usize) -> Self {
        Self {
            period,
            changes: VecDeque::new(),
            rises: Changes::default(),
            falls: Changes::default(),
            before: None,
        }
    }

    fn add(&mut self, value: f64) -> f64 {
        let change = self
            .before
            .replace(value)
            .map_or(0.0, |before| value - before);
        self.changes.push_back(change);
        self.rises.add(change);
        self.falls.add(-change);
        let result = balance(self.rises.sum, self.falls.sum);
        if self.changes.len() == self.period
            && let Some(oldest) = self.changes.pop_front()
        {
            self.rises.remove(oldest);
            self.falls.remove(-oldest);
        }
        result
    }
}

#[cfg(test)]
mod tests;
