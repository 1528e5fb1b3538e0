//! Whatever is in the file of `say`: its lines, or one line that says which of them cannot be sent.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::LazyLock;

use hello_proto::MessageError;

use super::script::Script;
use crate::error::Error;
use crate::options::{SayOptions, Target};
use crate::replay::bench;

/// The first byte picks how messages are sent; the rest is the file.
pub(crate) fn holds(input: &[u8]) {
    static FILE: LazyLock<File> = LazyLock::new(|| tempfile::tempfile().expect("a temporary file"));
    static TARGETS: LazyLock<[Target; 4]> = LazyLock::new(|| {
        [("tcp", "line"), ("tcp", "length"), ("tcp", "raw"), ("udp", "line")].map(
            |(socket, framing)| {
                let server = format!("{socket}://a:1");
                bench(&[&server, "--max-message", "16", "--framing", framing]).1
            },
        )
    });
    let [how, content @ ..] = input else { return };
    let target = &TARGETS[usize::from(*how) % TARGETS.len()];
    FILE.set_len(0).expect("it can be written");
    FILE.write_all_at(content, 0).expect("it can be written");
    let path = PathBuf::from(format!("/dev/fd/{}", FILE.as_raw_fd()));
    let options = SayOptions { file: Some(path), ..SayOptions::default() };
    match (messages(&options, target), expected(content, target)) {
        (Ok(messages), expected) => assert_eq!(Some(messages), expected),
        (Err(error), expected) => {
            assert_eq!((error.exit_code(), expected), (2, None), "{error}");
            assert!(!error.to_string().contains(char::is_control), "{error}");
        }
    }
}

fn messages(options: &SayOptions, target: &Target) -> Result<Vec<Vec<u8>>, Error> {
    let mut script = Script::open(options, target)?;
    std::iter::from_fn(|| script.next().transpose()).collect()
}

/// The lines, unless there is one that cannot be sent.
fn expected(content: &[u8], target: &Target) -> Option<Vec<Vec<u8>>> {
    let mut lines: Vec<_> = content.split_inclusive(|byte| *byte == b'\n').collect();
    for line in &mut lines {
        if let Some(ended) = line.strip_suffix(b"\n") {
            *line = ended.strip_suffix(b"\r").unwrap_or(ended);
        }
    }
    if let Some(last) = lines.last()
        && target.check(last) == Err(MessageError::Exit)
    {
        lines.pop();
    }
    let all_can_be_sent = lines.iter().all(|line| target.check(line).is_ok());
    all_can_be_sent.then(|| lines.into_iter().map(<[u8]>::to_vec).collect())
}

#[test]
fn files_of_messages_hold_for_every_interesting_input() {
    crate::replay::replay(include_str!("../replay/inputs/script.hex"), holds);
}
