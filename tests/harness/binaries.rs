//! Both programs and the examples, built once. `cargo test` does not build what is in another package.

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use escargot::CargoBuild;

static SERVER: LazyLock<Option<PathBuf>> = LazyLock::new(|| build("hello-server"));
static CLIENT: LazyLock<Option<PathBuf>> = LazyLock::new(|| build("hello-client"));
static EXAMPLE_SERVER: LazyLock<Option<PathBuf>> = LazyLock::new(|| build_example("server"));
static EXAMPLE_CLIENT: LazyLock<Option<PathBuf>> = LazyLock::new(|| build_example("client"));
static FAULTY_SERVER: LazyLock<Option<PathBuf>> = LazyLock::new(build_faulty_server);

/// A `hello-server` that does not inherit its variables from the environment of the tests.
pub(super) fn server() -> Command {
    program(&SERVER)
}

/// The same with failpoints.
pub(super) fn faulty_server() -> Command {
    program(&FAULTY_SERVER)
}

/// A `hello-client` that does not inherit its variables from the environment of the tests.
pub(super) fn client() -> Command {
    program(&CLIENT)
}

/// The server among the examples of `hello-proto`.
pub(crate) fn example_server() -> Command {
    program(&EXAMPLE_SERVER)
}

/// The client among the examples of `hello-proto`.
pub(crate) fn example_client() -> Command {
    program(&EXAMPLE_CLIENT)
}

fn program(path: &Option<PathBuf>) -> Command {
    let mut command = Command::new(path.as_ref().expect("a binary, but the build failed"));
    command.env_remove("RUST_LOG").env_remove("NOTIFY_SOCKET");
    for (name, _) in env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"HELLO_") {
            command.env_remove(name);
        }
    }
    command
}

/// `None` if it does not build; the error is printed once, and not by every test.
///
/// Into the target folder of these tests, in their profile, with the features that the whole
/// workspace has: what is built already is not built again.
fn build(name: &str) -> Option<PathBuf> {
    run(name, cargo_build(target()).arg("--workspace").bin(name))
}

/// The same for an example of `hello-proto`.
fn build_example(name: &str) -> Option<PathBuf> {
    run(name, cargo_build(target()).arg("--workspace").example(name))
}

/// Into a target folder of its own, so that the ordinary server stays as it is.
fn build_faulty_server() -> Option<PathBuf> {
    let (name, target) = ("hello-server", target().join("fault-injection"));
    run(name, cargo_build(&target).package(name).bin(name).features("fault-injection"))
}

fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target/tmp has a parent")
}

fn cargo_build(target: &Path) -> CargoBuild {
    CargoBuild::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .target_dir(target)
        .arg("--locked")
        .current_release()
}

fn run(name: &str, build: CargoBuild) -> Option<PathBuf> {
    match build.run() {
        Ok(binary) => Some(binary.path().to_owned()),
        Err(error) => {
            let _ = writeln!(io::stderr(), "{name} has to build: {error}");
            None
        }
    }
}
