//! What systems do differently: all that is Linux's alone, and what the others do instead. The server
//! is tested on Linux; for macOS and FreeBSD it is compiled.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;

#[cfg(target_os = "linux")]
pub(crate) use linux::*;
#[cfg(not(target_os = "linux"))]
pub(crate) use other::*;
