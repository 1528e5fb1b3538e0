//! `deploy/haproxy.cfg`.

use super::balanced::{
    Balanced, expect_replies_after_a_half_close, expect_sessions_through_restarts,
};
use super::file;
use crate::harness::{Process, haproxy};

#[track_caller]
fn start() -> Option<Balanced<Process>> {
    Balanced::start(|network| haproxy(network, &file("haproxy.cfg")))
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
