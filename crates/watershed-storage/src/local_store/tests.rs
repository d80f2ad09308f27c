use super::*;
use crate::testing::{Row, batch, key, schema, usage};
use crate::{ParquetReader, ScanFilter, WriteSettings, write_parquet};
use futures::TryStreamExt;
use object_store::{ObjectStoreExt, PutMode};
use std::sync::Arc;

#[tokio::test]
async fn what_is_put_is_there_in_new_directories_too() {
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::new(&directory.path().join("not/yet/there")).unwrap();
    let path = Path::from("1/2/a%2Fb/x.parquet");
    store
        .put(&path, PutPayload::from_static(b"rows"))
        .await
        .unwrap();
    assert_eq!(
        store.get(&path).await.unwrap().bytes().await.unwrap(),
        "rows"
    );
    let listed: Vec<ObjectMeta> = store.list(None).try_collect().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].location, path);

    let reopened = LocalStore::new(&directory.path().join("not/yet/there")).unwrap();
    assert_eq!(reopened.head(&path).await.unwrap().size, 4);
}

#[tokio::test]
async fn create_does_not_overwrite() {
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::new(directory.path()).unwrap();
    let path = Path::from("a");
    let put = |text: &'static [u8]| {
        store.put_opts(&path, PutPayload::from_static(text), PutMode::Create.into())
    };
    put(b"first").await.unwrap();
    let error = put(b"second").await.unwrap_err();
    assert!(
        matches!(error, object_store::Error::AlreadyExists { .. }),
        "{error}"
    );
    assert_eq!(
        store.get(&path).await.unwrap().bytes().await.unwrap(),
        "first"
    );
}

#[tokio::test]
async fn uploads_in_parts_copies_and_renames_arrive() {
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::new(directory.path()).unwrap();
    let (a, b, c) = (Path::from("x/a"), Path::from("y/b"), Path::from("z/c"));
    let mut upload = store.put_multipart(&a).await.unwrap();
    upload
        .put_part(PutPayload::from_static(b"one "))
        .await
        .unwrap();
    upload
        .put_part(PutPayload::from_static(b"two"))
        .await
        .unwrap();
    upload.complete().await.unwrap();
    store.copy(&a, &b).await.unwrap();
    store.rename(&b, &c).await.unwrap();
    assert_eq!(
        store.get(&c).await.unwrap().bytes().await.unwrap(),
        "one two"
    );
    store.delete(&a).await.unwrap();
    assert!(store.head(&a).await.is_err());
}

/// A sync that fails must fail the put: here the object's name leads to a device that cannot be synced.
#[cfg(target_os = "linux")]
#[test]
fn a_failed_sync_is_an_error() {
    let error = sync_up_to(FilePath::new("/dev/null"), FilePath::new("/dev")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn every_directory_between_file_and_root_is_synced() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a/b/c");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, b"x").unwrap();
    sync_up_to(&file, directory.path()).unwrap();
    assert!(sync_up_to(&directory.path().join("a/b/missing"), directory.path()).is_err());
}

#[tokio::test]
async fn a_parquet_file_goes_through_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let store: Arc<dyn ObjectStore> = Arc::new(LocalStore::new(directory.path()).unwrap());
    let path = Path::from("1/2/2026-11-22/f.parquet");
    let rows: Vec<Row> = (0..5000).map(|t| (key("a", t), usage(t))).collect();
    let batches = futures::stream::iter([Ok(batch(&rows))]);
    let settings = WriteSettings::default();
    let file = write_parquet(store.clone(), &path, schema(), batches, settings)
        .await
        .unwrap();
    let reader = ParquetReader::new(store, 1 << 20);
    let found = reader
        .read(&path, file.bytes, schema(), &ScanFilter::ALL, 8192)
        .await
        .unwrap();
    let found: Vec<_> = found.try_collect().await.unwrap();
    assert_eq!(
        found
            .iter()
            .flat_map(crate::testing::rows)
            .collect::<Vec<_>>(),
        rows
    );
}
