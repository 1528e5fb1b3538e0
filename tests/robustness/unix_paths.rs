//! Several servers that want the same path for their Unix socket, and its permissions.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use rustix::fs::FileType;

use crate::harness::{DatagramClient, Finished, Process, Server, skipped, wait_until};

const KINDS: [&str; 2] = ["unix", "unixgram"];
const TAKEN: &str = "another server is listening on this path";

fn endpoint(scheme: &str, path: &Path) -> String {
    format!("{scheme}://{}", path.display())
}

fn lock(path: &Path) -> PathBuf {
    path.with_extension("sock.lock")
}

/// Leaves a socket file at `path`, as a killed server does.
fn leave_behind(scheme: &str, path: &Path) {
    let connect = || match scheme {
        "unix" => UnixStream::connect(path).map(drop),
        _ => UnixDatagram::unbound().and_then(|client| client.connect(path)),
    };
    match scheme {
        "unix" => drop(UnixListener::bind(path).expect("a free path")),
        _ => drop(UnixDatagram::bind(path).expect("a free path")),
    }
    // A program that another test starts may still hold it, until it is executed.
    wait_until("nobody has it open", || connect().is_err());
}

/// Asserts that clients of the path reach `server`.
#[track_caller]
fn expect_service(server: &Server, folder: &Path) {
    let endpoint = &server.endpoints()[0];
    if endpoint.starts_with("unix://") {
        let mut client = server.session();
        client.send(b"Michael\nexit\n");
        client.expect_last(b"Hello, Michael!\n");
    } else {
        let own = folder.join("client");
        let mut client = DatagramClient::from_file(&own, endpoint);
        client.send(b"Michael");
        client.expect(b"Hello, Michael!");
        fs::remove_file(own).expect("its file");
    }
}

/// Asserts that `server` has had one client, and that nothing is left when it stops.
#[track_caller]
fn expect_clean_stop(server: Server, path: &Path) {
    let counter = if server.endpoints()[0].starts_with("unix://") { "opened" } else { "greeted" };
    server.summary().expect(&[(counter, 1)]);
    assert!(!path.exists() && !lock(path).exists(), "{} is left behind", path.display());
}

#[test]
fn of_servers_that_start_at_the_same_moment_one_listens_and_keeps_the_path() {
    const SERVERS: usize = 4;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hello.sock");
    for round in 0..20 {
        for scheme in KINDS {
            leave_behind(scheme, &path);
            let endpoint = endpoint(scheme, &path);
            let start = || Server::try_start(&endpoint);
            let started: Vec<Result<Server, Finished>> = thread::scope(|scope| {
                let all: Vec<_> = (0..SERVERS).map(|_| scope.spawn(start)).collect();
                all.into_iter().map(|one| one.join().expect("it starts, or ends")).collect()
            });
            let (mut serving, mut others) = (vec![], vec![]);
            for one in started {
                match one {
                    Ok(server) => serving.push(server),
                    Err(finished) => others.push(finished),
                }
            }
            assert_eq!(serving.len(), 1, "servers in round {round} of {scheme}: {others:?}");
            others.iter().for_each(|other| other.expect_error_line(1, &[&endpoint, TAKEN]));
            let server = serving.pop().expect("one server");
            expect_service(&server, folder.path());
            expect_clean_stop(server, &path);
        }
    }
}

/// Starts a server at `endpoint` that is delayed before its first system call `call`, and waits
/// until it is there; `None`, and the test is skipped, if it cannot be traced.
#[track_caller]
fn start_paused(folder: &Path, call: &str, endpoint: &str) -> Option<Process> {
    let probe = Command::new("strace").args(["-o", "/dev/null", "true"]).status();
    if !probe.is_ok_and(|status| status.success()) {
        skipped("no strace, or no right to trace");
        return None;
    }
    let trace = folder.join("trace");
    let mut traced = Command::new("strace");
    // The tracer is the one that is detached, so the process is the server itself. It follows no
    // other threads than the first, which binds.
    traced.args(["-D", "-qq", "-o"]).arg(&trace);
    // Some machines have unlinkat(2) alone.
    traced.args(["-e", &format!("trace=/^{call}")]);
    traced.args(["-e", &format!("inject=/^{call}:delay_enter=2s:when=1")]);
    let server = Server::command_after("", endpoint);
    traced.arg(server.get_program()).args(server.get_args());
    let process = Process::spawn(&mut traced);
    wait_until("the server is there", || {
        fs::read_to_string(&trace).is_ok_and(|trace| trace.contains(call))
    });
    Some(process)
}

