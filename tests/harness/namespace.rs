//! A network namespace for one test: what is set up there is gone with it.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::panic::resume_unwind;
use std::process::{self, Command};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::process::Process;
use super::skipped;

/// What a shell does to give a loopback device the IPv6 address `address` with its prefix length.
///
/// The system makes its route a little later; until then connecting to it fails.
pub(crate) fn add_ipv6(address: &str) -> String {
    let (host, _) = address.split_once('/').expect("a prefix length");
    format!(
        "ip addr add {address} dev lo nodad
        until ip -6 route show table local | grep -q \"local {host} \"; do sleep 0.01; done\n"
    )
}

/// A network namespace (network_namespaces(7)), for as long as this or a process in it lives.
pub(crate) struct Namespace(File);

impl Namespace {
    /// One with a loopback device, in which a shell has run `setup`; `None`, and the test is skipped,
    /// if that is not permitted.
    #[track_caller]
    pub(crate) fn create(setup: &str) -> Option<Self> {
        // Until the namespace is open here, this process keeps it.
        let script =
            format!("exec unshare --net sh -ec 'ip link set lo up\n{setup}\necho ready\nread _'");
        let mut holder = Process::spawn(Command::new("sh").args(["-c", &script]));
        if holder.stdout.next().as_deref() != Some("ready") {
            let why = holder.wait().stderr;
            skipped(&format!("no network of its own: {}", why.trim_end().escape_debug()));
            return None;
        }
        let pid = holder.pid();
        Some(Self(File::open(format!("/proc/{pid}/ns/net")).expect("it is our child")))
    }

    /// Runs `scene` there: its sockets, and the processes that it starts, stay there.
    pub(crate) fn run<T: Send>(&self, scene: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let network = Some(LinkNameSpaceType::Network);
                move_into_link_name_space(self.0.as_fd(), network)
                    .expect("the same right as before");
                scene()
            });
            thread.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    }

    /// Runs `script` in a shell there, which has to succeed.
    #[track_caller]
    pub(crate) fn shell(&self, script: &str) {
        let output = self.run(|| Command::new("sh").args(["-ec", script]).output());
        let output = output.expect("there is a shell");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr} in:\n{script}");
    }

    /// A name that `ip … netns` takes.
    pub(crate) fn path(&self) -> String {
        format!("/proc/{}/fd/{}", process::id(), self.0.as_raw_fd())
    }
}
