//! What `--version` tells beside the version: the commit, if this is built from a checkout of it, the
//! target and the compiler.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let mut version = env::var("CARGO_PKG_VERSION").expect("cargo sets it");
    // Only in a checkout of this file: not where a package is unpacked within another repository.
    if git(&["ls-files", "--error-unmatch", "build.rs"]).is_some()
        && let Some(commit) = git(&["log", "-1", "--abbrev=10", "--format=%h %cs"])
    {
        version = format!("{version} ({commit})");
    }
    // Git writes to this file whenever HEAD moves, in any worktree.
    if let Some(moves) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={moves}");
    }
    println!("cargo::rustc-env=BUILD_VERSION={version}");
    println!("cargo::rustc-env=BUILD_TARGET={}", env::var("TARGET").expect("cargo sets it"));
    let rustc = output(&env::var("RUSTC").expect("cargo sets it"), &["--version"]);
    println!("cargo::rustc-env=BUILD_RUSTC={}", rustc.as_deref().unwrap_or("rustc unknown"));
}

fn git(words: &[&str]) -> Option<String> {
    output("git", words)
}

/// What a program prints, if it exists and succeeds.
fn output(program: &str, words: &[&str]) -> Option<String> {
    let output = Command::new(program).args(words).output().ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    Some(text.trim().to_owned())
}
