//! What several threads do with a socket.

pub(crate) mod linger;
pub(crate) mod os;
pub(crate) mod packet_info;
pub(crate) mod poll;
pub(crate) mod stream;
