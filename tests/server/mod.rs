//! What the server answers, logs and counts, as literal bytes on raw sockets.

mod framing;
mod full;
mod idle;
mod lifecycle;
mod limits;
mod listening;
mod log;
mod metrics;
mod pipelining;
mod signals;
mod socket_file;
mod summary;
mod tcp;
mod udp;
mod unix;
mod usage;
