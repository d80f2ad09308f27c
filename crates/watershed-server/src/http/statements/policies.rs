//! Databases and retention policies that come, change and go.
//!
//! A 1.x database with its policies is several databases here: `db` is the policy `autogen`, which is always
//! the default one, and `db/policy` any other ([`DatabaseName::from_v1`]). A policy is no more than its
//! `DURATION`, which is the retention period of that database; `REPLICATION` and `SHARD DURATION` are taken
//! and mean nothing.

use super::super::HttpState;
use super::super::admin::RETENTION_NANOS_MIN;
use super::super::write::catalog_error;
use super::Failure;
use super::listings::{listed, policy_of};
use watershed_catalog::{CatalogError, DatabaseInfo, DatabaseSettings, NewDatabase};
use watershed_influxql::{CreateDatabase, DropRetentionPolicy, RetentionPolicy, Statement};
use watershed_model::DatabaseName;

/// Does what the statement says. Whether that is allowed was checked.
pub(super) async fn change(state: &HttpState, statement: &Statement) -> Result<(), Failure> {
    match statement {
        Statement::CreateDatabase(create) => create_database(state, create).await,
        Statement::DropDatabase(name) => drop_database(state, name).await,
        Statement::CreateRetentionPolicy(policy) => create_policy(state, policy).await,
        Statement::AlterRetentionPolicy(policy) => alter_policy(state, policy).await,
        Statement::DropRetentionPolicy(policy) => drop_policy(state, policy).await,
        other => fail(super::refusal(other)),
    }
}

fn fail<T>(text: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Statement(text.into()))
}

/// Creates a database, or finds that it is there: 1.x answers both alike.
async fn create_database(state: &HttpState, create: &CreateDatabase) -> Result<(), Failure> {
    check_duration(create.duration)?;
    let policy = create.policy.as_deref();
    if DatabaseName::from_v1(&create.name, policy) != DatabaseName::new(&create.name) {
        return fail(not_the_default(policy.unwrap_or_default(), &create.name));
    }
    let name = DatabaseName::new(&create.name).map_err(|e| e.to_string())?;
    let retention_nanos = retention(create.duration);
    match create_one(state, &name, retention_nanos).await? {
        Created::New => Ok(()),
        Created::Known(known)
            if create.duration.is_none() || known.retention_nanos == retention_nanos =>
        {
            Ok(())
        }
        Created::Known(_) => fail(CONFLICT),
    }
}

/// Deletes a database with its policies. One that is not there is none that has to be deleted.
async fn drop_database(state: &HttpState, name: &str) -> Result<(), Failure> {
    // No database has a name that no database may have.
    let Ok(name) = DatabaseName::new(name) else {
        return Ok(());
    };
    let databases = listed(state).await?;
    let policies = databases.iter().map(|d| &d.name);
    let policies = policies.filter(|other| policy_of(&name, other).is_some());
    // The database last: while it is there, so much of it is left that somebody can try again.
    for each in policies.chain([&name]) {
        delete_one(state, each).await?;
    }
    Ok(())
}

async fn create_policy(state: &HttpState, policy: &RetentionPolicy) -> Result<(), Failure> {
    if !is_policy_name(&policy.name) {
        return fail("invalid name");
    }
    check_duration(policy.duration)?;
    let place = place(state, &policy.database, &policy.name).await?;
    let Some(place) = place else {
        return fail(format!("database not found: {}", policy.database));
    };
    let retention_nanos = retention(policy.duration);
    if let Some(known) = &place.known {
        let same = known.retention_nanos == retention_nanos;
        return match same && (place.is_default || !policy.default) {
            true => Ok(()),
            false => fail(CONFLICT),
        };
    }
    if policy.default && !place.is_default {
        return fail(not_the_default(&policy.name, &policy.database));
    }
    match create_one(state, &place.name, retention_nanos).await? {
        Created::New => Ok(()),
        Created::Known(known) if known.retention_nanos == retention_nanos => Ok(()),
        Created::Known(_) => fail(CONFLICT),
    }
}

