//! Measuring over sockets: readiness and clock go to [`crate::measure`], bytes come from it.

mod datagram_lane;
mod io;
mod lane;
mod open_files;
mod plan;
mod reach;
mod stream_lane;
mod stream_link;
mod timer;
mod worker;

pub(crate) use datagram_lane::DatagramLane;
pub(crate) use io::Io;
pub(crate) use open_files::raise_open_files;
pub(crate) use plan::{Plan, Share};
pub(crate) use reach::{Route, reach};
pub(crate) use stream_lane::StreamLane;
pub(crate) use worker::run;
