//! What the system dropped because the receive buffer of a UDP socket was full.

use std::collections::HashMap;
use std::fs;
use std::os::fd::AsFd;

use rustix::fs::fstat;

/// The counters of all UDP sockets, by inode: the last column in `/proc/net/udp` (proc(5)). Empty
/// where the system does not tell.
#[derive(Debug)]
pub(super) struct UdpDrops(HashMap<u64, u64>);

impl UdpDrops {
    /// The counters as they are now. This takes the system milliseconds.
    pub(super) fn read() -> Self {
        let tables = ["/proc/self/net/udp", "/proc/self/net/udp6"].map(fs::read_to_string);
        Self(tables.iter().flatten().flat_map(|table| table.lines().filter_map(counter)).collect())
    }

    /// What was dropped at `socket`.
    pub(super) fn of(&self, socket: &impl AsFd) -> u64 {
        let inode = fstat(socket).map(|status| status.st_ino);
        inode.ok().and_then(|inode| self.0.get(&inode)).copied().unwrap_or_default()
    }
}

/// The inode of a line, and its counter.
fn counter(line: &str) -> Option<(u64, u64)> {
    let mut columns = line.split_ascii_whitespace();
    let inode = columns.nth(9)?.parse().ok()?;
    Some((inode, columns.next_back()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drops_of_a_socket_are_the_last_column_of_its_line() {
        let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   \
                    uid  timeout inode ref pointer drops";
        let line = "  127: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     \
                    0        0 4711 2 0000000000000000 12";
        assert_eq!([head, line].map(counter), [None, Some((4711, 12))]);
    }
}
