//! What a server uses, as proc(5) shows it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, setrlimit};

use crate::harness::{RawClient, Server, wait_until};

/// What allocators and page tables may add to what is promised, in bytes.
pub(super) const NOISE: u64 = 2 * 1024 * 1024;

/// What a server uses, at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    /// Resident memory, in bytes.
    pub(super) resident: u64,
    /// The most that it ever was.
    pub(super) peak: u64,
    pub(super) descriptors: usize,
}

impl Usage {
    pub(super) fn of(server: &Server) -> Self {
        let pid = server.process.pid();
        Self {
            resident: memory(pid, "VmRSS:"),
            peak: memory(pid, "VmHWM:"),
            descriptors: descriptors(pid).len(),
        }
    }

    /// Measured when every thread serves: with one session, which is to stay open.
    pub(super) fn with_a_session(server: &Server) -> (RawClient, Self) {
        let client = server.session();
        (client, Self::of(server))
    }

    /// Waits until the server has no more open than it had.
    #[track_caller]
    pub(super) fn wait_until_back(self, server: &Server) -> Self {
        wait_until("its descriptors are back to where they were", || {
            Self::of(server).descriptors <= self.descriptors
        });
        Self::of(server)
    }

    /// Waits until the server has no more open, and checks that it holds about as much memory.
    #[track_caller]
    pub(super) fn expect_back(self, server: &Server) {
        let now = self.wait_until_back(server);
        assert!(now.resident <= self.resident + NOISE, "{self:?} before, {now:?} now");
    }
}

fn memory(pid: Pid, key: &str) -> u64 {
    let status = fs::read_to_string(path(pid, "status")).expect("a process");
    let value = status.lines().find_map(|line| line.strip_prefix(key)).expect("it has memory");
    let kibibytes: u64 = value.trim().trim_end_matches(" kB").parse().expect("a number");
    kibibytes * 1024
}

/// The numbers of the descriptors that a process has open. A server that looks how busy the machine
/// is opens a file for that, which is closed at once and does not count.
pub(super) fn descriptors(pid: Pid) -> Vec<u64> {
    let open = fs::read_dir(path(pid, "fd")).expect("a process");
    let number = |name: &str| name.parse().expect("a number");
    let is_lasting = |entry: &fs::DirEntry| {
        fs::read_link(entry.path()).is_ok_and(|file| file != Path::new("/proc/stat"))
    };
    let lasting = open.flatten().filter(is_lasting);
    lasting.map(|entry| number(&entry.file_name().to_string_lossy())).collect()
}

/// The processor time that a process has used so far.
pub(super) fn processor_time(pid: Pid) -> Duration {
    let stat = fs::read_to_string(path(pid, "stat")).expect("a process");
    let (_, after_name) = stat.rsplit_once(") ").expect("a name in parentheses");
    let fields: Vec<&str> = after_name.split(' ').collect();
    // utime and stime, fields 14 and 15 of which 3 is the first here.
    let ticks = |field: usize| fields[field - 3].parse::<u64>().expect("a number");
    // USER_HZ is 100 wherever Rust's standard library runs.
    Duration::from_millis((ticks(14) + ticks(15)) * 10)
}

fn path(pid: Pid, file: &str) -> String {
    format!("/proc/{pid}/{file}")
}

/// How many files this process may have open, once that is raised as far as it goes.
pub(super) fn open_files() -> usize {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("up to the hard one");
    maximum.map_or(usize::MAX, |maximum| maximum as usize)
}
