//! The units in `deploy/systemd`, as systemd reads them.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::{Server, has_tool};

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    if !has_tool("systemd-analyze") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let units = ["hello-server.service", "hello-server.socket"].map(|name| {
        let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/systemd").join(name);
        let text = fs::read_to_string(unit).expect("the unit");
        // It looks for the program, too.
        let server = Server::command("").get_program().to_str().expect("text").to_owned();
        let path = folder.path().join(name);
        fs::write(&path, text.replace("/usr/local/bin/hello-server", &server)).expect("a file");
        path
    });
    let verified =
        Command::new("systemd-analyze").args(["verify", "--man=no"]).args(units).output();
    let verified = verified.expect("it is installed");
    let found = [verified.stdout, verified.stderr].concat();
    assert_eq!(String::from_utf8_lossy(&found), "");
    assert!(verified.status.success());
}
