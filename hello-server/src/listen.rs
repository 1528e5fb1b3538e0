//! From an endpoint on the command line to a socket that listens.

pub(crate) mod bind;
pub(crate) mod listener;
pub(crate) mod socket_file;
