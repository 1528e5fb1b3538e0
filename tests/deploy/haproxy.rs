//! `deploy/haproxy.cfg`.

use super::balanced::{
    Balanced, Servers, connect, expect_replies_after_a_half_close, expect_sessions_through_restarts,
};
use super::file;
use crate::harness::{Namespace, Process, haproxy};

#[track_caller]
fn start() -> Option<Balanced<Process>> {
    Balanced::start(start_haproxy)
}

#[track_caller]
fn start_haproxy(network: &Namespace) -> Option<Process> {
    haproxy(network, &file("haproxy.cfg"))
}

#[test]
fn two_thousand_sessions_through_haproxy_do_not_notice_that_each_server_is_restarted() {
    let Some(Balanced { network, mut servers, balancer: _haproxy }) = start() else { return };
    network.run(|| expect_sessions_through_restarts(&mut servers, 2_000));
}

#[test]
fn the_health_checks_of_haproxy_are_sessions_that_end_with_exit() {
    let Some(Balanced { network, servers, balancer: _haproxy }) = start() else { return };
    for summary in network.run(|| servers.drain_after_a_session()) {
        summary.expect(&[("messages", 0)]);
    }
}

#[test]
fn a_client_of_haproxy_that_has_no_more_data_gets_its_replies() {
    let Some(Balanced { network, servers: _servers, balancer: _haproxy }) = start() else { return };
    network.run(expect_replies_after_a_half_close);
}

#[test]
fn a_client_of_haproxy_is_told_that_both_servers_are_full() {
    let Some(network) = Namespace::create("") else { return };
    let (servers, _sessions) = network.run(|| Servers::start("--max-sessions 1").fill());
    let balanced = Balanced::before(network, servers, start_haproxy);
    let Some(Balanced { network, servers, balancer: _haproxy }) = balanced else { return };
    network.run(move || {
        // After three that fail, a server is down.
        servers.wait_for_rejections(5);
        connect().expect_last(b"Error: server is full\n");
    });
}
