//! SQLite keeps the contract.

use std::sync::Arc;
use tempfile::TempDir;
use watershed_catalog::SqliteCatalog;
use watershed_model::{ManualClock, Timestamp};

async fn open() -> (TempDir, SqliteCatalog) {
    let dir = TempDir::new().unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::from_nanos(1_000)));
    let catalog = SqliteCatalog::open(&dir.path().join("catalog.sqlite"), clock)
        .await
        .unwrap();
    (dir, catalog)
}

watershed_catalog::contract_tests!(open);
