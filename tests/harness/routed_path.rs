//! A client and a server with a router between them, each in a network of its own.

use super::{Namespace, has_tool};

/// What a shell does so that addresses of IPv6 can be used at once, and not after seconds of looking for
/// duplicates.
const WITHOUT_DAD: &str = "for of in all default
    do echo 0 > /proc/sys/net/ipv6/conf/$of/accept_dad; done\n";

/// The same so that packets are forwarded, and errors sent however many there are; and so that
/// addresses are kept while a link is down.
const FORWARDING: &str = "echo 1 > /proc/sys/net/ipv4/ip_forward
    echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
    echo 0 > /proc/sys/net/ipv4/icmp_ratelimit
    echo 0 > /proc/sys/net/ipv6/icmp/ratelimit
    echo 1 > /proc/sys/net/ipv6/conf/all/keep_addr_on_down\n";

/// Three networks in a row, over IPv4 and IPv6:
///
/// ```text
/// client            router            server
/// 10.1.0.2  ──────  10.1.0.1
///                   10.2.0.1  ──────  10.2.0.2
/// fd00:1::2 ──────  fd00:1::1
///                   fd00:2::1 ──────  fd00:2::2
/// ```
///
/// The devices of the router are `clients` and `servers`, those at the other ends `uplink`. The
/// client knows the way to the server's network and to 10.3.0.0/16 and fd00:3::/32, and no
/// other; the router knows no way to the last two.
pub(crate) struct RoutedPath {
    pub(crate) client: Namespace,
    pub(crate) router: Namespace,
    pub(crate) server: Namespace,
}

impl RoutedPath {
    /// `None`, and the test is skipped, if that is not permitted.
    #[track_caller]
    pub(crate) fn create() -> Option<Self> {
        let (client, server) = (Namespace::create(WITHOUT_DAD)?, Namespace::create(WITHOUT_DAD)?);
        let link = |device, subnet, namespace: &Namespace| {
            let path = namespace.path();
            let add = format!("ip link add {device} type veth peer name uplink netns {path}\n");
            add + &set_up(device, subnet, 1)
        };
        let links = [link("clients", 1, &client), link("servers", 2, &server)].concat();
        let router = Namespace::create(&[WITHOUT_DAD, FORWARDING, &links].concat())?;
        let uplink = |subnet, routes, ipv6_routes| {
            let routes = format!(
                "for to in {routes}; do ip route add $to via 10.{subnet}.0.1; done
                for to in {ipv6_routes}; do ip route add $to via fd00:{subnet}::1; done"
            );
            set_up("uplink", subnet, 2) + &routes
        };
        client.shell(&uplink(1, "10.2.0.0/24 10.3.0.0/16", "fd00:2::/64 fd00:3::/32"));
        server.shell(&uplink(2, "10.1.0.0/24", "fd00:1::/64"));
        Some(Self { client, router, server })
    }

    /// Makes `rules`, in the language of nft(8), those by which the router forwards packets and
    /// sends its own; `false`, and the test is skipped, if there is no nft.
    #[track_caller]
    pub(crate) fn filter(&self, rules: &str) -> bool {
        has_tool("nft") && {
            self.router.shell(&format!(
                "nft -f - <<'END'
                add table inet filter
                delete table inet filter
                table inet filter {{
{rules}
}}
END"
            ));
            true
        }
    }
}

/// What a shell does to give `device` its addresses, with `number` in this subnet.
///
/// The system makes the routes of IPv6 a little later.
fn set_up(device: &str, subnet: u8, number: u8) -> String {
    format!(
        "ip addr add 10.{subnet}.0.{number}/24 dev {device}
        ip addr add fd00:{subnet}::{number}/64 dev {device}
        ip link set {device} up
        until ip -6 route show table local | grep -q \"local fd00:{subnet}::{number} \"
        do sleep 0.01; done\n"
    )
}
