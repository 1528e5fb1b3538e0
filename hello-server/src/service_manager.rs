//! What the process that started this one learns of it, if it has asked (`sd_notify(3)`).

use hello_proto::Endpoint;
use log::warn;
use sd_notify::NotifyState;

/// It serves.
pub(crate) fn ready(endpoints: &[Endpoint]) {
    let endpoints: Vec<String> = endpoints.iter().map(Endpoint::to_string).collect();
    let status = format!("serving {}", endpoints.join(" "));
    notify(&[NotifyState::Ready, NotifyState::Status(&status)]);
}

/// It stops, in the way that `status` says.
pub(crate) fn stopping(status: &str) {
    notify(&[NotifyState::Stopping, NotifyState::Status(status)]);
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        warn!("cannot tell the service manager (NOTIFY_SOCKET): {error}");
    }
}
