//! A directory as an object store that survives a power loss.
//!
//! [`LocalFileSystem`] writes a file and renames it into place, and leaves it to the operating system when
//! the bytes reach the disk. That is not enough here: once a file is in the catalog, the log that also
//! held its rows is cut. [`LocalStore`] makes every put durable before it is acknowledged:
//!
//! 1. the object is written and renamed into place by [`LocalFileSystem`];
//! 2. the file is synced, so its bytes and length are on disk;
//! 3. its directory is synced, so its name is, and each directory above it up to the root, which the put
//!    may have made.
//!
//! A power loss between these steps can leave an object that is empty or cut short under its final name.
//! Its put was never acknowledged, so no catalog lists it. Deletes are not synced: an object that comes
//! back is again one that nobody lists.

use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart,
};
use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

const STORE: &str = "local";

/// An object store in a local directory whose acknowledged puts are on stable storage.
#[derive(Debug, Clone)]
pub struct LocalStore {
    root: PathBuf,
    files: Arc<LocalFileSystem>,
}

impl LocalStore {
    /// Opens the store in `root`, which is made, durably, if it is not there.
    ///
    /// # Errors
    /// The operating system's error when the directory cannot be made or opened.
    pub fn new(root: &FilePath) -> Result<Self> {
        let made = make_directory(root);
        made.map_err(|error| generic(root, error))?;
        let root = root.canonicalize().map_err(|error| generic(root, error))?;
        let files = LocalFileSystem::new_with_prefix(&root)?.with_automatic_cleanup(false);
        Ok(Self {
            root,
            files: Arc::new(files),
        })
    }

    async fn sync(&self, location: &Path) -> Result<()> {
        let file = self.files.path_to_filesystem(location)?;
        let root = self.root.clone();
        let shown = file.clone();
        let synced = tokio::task::spawn_blocking(move || sync_up_to(&file, &root)).await;
        match synced {
            Ok(synced) => synced.map_err(|error| generic(&shown, error)),
            Err(error) => Err(object_store::Error::JoinError { source: error }),
        }
    }
}

fn generic(path: &FilePath, error: io::Error) -> object_store::Error {
    let text = format!("sync {}: {error}", path.display());
    object_store::Error::Generic {
        store: STORE,
        source: Box::new(io::Error::new(error.kind(), text)),
    }
}

/// Makes a directory and syncs every parent that got a new entry.
fn make_directory(directory: &FilePath) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let parent = match directory.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => FilePath::new("."),
    };
    make_directory(parent)?;
    match std::fs::create_dir(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    sync_directory(parent)
}

/// Syncs a file and the directories above it, `root` included.
fn sync_up_to(file: &FilePath, root: &FilePath) -> io::Result<()> {
    File::open(file)?.sync_all()?;
    let inside = file
        .ancestors()
        .skip(1)
        .take_while(|directory| directory.starts_with(root));
    for directory in inside {
        sync_directory(directory)?;
    }
    Ok(())
}

fn sync_directory(directory: &FilePath) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

impl fmt::Display for LocalStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalStore({})", self.root.display())
    }
}

#[async_trait::async_trait]
impl ObjectStore for LocalStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        let result = self.files.put_opts(location, payload, opts).await?;
        self.sync(location).await?;
        Ok(result)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let upload = self.files.put_multipart_opts(location, opts).await?;
        Ok(Box::new(SyncedUpload {
            upload,
            store: self.clone(),
            location: location.clone(),
        }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.files.get_opts(location, options).await
    }

    async fn get_ranges(
        &self,
        location: &Path,
        ranges: &[Range<u64>],
    ) -> Result<Vec<bytes::Bytes>> {
        self.files.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.files.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.files.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.files.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.files.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.files.copy_opts(from, to, options).await?;
        self.sync(to).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.files.rename_opts(from, to, options).await?;
        self.sync(to).await
    }
}

/// An upload in parts that is synced as a whole when it is complete.
#[derive(Debug)]
struct SyncedUpload {
    upload: Box<dyn MultipartUpload>,
    store: LocalStore,
    location: Path,
}

#[async_trait::async_trait]
impl MultipartUpload for SyncedUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.upload.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let result = self.upload.complete().await?;
        self.store.sync(&self.location).await?;
        Ok(result)
    }

    async fn abort(&mut self) -> Result<()> {
        self.upload.abort().await
    }
}

#[cfg(test)]
mod tests;
