//! What a word was probably meant to be, where it can be known.

use std::ffi::OsString;
use std::net::IpAddr;

use hello_proto::{EndpointError, EndpointSpec};
use strsim::osa_distance;

/// What is wrong with `messages` that are probably an address: said to another server, it would be
/// taken for a path that works.
pub(super) fn address(messages: &[OsString]) -> Option<String> {
    let address =
        messages.iter().filter_map(|message| message.to_str()).find(|word| is_address(word))?;
    let address = address.escape_debug();
    Some(format!(
        "'{address}' is an address, not a message: use '-s {address}' to go there, '-- {address}' \
         to say it"
    ))
}

/// What is wrong with `messages` that probably begin with a command of `cli`, mistyped: said, it
/// would be taken for a command that succeeded.
pub(super) fn command(messages: &[OsString], cli: &clap::Command) -> Option<String> {
    let (word, others) = messages.split_first()?;
    let word = word.to_str()?;
    if !others.iter().all(|other| other.to_str().is_some_and(is_address)) {
        return None;
    }
    let meant = match word {
        "help" | "version" => format!("--{word}"),
        _ => cli
            .get_subcommands()
            .map(clap::Command::get_name)
            .find(|command| is_mistyped(command, word))?
            .to_owned(),
    };
    let word = word.escape_debug();
    Some(format!("'{word}' is not a command: use '{meant}', or '-- {word}' to say it"))
}

/// Whether `word` is one letter off `command`, or differs from it only in case. Another word with
/// a capital letter is a name: Ray is no mistyped `say`.
fn is_mistyped(command: &str, word: &str) -> bool {
    let is_lowercase = !word.contains(char::is_uppercase);
    (is_lowercase && osa_distance(command, word) == 1) || word.eq_ignore_ascii_case(command)
}

/// Whether `word` says where a server is.
fn is_address(word: &str) -> bool {
    let has_scheme = word.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric())
    });
    let is_endpoint =
        matches!(word.parse::<EndpointSpec>(), Ok(_) | Err(EndpointError::MissingSlashes(_)));
    has_scheme || is_endpoint || word == "localhost" || word.parse::<IpAddr>().is_ok()
}

/// What a flag of nc, ping, curl or iperf3 that is none of ours is called here.
pub(super) fn flag(flag: &str) -> Option<&'static str> {
    Some(match flag {
        "-u" | "--udp" => "for UDP, the server is udp://HOST:PORT",
        "-U" | "--unix-socket" => "for a Unix socket, the server is unix:///PATH",
        "-p" | "--port" | "--host" => "the server is -s HOST:PORT",
        "-w" | "-W" | "-m" | "--max-time" | "--connect-timeout" => "use --timeout DURATION",
        "-k" | "--retry" => "to wait for a server, use --wait DURATION",
        "-I" | "-B" | "--interface" | "--source" => "use --bind ADDR",
        "-J" => "use --json",
        "-z" => "use check",
        "-l" | "--listen" => "the server is another program, hello-server",
        "-c" | "-i" => "it belongs behind a command, as in ping -c 3",
        "-n" => "use ping --count N or bench --messages N",
        "-P" | "--parallel" => "use bench --connections N",
        "-b" | "--bandwidth" | "--bitrate" => "use bench --rate N, in messages a second",
        "-t" | "--time" => "use bench --duration DURATION",
        _ => return None,
    })
}
