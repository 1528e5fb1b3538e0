//! From an endpoint on the command line, or a socket that was handed over, to one that listens.

pub(crate) mod bind;
pub(crate) mod inherited;
pub(crate) mod listener;
pub(crate) mod socket_file;
