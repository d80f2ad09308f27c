//! `SHOW`.

use super::condition::and;
use super::{Columns, Generator};
use watershed_influxql::{
    BinaryOp, Expr, Measurement, MeasurementName, ShowFieldKeys, ShowMeasurements, ShowTagKeys,
    ShowTagValues, Statement, TagKeys,
};

impl Generator<'_> {
    pub(super) fn show(&mut self) -> Statement {
        let columns = Columns::of(&self.set.measurements.iter().collect::<Vec<_>>());
        let common = columns.common();
        let from = self.sources();
        let limit = self
            .dice
            .chance(20)
            .then(|| u64::try_from(self.dice.between(1, 3)).unwrap_or(1));
        let offset = (limit.is_some() && self.dice.chance(30)).then_some(1);
        match self.dice.between(0, 9) {
            0 | 1 => Statement::ShowMeasurements(ShowMeasurements {
                on: None,
                with: self.dice.chance(40).then(|| self.one_source()),
                condition: self.measurement_condition(&common),
                limit,
                offset,
            }),
            2 | 3 => Statement::ShowFieldKeys(ShowFieldKeys {
                on: None,
                from,
                limit,
                offset,
            }),
            4..6 => Statement::ShowTagKeys(ShowTagKeys {
                on: None,
                keys: None,
                from,
                condition: self
                    .dice
                    .chance(40)
                    .then(|| self.tag_predicate(&common, 1))
                    .flatten()
                    .map(|c| self.whole_range(c)),
                limit,
                offset,
            }),
            _ => {
                let predicate = self
                    .dice
                    .chance(40)
                    .then(|| self.tag_predicate(&common, 1))
                    .flatten();
                let condition = match predicate {
                    Some(predicate) => self.whole_range(predicate),
                    None => self.since_the_first(),
                };
                let keys = self.tag_keys(&columns);
                // A limit counts for each tag here, and for all together in 1.6.
                let is_one = matches!(keys, TagKeys::Eq(_));
                Statement::ShowTagValues(ShowTagValues {
                    on: None,
                    from,
                    keys,
                    condition: Some(condition),
                    limit: limit.filter(|_| is_one),
                    offset: offset.filter(|_| is_one),
                })
            }
        }
    }

    /// A predicate that a row fulfils if a series does. 1.6 looks at series and takes no range of time, without
    /// which Watershed looks at the last day.
    fn measurement_condition(&mut self, columns: &Columns) -> Option<Expr> {
        if !self.set.recent || !self.dice.chance(50) {
            return None;
        }
        let names = columns.tag_names();
        if names.is_empty() {
            return None;
        }
        let name = self.dice.pick(&names).clone();
        let value = self.dice.pick(&columns.tags[&name]).clone();
        Some(Expr::binary(
            BinaryOp::Eq,
            Expr::var(name),
            Expr::String(value),
        ))
    }

    /// Metadata is looked up in the last day alone unless a time is given.
    fn whole_range(&mut self, predicate: Expr) -> Expr {
        and(self.since_the_first(), predicate)
    }

    fn since_the_first(&self) -> Expr {
        Expr::binary(
            BinaryOp::GtEq,
            Expr::var("time"),
            Expr::Integer(self.set.min_time),
        )
    }

    fn sources(&mut self) -> Vec<Measurement> {
        match self.dice.chance(50) {
            true => Vec::new(),
            false => vec![self.one_source()],
        }
    }

    fn one_source(&mut self) -> Measurement {
        let known: Vec<String> = self
            .set
            .measurements
            .iter()
            .map(|m| m.name.clone())
            .collect();
        let name = if known.is_empty() || self.dice.chance(30) {
            MeasurementName::Regex(self.name_regex(&known))
        } else {
            MeasurementName::Name(self.dice.pick(&known).clone())
        };
        Measurement {
            database: None,
            retention_policy: None,
            name,
        }
    }

    fn tag_keys(&mut self, columns: &Columns) -> TagKeys {
        let names = columns.tag_names();
        if names.is_empty() {
            return TagKeys::Eq("host".to_owned());
        }
        let name = self.dice.pick(&names).clone();
        match self.dice.between(0, 9) {
            0..5 => TagKeys::Eq(name),
            5 => TagKeys::NotEq(name),
            6 | 7 => TagKeys::In(self.dice.some(&names, 2)),
            8 => TagKeys::Matches(self.name_regex(&names)),
            _ => TagKeys::NotMatches(self.name_regex(&names)),
        }
    }
}
