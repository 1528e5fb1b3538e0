//! What the system dropped because the receive buffer of a UDP socket was full.

use std::fs;
use std::os::fd::OwnedFd;

use rustix::fs::fstat;

/// The socket's own counter, the last column of its line in `/proc/net/udp` (proc(5)); 0 where the
/// system does not tell. It is read once, so it costs nothing while datagrams come.
pub(crate) fn udp_drops(socket: &OwnedFd) -> u64 {
    let Ok(status) = fstat(socket) else {
        return 0;
    };
    let drops = |file| drops(&fs::read_to_string(file).ok()?, status.st_ino);
    drops("/proc/self/net/udp").or_else(|| drops("/proc/self/net/udp6")).unwrap_or(0)
}

fn drops(table: &str, inode: u64) -> Option<u64> {
    let inode = inode.to_string();
    table.lines().find_map(|line| {
        let mut columns = line.split_ascii_whitespace();
        let is_it = columns.nth(9) == Some(inode.as_str());
        is_it.then(|| columns.next_back()?.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drops_of_a_socket_stand_in_the_last_column_of_its_line() {
        let table = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  127: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 12
  128: 0100007F:0036 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4712 2 0000000000000000 0
";
        assert_eq!([4711, 4712, 4713].map(|inode| drops(table, inode)), [Some(12), Some(0), None]);
    }
}
