//! `deploy/nginx.conf`.

use std::time::Instant;

use super::balanced::{
    Balanced, datagram_socket, expect_datagrams_through_restarts,
    expect_replies_after_a_half_close, expect_sessions_through_restarts, is_replied,
};
use super::file;
use crate::harness::Nginx;

#[track_caller]
fn start() -> Option<Balanced<Nginx>> {
    Balanced::start(|network| Nginx::start(network, &file("nginx.conf")))
}

#[test]
fn two_thousand_sessions_through_nginx_do_not_notice_that_each_server_is_restarted() {
    let Some(Balanced { network, mut servers, balancer: _nginx }) = start() else { return };
    network.run(|| expect_sessions_through_restarts(&mut servers, 2_000));
}

#[test]
fn of_twenty_thousand_datagrams_through_nginx_none_is_lost_but_within_a_restart() {
    let Some(Balanced { network, mut servers, balancer: _nginx }) = start() else { return };
    network.run(|| expect_datagrams_through_restarts(&mut servers, 20_000));
}

#[test]
fn datagrams_that_no_server_answers_do_not_take_the_servers_from_others() {
    let Some(Balanced { network, servers: _servers, balancer: mut nginx }) = start() else {
        return;
    };
    network.run(|| {
        let long = datagram_socket();
        for _ in 0..2 {
            long.send(&[b'x'; 2_000]).expect("it can be sent");
        }
        for _ in 0..2 {
            nginx.process.stderr.wait_for("upstream timed out");
        }
        let socket = datagram_socket();
        for name in ["Michael", "Tracy", "Sarah"] {
            socket.send(name.as_bytes()).expect("it can be sent");
            assert!(is_replied(&socket, &format!("Hello, {name}!"), Instant::now()), "{name}");
        }
    });
}

#[test]
fn a_client_of_nginx_that_has_no_more_data_gets_its_replies() {
    let Some(Balanced { network, servers: _servers, balancer: _nginx }) = start() else { return };
    network.run(expect_replies_after_a_half_close);
}
