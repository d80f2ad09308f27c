//! Which database an InfluxQL statement speaks of.
//!
//! A 1.x statement may name database and retention policy in `FROM` and `ON`; what it names wins over
//! the request's `db` and `rp`. Inside, there is one database per statement and no retention policy,
//! so the names are taken out of the statement here.

use watershed_influxql::{Measurement, MeasurementsOn, Select, SelectInto, Source, Statement};
use watershed_model::{DatabaseName, NameError};

/// Why no single database was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum LiftError {
    #[error("must specify a 'db' parameter, or provide the database in the InfluxQL query")]
    Missing,
    #[error("can only perform queries on a single database")]
    Several,
    #[error(transparent)]
    Name(#[from] NameError),
}

/// The names a statement without names of its own falls back to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Defaults<'a> {
    pub(super) db: Option<&'a str>,
    pub(super) rp: Option<&'a str>,
}

/// Takes database and retention policy out of `statement` and returns the database they, or else the
/// defaults, mean. Statements that speak of no database are not to be passed here.
pub(super) fn lift(
    statement: &mut Statement,
    defaults: Defaults<'_>,
) -> Result<DatabaseName, LiftError> {
    let mut lift = Lift {
        defaults,
        found: None,
    };
    lift.statement(statement)?;
    match lift.found {
        Some(database) => Ok(database),
        None => lift.resolve(None, None),
    }
}

/// As [`lift`], for the two databases of a statement that writes: the one that is read and the one that is
/// written. What the target does not name it has from the request, whatever is read.
pub(super) fn lift_into(
    into: &mut SelectInto,
    defaults: Defaults<'_>,
) -> Result<(DatabaseName, DatabaseName), LiftError> {
    let mut lift = Lift {
        defaults,
        found: None,
    };
    let (database, policy) = (into.database.take(), into.retention_policy.take());
    let target = lift.resolve(database.as_deref(), policy.as_deref())?;
    lift.select(&mut into.select)?;
    let source = match lift.found {
        Some(source) => source,
        None => lift.resolve(None, None)?,
    };
    Ok((source, target))
}

/// The name of what a statement names a database with, if it does: the statement's own name and `ON`, or a prefix
/// of a measurement. For those who give the database elsewhere.
pub(crate) fn prefix(statement: &Statement) -> Option<String> {
    let mut statement = statement.clone();
    let name = match &statement {
        Statement::Explain(explain) => return prefix(&explain.statement),
        other => other.name(),
    };
    let on = match &mut statement {
        Statement::ShowMeasurements(show) => show.on.take().is_some(),
        Statement::ShowFieldKeys(show) => show.on.take().is_some(),
        Statement::ShowTagKeys(show) => show.on.take().is_some(),
        Statement::ShowTagValues(show) => show.on.take().is_some(),
        Statement::ShowSeries(show) => show.on.take().is_some(),
        Statement::ShowCardinality(show) => show.on.take().is_some(),
        Statement::ShowRetentionPolicies(show) => show.on.take().is_some(),
        _ => false,
    };
    if on {
        return Some(format!("{name} ON <database>"));
    }
    let nowhere = Defaults {
        db: Some("-"),
        rp: None,
    };
    let named = lift(&mut statement, nowhere);
    let plain = DatabaseName::new("-").is_ok_and(|nowhere| named == Ok(nowhere));
    (!plain).then(|| "database prefix in qualified measurement syntax".to_owned())
}

/// What `ON` names: the default for the measurements of the statement.
#[derive(Debug, Default)]
struct On {
    database: Option<String>,
    policy: Option<String>,
}

impl On {
    fn take(on: &mut Option<String>) -> Self {
        Self {
            database: on.take(),
            policy: None,
        }
    }
}

struct Lift<'a> {
    defaults: Defaults<'a>,
    found: Option<DatabaseName>,
}

impl Lift<'_> {
    fn statement(&mut self, statement: &mut Statement) -> Result<(), LiftError> {
        match statement {
            Statement::Select(select) => self.select(select),
            Statement::Explain(explain) => self.statement(&mut explain.statement),
            Statement::ShowMeasurements(show) => {
                let on = match show.on.take() {
                    None => On::default(),
                    Some(MeasurementsOn::Database {
                        name,
                        retention_policy,
                    }) => On {
                        database: Some(name),
                        policy: retention_policy,
                    },
                    Some(_) => return Err(LiftError::Several),
                };
                self.show(on, show.with.as_mut_slice())
            }
            Statement::ShowFieldKeys(show) => self.show(On::take(&mut show.on), &mut show.from),
            Statement::ShowTagKeys(show) => self.show(On::take(&mut show.on), &mut show.from),
            Statement::ShowTagValues(show) => self.show(On::take(&mut show.on), &mut show.from),
            Statement::ShowSeries(show) => self.show(On::take(&mut show.on), &mut show.from),
            Statement::ShowCardinality(show) => self.show(On::take(&mut show.on), &mut show.from),
            Statement::ShowRetentionPolicies(show) => self.show(On::take(&mut show.on), &mut []),
            _ => Ok(()),
        }
    }

    fn select(&mut self, select: &mut Select) -> Result<(), LiftError> {
        select.from.iter_mut().try_for_each(|source| match source {
            Source::Measurement(measurement) => self.measurement(measurement, &On::default()),
            Source::Subquery(inner) => self.select(inner),
        })
    }

    fn show(&mut self, on: On, from: &mut [Measurement]) -> Result<(), LiftError> {
        if on.database.is_some() {
            self.note(on.database.as_deref(), on.policy.as_deref())?;
        }
        from.iter_mut().try_for_each(|m| self.measurement(m, &on))
    }

    fn measurement(&mut self, named: &mut Measurement, on: &On) -> Result<(), LiftError> {
        let (database, policy) = (named.database.take(), named.retention_policy.take());
        match (&database, &policy) {
            (None, None) => self.note(on.database.as_deref(), on.policy.as_deref()),
            (None, Some(policy)) => self.note(on.database.as_deref(), Some(policy)),
            (Some(database), policy) => self.note(Some(database), policy.as_deref()),
        }
    }

    fn note(&mut self, database: Option<&str>, policy: Option<&str>) -> Result<(), LiftError> {
        let named = self.resolve(database, policy)?;
        match &self.found {
            Some(found) if *found != named => Err(LiftError::Several),
            _ => {
                self.found = Some(named);
                Ok(())
            }
        }
    }

    /// `rp` of the request belongs to `db` of the request: a statement that names its own database
    /// does not get it.
    fn resolve(
        &self,
        database: Option<&str>,
        policy: Option<&str>,
    ) -> Result<DatabaseName, LiftError> {
        let name = match (database, policy) {
            (Some(database), policy) => DatabaseName::from_v1(database, policy)?,
            (None, policy) => {
                let db = self.defaults.db.ok_or(LiftError::Missing)?;
                DatabaseName::from_v1(db, policy.or(self.defaults.rp))?
            }
        };
        Ok(name)
    }
}

#[cfg(test)]
mod tests;
