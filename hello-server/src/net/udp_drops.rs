//! What the system dropped because the receive buffer of a UDP socket was full.

use std::collections::HashSet;
use std::fs;
use std::os::fd::OwnedFd;

use rustix::fs::fstat;

/// By which the system's table knows a socket, while it is open.
pub(crate) fn inode(socket: &OwnedFd) -> Option<u64> {
    fstat(socket).map(|status| status.st_ino).ok()
}

/// The sum of the sockets' own counters, each the last column of its line in `/proc/net/udp`
/// (proc(5)); 0 where the system does not tell. It is read when somebody asks, so it costs nothing while
/// datagrams come.
pub(crate) fn udp_drops(inodes: &HashSet<u64>) -> u64 {
    let tables = ["/proc/self/net/udp", "/proc/self/net/udp6"].map(fs::read_to_string);
    tables.iter().flatten().map(|table| drops(table, inodes)).sum()
}

fn drops(table: &str, inodes: &HashSet<u64>) -> u64 {
    let drops = |line: &str| -> Option<u64> {
        let mut columns = line.split_ascii_whitespace();
        let inode = columns.nth(9)?.parse().ok()?;
        let drops = columns.next_back()?.parse().ok()?;
        inodes.contains(&inode).then_some(drops)
    };
    table.lines().filter_map(drops).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drops_of_a_socket_are_the_last_column_of_its_line() {
        let table = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  127: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 12
  128: 0100007F:0036 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4712 2 0000000000000000 0
";
        let drops = |inodes: &[u64]| drops(table, &inodes.iter().copied().collect());
        assert_eq!([drops(&[4711, 4712]), drops(&[4712]), drops(&[4713])], [12, 0, 0]);
    }
}