async fn alter_policy(state: &HttpState, policy: &RetentionPolicy) -> Result<(), Failure> {
    let place = place(state, &policy.database, &policy.name).await?;
    let Some(place) = place else {
        return fail(format!("database not found: {}", policy.database));
    };
    if place.known.is_none() {
        return fail(format!("retention policy not found: {}", policy.name));
    }
    check_duration(policy.duration)?;
    if policy.default && !place.is_default {
        return fail(not_the_default(&policy.name, &policy.database));
    }
    if policy.duration.is_none() {
        return Ok(());
    }
    let retention_nanos = retention(policy.duration);
    let changed = state
        .catalog
        .set_retention(&place.name, retention_nanos)
        .await;
    match changed {
        Ok(changed) => {
            tracing::info!(database = %changed.name, retention_nanos, "changed retention period");
            Ok(())
        }
        Err(CatalogError::DatabaseNotFound(_)) => {
            fail(format!("retention policy not found: {}", policy.name))
        }
        Err(error) => Err(catalog_error(&error).into()),
    }
}

async fn drop_policy(state: &HttpState, policy: &DropRetentionPolicy) -> Result<(), Failure> {
    let Some(place) = place(state, &policy.database, &policy.name).await? else {
        return Ok(());
    };
    if place.is_default && place.known.is_some() {
        return fail(format!(
            "retention policy {} is the database {} itself; DROP DATABASE deletes it with all its policies",
            policy.name, policy.database
        ));
    }
    delete_one(state, &place.name).await
}

/// A policy of a database that is there.
struct Place {
    /// The database that stands for the policy.
    name: DatabaseName,
    /// That database, if it is there.
    known: Option<DatabaseInfo>,
    /// Whether it is the policy that a database has in any case.
    is_default: bool,
}

/// Where a policy is or would be; `None` when the database is not there, not even as one of its policies.
async fn place(state: &HttpState, db: &str, policy: &str) -> Result<Option<Place>, Failure> {
    let Ok(database) = DatabaseName::new(db) else {
        return Ok(None);
    };
    let name = DatabaseName::from_v1(db, Some(policy)).map_err(|e| e.to_string())?;
    let databases = listed(state).await?;
    let is_there = |d: &DatabaseInfo| d.name == database || policy_of(&database, &d.name).is_some();
    if !databases.iter().any(is_there) {
        return Ok(None);
    }
    Ok(Some(Place {
        is_default: name == database,
        known: databases.into_iter().find(|d| d.name == name),
        name,
    }))
}

const CONFLICT: &str = "retention policy conflicts with an existing policy";

/// What 1.x takes for a name; what more is asked of the name of a database is told by that.
fn is_policy_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
        && !name.contains(['/', '\\'])
        && !name.contains(char::is_control)
}

fn not_the_default(policy: &str, database: &str) -> String {
    format!(
        "retention policy {policy} can't be the default one of {database}: that is always autogen. \
         Leave out DEFAULT (or NAME) and name the policy where points are written and read (rp={policy}), or give \
         autogen the duration"
    )
}

fn check_duration(duration: Option<i64>) -> Result<(), Failure> {
    match duration {
        Some(nanos) if nanos != 0 && nanos < RETENTION_NANOS_MIN => {
            fail("retention policy duration must be at least 1h0m0s")
        }
        _ => Ok(()),
    }
}

/// Zero is for ever.
fn retention(duration: Option<i64>) -> Option<i64> {
    duration.filter(|nanos| *nanos > 0)
}

enum Created {
    New,
    Known(DatabaseInfo),
}

async fn create_one(
    state: &HttpState,
    name: &DatabaseName,
    retention_nanos: Option<i64>,
) -> Result<Created, Failure> {
    let new = NewDatabase {
        name: name.clone(),
        settings: DatabaseSettings {
            retention_nanos,
            ..DatabaseSettings::default()
        },
    };
    match state.catalog.create_database(new).await {
        Ok(created) => {
            tracing::info!(database = %created.name, "created database");
            Ok(Created::New)
        }
        Err(CatalogError::DatabaseExists(_)) => {
            let known = listed(state).await?.into_iter().find(|d| d.name == *name);
            match known {
                Some(known) => Ok(Created::Known(known)),
                None => fail(format!("database {name} was deleted just now; try again")),
            }
        }
        Err(error) => Err(catalog_error(&error).into()),
    }
}

/// Deletes a database unless somebody else has done so.
async fn delete_one(state: &HttpState, name: &DatabaseName) -> Result<(), Failure> {
    match state.catalog.delete_database(name).await {
        Ok(()) => {
            tracing::info!(database = %name, "deleted database");
            Ok(())
        }
        Err(CatalogError::DatabaseNotFound(_)) => Ok(()),
        Err(error) => Err(catalog_error(&error).into()),
    }
}
