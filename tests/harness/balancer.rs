//! HAProxy and nginx, which a test puts in front of a server.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::{NamedTempFile, TempDir};

use super::namespace::Namespace;
use super::process::Process;
use super::{has_tool, skipped};

/// A file with `text`, which has to be there until the balancer has read it.
pub(crate) fn configuration(text: &str) -> NamedTempFile {
    let file = NamedTempFile::new().expect("a file");
    fs::write(&file, text).expect("it can be written");
    file
}

/// Starts HAProxy in `network` with the configuration in `file`; `None`, and the test is skipped, if
/// it is not installed.
#[track_caller]
pub(crate) fn haproxy(network: &Namespace, file: &Path) -> Option<Process> {
    let mut haproxy = Command::new("haproxy");
    haproxy.args(["-db", "-f"]).arg(file);
    has_tool("haproxy").then(|| network.run(|| Process::spawn(&mut haproxy)))
}

/// An nginx, and the folder with its files.
pub(crate) struct Nginx {
    pub(crate) process: Process,
    _prefix: TempDir,
}

impl Nginx {
    /// Starts it in `network` with the configuration in `file`; `None`, and the test is skipped, if it
    /// is not installed, or without its stream module.
    #[track_caller]
    pub(crate) fn start(network: &Namespace, file: &Path) -> Option<Self> {
        // Without a master process there is no worker to outlive it.
        const DIRECTIVES: &str = "daemon off; master_process off; pid nginx.pid; error_log stderr;";
        if !has_tool("nginx") {
            return None;
        }
        let prefix = tempfile::tempdir().expect("a folder");
        let nginx = |option: &str| {
            let mut nginx = Command::new("nginx");
            nginx.args([option, "-e", "stderr", "-g", DIRECTIVES, "-c"]).arg(file);
            nginx.arg("-p").arg(prefix.path());
            nginx
        };
        let tested = nginx("-tq").output().expect("it is installed");
        if !tested.status.success() {
            let why = String::from_utf8_lossy(&tested.stderr).trim_end().escape_debug().to_string();
            skipped(&format!("nginx without its stream module: {why}"));
            return None;
        }
        let process = network.run(|| Process::spawn(&mut nginx("-q")));
        Some(Self { process, _prefix: prefix })
    }
}
