//! What systemd does for a server: it holds the sockets, hands them to one process after the other,
//! and hears from each how it is.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::PathBuf;
use std::process::Command;

use command_fds::{CommandFdExt, FdMapping};
use tempfile::TempDir;

use super::process::{Finished, Process};
use super::server::{Server, expected_endpoints};
use super::{DEADLINE, retry};

/// Where the descriptors that are handed over begin (`sd_listen_fds(3)`).
const FIRST_DESCRIPTOR: i32 = 3;

/// Holds sockets, which stay open as long as it lives.
pub(crate) struct ServiceManager {
    folder: TempDir,
    sockets: Vec<OwnedFd>,
    notifications: UnixDatagram,
}

impl ServiceManager {
    /// One that has no sockets yet.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let notifications = UnixDatagram::bind(folder.path().join("notify")).expect("a socket");
        notifications.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        Self { folder, sockets: Vec::new(), notifications }
    }

    /// One with these sockets.
    pub(crate) fn with(sockets: impl IntoIterator<Item = OwnedFd>) -> Self {
        let mut manager = Self::new();
        manager.sockets.extend(sockets);
        manager
    }

    /// One with a socket of each kind.
    pub(crate) fn with_each_kind() -> Self {
        let mut manager = Self::new();
        let (stream, datagram) = (manager.path("stream.sock"), manager.path("datagram.sock"));
        manager.hand_over(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket"));
        manager.hand_over(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket"));
        manager.hand_over(UnixListener::bind(stream).expect("a socket"));
        manager.hand_over(UnixDatagram::bind(datagram).expect("a socket"));
        manager
    }

    /// One more socket to hand over.
    pub(crate) fn hand_over(&mut self, socket: impl Into<OwnedFd>) {
        self.sockets.push(socket.into());
    }

    /// A path in a folder of its own.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A server that gets the sockets, and that has to notify.
    pub(crate) fn command(&self, command_line: &str) -> Command {
        // The shell has the number of the process that it becomes.
        let mut command = Server::command_after("export LISTEN_PID=$$", command_line);
        command.env("LISTEN_FDS", self.sockets.len().to_string());
        command.env("NOTIFY_SOCKET", self.path("notify"));
        let mapping = |(socket, child_fd): (&OwnedFd, i32)| FdMapping {
            parent_fd: socket.try_clone().expect("a descriptor"),
            child_fd,
        };
        let mappings = self.sockets.iter().zip(FIRST_DESCRIPTOR..).map(mapping).collect();
        command.fd_mappings(mappings).expect("each has a number of its own");
        command
    }

    /// Starts one, or returns how it ended instead.
    #[track_caller]
    pub(crate) fn try_start(&self, command_line: &str) -> Result<Server, Finished> {
        let process = Process::spawn(&mut self.command(command_line));
        Server::listening_on(process, self.sockets.len() + expected_endpoints(command_line))
    }

    /// Starts one, and waits until it says that it is ready.
    #[track_caller]
    pub(crate) fn start(&self, command_line: &str) -> Server {
        let server = self.try_start(command_line).expect("it starts");
        while !self.next_notification().starts_with("READY=1\n") {}
        server
    }

    /// What a server says next.
    #[track_caller]
    pub(crate) fn next_notification(&self) -> String {
        let mut bytes = [0; 4096];
        let length = retry(|| self.notifications.recv(&mut bytes)).expect("a notification");
        String::from_utf8(bytes[..length].to_vec()).expect("text")
    }

    /// Fills the queue of notifications, so that there is no room for another one.
    pub(crate) fn fill_notifications(&self) {
        let send = || {
            // Each from a socket of its own, whose send buffer is empty.
            let socket = UnixDatagram::unbound()?;
            socket.set_nonblocking(true)?;
            socket.send_to(b"", self.path("notify"))
        };
        let full = (0..).find_map(|_| send().err()).expect("the queue has a bound");
        assert_eq!(full.kind(), ErrorKind::WouldBlock, "{full}");
    }
}
