//! The file by which a Unix socket is found: who may replace it, and who removes it.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::net::os;

/// The file of a socket that we have bound; dropped, it is removed, unless another has taken its
/// place.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
    /// Dropped last: until the file is removed, nobody else may bind.
    _lock: Lock,
}

impl SocketFile {
    /// Binds `socket` to `path` with permissions `mode`, in place of a file that a dead server has
    /// left there.
    ///
    /// # Errors
    ///
    /// `AddrInUse` if a live server holds the path, `AlreadyExists` if there is a file that is not
    /// a socket, and what bind(2) and open(2) have.
    pub(crate) fn bind(
        socket: &Socket,
        kind: Type,
        path: &Path,
        mode: Option<u32>,
    ) -> io::Result<Self> {
        let lock = Lock::acquire(path)?;
        let address = SockAddr::unix(path)?;
        if let Some(mode) = mode {
            // So that the file never has too much of it.
            os::set_file_mode(socket, mode)?;
        }
        match socket.bind(&address) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                remove_if_dead(path, &address, kind)?;
                socket.bind(&address)?;
            }
            result => result?,
        }
        let file = fs::symlink_metadata(path)?;
        let bound = Self { path: path.to_owned(), identity: identity(&file), _lock: lock };
        if let Some(mode) = mode {
            fs::set_permissions(path, Permissions::from_mode(mode))?;
        }
        Ok(bound)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|file| identity(&file) == self.identity) {
            // Left behind, it is replaced at the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The right to bind to a path, among servers of this kind: between bind(2) and listen(2) a live
/// socket looks like a dead one, and between a look and unlink(2) a dead one may be replaced.
#[derive(Debug)]
struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    /// Locks `path`.lock for as long as this lives.
    fn acquire(path: &Path) -> io::Result<Self> {
        let mut path = path.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        loop {
            let mut options = File::options();
            options.write(true).create(true).mode(0o600);
            // Neither through a link that another user has laid, nor waiting at a pipe.
            let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
            let file = options.custom_flags(flags.bits().cast_signed()).open(&path);
            let file = file.map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", path.display()))
            })?;
            flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|error| {
                match io::Error::from(error) {
                    error if error.kind() == ErrorKind::WouldBlock => ErrorKind::AddrInUse.into(),
                    error => error,
                }
            })?;
            // Unless its last owner has just removed it.
            let locked = identity(&file.metadata()?);
            if fs::symlink_metadata(&path).is_ok_and(|file| identity(&file) == locked) {
                return Ok(Self { path, file });
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Unless somebody has removed it, and it is another server's by now.
        let (held, found) = (self.file.metadata(), fs::symlink_metadata(&self.path));
        if let (Ok(held), Ok(found)) = (held, found)
            && identity(&held) == identity(&found)
        {
            // Left behind, it is locked again at the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(file: &fs::Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
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
