//! What a word was probably meant to be, where it can be known.

use std::ffi::OsString;
use std::net::IpAddr;

use hello_proto::{EndpointError, EndpointSpec};
use strsim::osa_distance;

/// What is wrong with `messages` of which one is probably an address: said to another server, it would
/// be taken for a path that works.
pub(super) fn address(messages: &[OsString]) -> Option<String> {
    let mut words = messages.iter().filter_map(|message| message.to_str());
    let word = words.find(|word| is_address(word))?;
    let meant = match word.parse::<EndpointSpec>() {
        Ok(_) => word.to_owned(),
        Err(EndpointError::MissingSlashes(meant)) => meant,
        Err(_) => "HOST:PORT".to_owned(),
    };
    let (said, meant) = (word.escape_debug(), meant.escape_debug());
    Some(format!(
        "'{said}' is an address, not a message: use 'check {meant}' or '-s {meant}' to go there, \
         '-- {said}' to say it"
    ))
}

/// What is wrong with `messages` that probably begin with a command of `cli`, mistyped: said, it
/// would be taken for a command that succeeded.
pub(super) fn command(messages: &[OsString], cli: &clap::Command) -> Option<String> {
    let words: Vec<&str> =
        messages.iter().map(|message| message.to_str()).collect::<Option<_>>()?;
    let (word, others) = words.split_first()?;
    let commands = || cli.get_subcommands().map(clap::Command::get_name);
    if !others.iter().all(|other| is_address(other) || commands().any(|command| command == *other))
    {
        return None;
    }
    let meant = match *word {
        "help" | "version" => format!("--{word}"),
        _ => commands().find(|command| is_mistyped(command, word))?.to_owned(),
    };
    let word = word.escape_debug();
    Some(format!("'{word}' is not a command: use '{meant}', or '-- {word}' to say it"))
}

/// Whether `word` is one letter off `command`, or differs from it only in case. Another word with
/// a capital letter is a name: Ray is not a mistyped `say`.
fn is_mistyped(command: &str, word: &str) -> bool {
    let is_lowercase = !word.contains(char::is_uppercase);
    (is_lowercase && osa_distance(command, word) == 1) || word.eq_ignore_ascii_case(command)
}

/// Whether `word` says where a server is.
fn is_address(word: &str) -> bool {
    /// A host name has at most 253 bytes, the path of a socket fewer.
    const MAX_LENGTH: usize = "unixgram://".len() + 253 + ":65535".len();
    if word.len() > MAX_LENGTH {
        return false;
    }
    let has_scheme = word.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric())
    });
    let is_endpoint =
        matches!(word.parse::<EndpointSpec>(), Ok(_) | Err(EndpointError::MissingSlashes(_)));
    let host = word.strip_suffix(':').unwrap_or(word);
    let ip = host.trim_start_matches('[').trim_end_matches(']').split('%').next();
    let is_host =
        host.eq_ignore_ascii_case("localhost") || ip.is_some_and(|ip| ip.parse::<IpAddr>().is_ok());
    has_scheme || is_endpoint || is_host || has_port(word)
}

/// Whether `word` ends in what may have been meant as a port, as `*:9999`, `:9999` and
/// `db1:99999/` do.
fn has_port(word: &str) -> bool {
    let Some((host, port)) = word.rsplit_once(':') else { return false };
    let port = port.trim_end_matches('/');
    let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    is_port && !host.contains(char::is_whitespace)
}

/// What to write rather than `flag`, which is unexpected where it stands.
pub(super) fn flag(flag: &str, cli: &clap::Command) -> Option<String> {
    // What means one thing in bench and another to users of nc or ping comes first.
    if let Some(hint) = foreign(flag) {
        return Some(hint.to_owned());
    }
    let has_it = |command: &&clap::Command| {
        command.get_arguments().any(|argument| {
            argument.get_long().is_some_and(|long| flag.strip_prefix("--") == Some(long))
                || argument.get_short().is_some_and(|short| flag == format!("-{short}"))
        })
    };
    let owners = cli.get_subcommands().filter(has_it).map(clap::Command::get_name);
    let owners: Vec<_> = owners.collect();
    (!owners.is_empty()).then(|| format!("it goes behind {}", owners.join(" or ")))
}

/// What a flag of nc, ping, curl or iperf3, which this program does not have there, is called here.
fn foreign(flag: &str) -> Option<&'static str> {
    Some(match flag {
        "-u" | "--udp" => "for UDP, the server is udp://HOST:PORT",
        "-U" | "--unix-socket" => "for a Unix socket, the server is unix:///PATH",
        "-p" | "--port" | "--host" => "the server is -s HOST:PORT",
        "-w" | "-W" | "-m" | "--max-time" | "--connect-timeout" => "use --timeout DURATION",
        "-k" | "--retry" => "to wait for a server, use --wait DURATION",
        "-I" | "-B" | "--interface" | "--source" => "use --bind ADDR",
        "-J" => "use --json",
        "-z" => "use check ENDPOINT; the size of a message is --size BYTES",
        "-l" | "--listen" => "the server is another program, hello-server",
        "-n" => "use ping --count N or bench -n N",
        "-P" | "--parallel" => "use bench --connections N",
        "-b" | "--bandwidth" | "--bitrate" => "use bench --rate N, in messages a second",
        "-t" | "--time" => "for the time, use bench --duration DURATION; for threads, bench -t N",
        _ => return None,
    })
}