#[test]
fn a_server_that_is_slow_between_bind_and_listen_keeps_its_path() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hello.sock");
    let endpoint = endpoint("unix", &path);
    let Some(slow) = start_paused(folder.path(), "listen", &endpoint) else {
        return;
    };
    assert!(path.exists(), "it is bound");
    Server::run([&*endpoint]).expect_error_line(1, &[&endpoint, TAKEN]);

    let server = Server::listening(slow, &endpoint).expect("it listens in the end");
    expect_service(&server, folder.path());
    expect_clean_stop(server, &path);
}

#[test]
fn a_server_that_is_slow_to_replace_a_dead_socket_does_not_replace_a_live_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hello.sock");
    for scheme in KINDS {
        leave_behind(scheme, &path);
        let endpoint = endpoint(scheme, &path);
        let Some(slow) = start_paused(folder.path(), "unlink", &endpoint) else {
            return;
        };
        Server::run([&*endpoint]).expect_error_line(1, &[&endpoint, TAKEN]);

        let server = Server::listening(slow, &endpoint).expect("it listens in the end");
        expect_service(&server, folder.path());
        expect_clean_stop(server, &path);
        fs::remove_file(folder.path().join("trace")).expect("what strace wrote");
    }
}

#[test]
fn a_lock_that_a_killed_server_has_left_does_no_harm() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hello.sock");
    for scheme in KINDS {
        let endpoint = endpoint(scheme, &path);
        drop(Server::start(&endpoint));
        assert!(path.exists() && lock(&path).exists(), "it was killed, and could not remove them");
        let server = Server::start(&endpoint);
        expect_service(&server, folder.path());
        expect_clean_stop(server, &path);
    }
}

#[test]
fn a_lock_that_is_a_symbolic_link_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hello.sock");
    let (precious, missing) = (folder.path().join("precious"), folder.path().join("missing"));
    fs::write(&precious, "data").expect("a file");
    for target in [&precious, &missing] {
        symlink(target, lock(&path)).expect("a link");
        for scheme in KINDS {
            let endpoint = endpoint(scheme, &path);
            Server::run([&*endpoint]).expect_error_line(1, &[&endpoint, "symbolic link"]);
            assert!(!path.exists(), "nothing listens");
        }
        let kept = fs::read_link(lock(&path)).expect("the link is still there");
        assert_eq!(&kept, target);
        fs::remove_file(lock(&path)).expect("the link");
    }
    assert_eq!(fs::read(&precious).expect("the file"), b"data");
    assert!(!missing.exists());
}

#[test]
fn the_permissions_of_a_socket_are_those_asked_for_or_what_the_umask_leaves() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hello.sock");
    for (umask, option, expected) in [
        ("077", "--unix-mode 600", 0o600),
        ("077", "--unix-mode 660", 0o660),
        ("077", "--unix-mode 777", 0o777),
        ("000", "--unix-mode 600", 0o600),
        ("000", "--unix-mode 0660", 0o660),
        ("000", "--unix-mode 777", 0o777),
        ("022", "--unix-mode 0", 0),
        ("077", "", 0o700),
        ("027", "", 0o750),
        ("000", "", 0o777),
    ] {
        for scheme in KINDS {
            let line = format!("{} {option}", endpoint(scheme, &path));
            let server = Server::start_after(&format!("umask {umask}"), &line);
            let mode = fs::symlink_metadata(&path).expect("its file").permissions().mode();
            assert!(FileType::from_raw_mode(mode).is_socket());
            assert_eq!(mode & 0o7777, expected, "umask {umask}, {line}: {mode:o}");
            let locked = fs::metadata(lock(&path)).expect("its lock").permissions().mode();
            assert_eq!(locked & 0o077, 0, "no other user may lock it: {locked:o}");
            server.stop();
        }
    }
}

#[test]
fn invalid_permissions_are_a_usage_error() {
    for mode in ["1000", "8", "rw", "-1", "", "0o600", "u=rw"] {
        let option = format!("--unix-mode={mode}");
        let finished = Server::run(["unix:///nowhere/hello.sock", &option]);
        finished.expect_error_line(2, &["--unix-mode", mode]);
        assert_eq!(finished.stdout_text(), "");
    }
}

#[test]
fn a_stop_leaves_the_lock_of_the_server_that_came_after() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hello.sock");
    let lock = folder.path().join("hello.sock.lock");
    let first = Server::start(&format!("unix://{}", path.display()));
    fs::remove_file(&path).expect("the first server's socket");
    fs::remove_file(&lock).expect("the first server's lock");
    let second = Server::start(&format!("unix://{}", path.display()));
    first.stop();
    assert!(path.exists() && lock.exists());
    second.session().send(b"exit\n");
    second.stop();
    assert!(!path.exists() && !lock.exists());
}
