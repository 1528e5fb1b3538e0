//! The file by which a Unix socket is found: who may replace it, and who removes it.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

/// A socket's file that is ours; dropped, it is removed, unless another has taken its place.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl SocketFile {
    /// Binds `socket` to `path`, in place of a file that a dead server has left there.
    ///
    /// # Errors
    ///
    /// `AddrInUse` if a live server holds the path, `AlreadyExists` if there is a file that is no
    /// socket, and what bind(2) has.
    pub(crate) fn bind(socket: &Socket, kind: Type, path: &Path) -> io::Result<Self> {
        let address = SockAddr::unix(path)?;
        match socket.bind(&address) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                remove_if_dead(path, &address, kind)?;
                socket.bind(&address)?;
            }
            result => result?,
        }
        let file = fs::symlink_metadata(path)?;
        Ok(Self { path: path.to_owned(), identity: (file.dev(), file.ino()) })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Ok(file) = fs::symlink_metadata(&self.path)
            && (file.dev(), file.ino()) == self.identity
        {
            // Left behind, it is replaced at the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn remove_if_dead(path: &Path, address: &SockAddr, kind: Type) -> io::Result<()> {
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        return Err(ErrorKind::AlreadyExists.into());
    }
    // Only a socket file without a socket refuses: that of a live one takes the connection, is too
    // busy to, or is of another type.
    let probe = Socket::new(Domain::UNIX, kind, None)?;
    probe.set_nonblocking(true)?;
    match probe.connect(address) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        _ => Err(ErrorKind::AddrInUse.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixDatagram, UnixListener};

    use super::*;

    fn bind(path: &Path) -> io::Result<(Socket, SocketFile)> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        let file = SocketFile::bind(&socket, Type::STREAM, path)?;
        socket.listen(1).unwrap();
        Ok((socket, file))
    }

    #[test]
    fn a_file_left_by_a_dead_server_is_replaced_and_removed_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hello.sock");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let bound = bind(&path).unwrap();
        drop(bound);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_a_live_server_holds_is_left_alone_whatever_its_type() {
        let folder = tempfile::tempdir().unwrap();
        let (stream, datagram) = (folder.path().join("stream"), folder.path().join("datagram"));
        let _stream = UnixListener::bind(&stream).unwrap();
        let _datagram = UnixDatagram::bind(&datagram).unwrap();
        for path in [stream, datagram] {
            assert_eq!(bind(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
            assert!(path.exists());
        }
    }

    #[test]
    fn a_file_that_is_no_socket_is_never_touched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("precious");
        fs::write(&path, "data").unwrap();
        assert_eq!(bind(&path).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"data");
    }

    #[test]
    fn a_file_that_another_has_put_in_its_place_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hello.sock");
        let bound = bind(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let _other = UnixListener::bind(&path).unwrap();
        drop(bound);
        assert!(path.exists());
    }
}
