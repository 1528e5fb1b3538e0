//! The files in `deploy`, as they stand there.

mod balanced;
mod container;
mod haproxy;
mod nginx;

use std::path::{Path, PathBuf};

/// One of the files.
fn file(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy")).join(name)
}
