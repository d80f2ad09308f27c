//! The least value of a function of many variables, by the downhill simplex of Nelder and Mead.
//!
//! The steps, constants and end are those of InfluxDB 1.x, so that forecasts are the same: the way the
//! simplex takes decides at which of several low points it ends.

/// Steps after which a search ends wherever it is.
const STEPS_MAX: usize = 1000;
/// The search ends when the values at the corners differ by less, as a standard deviation.
const EPSILON: f64 = 1e-4;

/// Searches around `start`. Gives the lowest corner found and the value there.
///
/// `function` may change the point that it is given, which then goes on as changed. So the value of the result is
/// that at the point as it was left, which need not be the one by which it was found.
pub(super) fn minimum(
    mut function: impl FnMut(&mut [f64]) -> f64,
    start: &[f64],
) -> (f64, Vec<f64>) {
    let mut simplex = Simplex::around(start, &mut function);
    for _ in 0..STEPS_MAX {
        simplex.step(&mut function);
        if simplex.spread() < EPSILON {
            break;
        }
    }
    let (lowest, ..) = simplex.order();
    let point = simplex.corners.swap_remove(lowest);
    (function(&mut point.clone()), point)
}

struct Simplex {
    corners: Vec<Vec<f64>>,
    /// What the function is at the corners.
    values: Vec<f64>,
    /// The middle of all corners but the highest.
    middle: Vec<f64>,
    /// A point that is tried.
    tried: Vec<f64>,
    /// A second one.
    further: Vec<f64>,
}

impl Simplex {
    /// A regular simplex with a corner at `start` and edges of length 1.
    fn around(start: &[f64], function: &mut impl FnMut(&mut [f64]) -> f64) -> Self {
        let count = start.len();
        let n = count as f64;
        let near = ((n + 1.0).sqrt() - 1.0) / (n * std::f64::consts::SQRT_2);
        let far = ((n + 1.0).sqrt() - 1.0 + n) / (n * std::f64::consts::SQRT_2);
        let mut corners = vec![start.to_vec()];
        for own in 0..count {
            let along = |(at, value): (usize, &f64)| value + if at == own { far } else { near };
            corners.push(start.iter().enumerate().map(along).collect());
        }
        let values = corners.iter_mut().map(|corner| function(corner)).collect();
        Self {
            corners,
            values,
            middle: vec![0.0; count],
            tried: vec![0.0; count],
            further: vec![0.0; count],
        }
    }

    /// The corners with the lowest value, the highest, and the highest below that.
    fn order(&self) -> (usize, usize, usize) {
        let (mut lowest, mut highest) = (0, 0);
        for (at, value) in self.values.iter().enumerate() {
            if *value > self.values[highest] {
                highest = at;
            }
            if *value < self.values[lowest] {
                lowest = at;
            }
        }
        let mut second = lowest;
        for (at, value) in self.values.iter().enumerate() {
            if *value > self.values[second] && *value < self.values[highest] {
                second = at;
            }
        }
        (lowest, highest, second)
    }

    /// Moves the highest corner, or pulls all corners to the lowest.
    fn step(&mut self, function: &mut impl FnMut(&mut [f64]) -> f64) {
        let (lowest, highest, second) = self.order();
        self.find_middle(highest);
        // Through the middle to the other side.
        for (tried, (middle, corner)) in self
            .tried
            .iter_mut()
            .zip(self.middle.iter().zip(&self.corners[highest]))
        {
            *tried = middle + (middle - corner);
        }
        let reflected = function(&mut self.tried);
        if reflected < self.values[second] && reflected >= self.values[lowest] {
            self.corners[highest].copy_from_slice(&self.tried);
            self.values[highest] = reflected;
        }
        if reflected < self.values[lowest] {
            // And as far again.
            self.between(2.0);
            let expanded = function(&mut self.further);
            match expanded < reflected {
                true => self.replace_by_further(highest, expanded),
                false => {
                    self.corners[highest].copy_from_slice(&self.tried);
                    self.values[highest] = reflected;
                }
            }
        }
        if reflected >= self.values[second] {
            if reflected < self.values[highest] {
                self.between(0.5);
            } else {
                for (further, (middle, corner)) in self
                    .further
                    .iter_mut()
                    .zip(self.middle.iter().zip(&self.corners[highest]))
                {
                    *further = middle - 0.5 * (middle - corner);
                }
            }
            let contracted = function(&mut self.further);
            match contracted < self.values[highest] {
                true => self.replace_by_further(highest, contracted),
                false => self.shrink(function, lowest, highest, second),
            }
        }
    }

    fn find_middle(&mut self, highest: usize) {
        let count = self.middle.len() as f64;
        self.middle.fill(0.0);
        for (at, corner) in self.corners.iter().enumerate() {
            if at != highest {
                for (middle, value) in self.middle.iter_mut().zip(corner) {
                    *middle += value;
                }
            }
        }
        for middle in &mut self.middle {
            *middle /= count;
        }
    }

    /// Sets `further` on the line from the middle (0) to the tried point (1).
    fn between(&mut self, part: f64) {
        for (further, (middle, tried)) in self
            .further
            .iter_mut()
            .zip(self.middle.iter().zip(&self.tried))
        {
            *further = middle + part * (tried - middle);
        }
    }

    fn replace_by_further(&mut self, corner: usize, value: f64) {
        self.corners[corner].copy_from_slice(&self.further);
        self.values[corner] = value;
    }

    /// Halves the distance of all corners from the lowest one. Only two of them get their new values:
    /// those of the others stand for the old place until they are the highest.
    fn shrink(
        &mut self,
        function: &mut impl FnMut(&mut [f64]) -> f64,
        lowest: usize,
        highest: usize,
        second: usize,
    ) {
        let center = self.corners[lowest].clone();
        for (at, corner) in self.corners.iter_mut().enumerate() {
            if at != lowest {
                for (value, center) in corner.iter_mut().zip(&center) {
                    *value = center + (*value - center) / 2.0;
                }
            }
        }
        self.values[highest] = function(&mut self.corners[highest]);
        self.values[second] = function(&mut self.corners[second]);
    }

    /// The standard deviation of the values.
    fn spread(&self) -> f64 {
        let count = self.values.len() as f64;
        let mean = self.values.iter().sum::<f64>() / count;
        let squares = self
            .values
            .iter()
            .map(|value| (value - mean).powi(2) / (count - 1.0));
        squares.sum::<f64>().sqrt()
    }
}

#[cfg(test)]
mod tests;
