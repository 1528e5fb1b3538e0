//! A program on a terminal, and what is left to see there.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::DEADLINE;

/// A program whose standard input, output and error are a terminal of its own.
pub(crate) struct Pty {
    keyboard: File,
    output: Receiver<Vec<u8>>,
    seen: Vec<u8>,
    process: Child,
}

impl Pty {
    /// Starts `command` on a terminal with this many `columns`; `None` without `setsid`, which gives
    /// it the terminal from which Ctrl-C comes.
    pub(crate) fn start(columns: u16, command: &Command) -> Option<Self> {
        let setsid = Command::new("setsid").arg("--version").stdout(Stdio::null()).status();
        if !setsid.is_ok_and(|status| status.success()) {
            return None;
        }
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let ours = openpt(flags).expect("a terminal");
        grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("it is ours");
        let path = ptsname(&ours, Vec::new()).expect("it has a name");
        let path = path.to_str().expect("ASCII");
        let theirs = OpenOptions::new().read(true).write(true).open(path).expect("its other end");
        let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&theirs, size).expect("it has a size");
        let end = || Stdio::from(theirs.try_clone().expect("a descriptor"));
        let mut on_terminal = Command::new("setsid");
        on_terminal.stdin(end()).stdout(end()).stderr(end());
        on_terminal.args(["--ctty", "--wait"]).arg(command.get_program()).args(command.get_args());
        on_terminal.env_remove("HELLO_SERVER").env_remove("NO_COLOR").env("TERM", "xterm");
        let process = on_terminal.spawn().expect("it was there");
        // The end of the output is seen once nobody else has this end.
        drop((on_terminal, theirs));
        let (sender, output) = mpsc::channel();
        let ours = File::from(ours);
        let mut screen = ours.try_clone().expect("a descriptor");
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = screen.read(&mut buffer) {
                let _ = sender.send(buffer[..length].to_vec());
            }
        });
        Some(Self { keyboard: ours, output, seen: Vec::new(), process })
    }

    /// Types this.
    pub(crate) fn type_keys(&mut self, keys: &[u8]) {
        self.keyboard.write_all(keys).expect("the terminal takes it");
    }

    /// Waits until `words` have been on the terminal.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, words: &str) {
        let deadline = Instant::now() + DEADLINE;
        while !self.text().contains(words) {
            let left = deadline.saturating_duration_since(Instant::now());
            let more = self.output.recv_timeout(left);
            self.seen.extend(more.unwrap_or_else(|error| panic!("{error}: {:?}", self.text())));
        }
    }

    /// All that was written to the terminal until the program has ended, which is with code 0.
    pub(crate) fn rest(mut self) -> String {
        while let Ok(more) = self.output.recv_timeout(DEADLINE) {
            self.seen.extend(more);
        }
        assert_eq!(
            self.process.wait().expect("it is our child").code(),
            Some(0),
            "{}",
            self.text()
        );
        self.text()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        // They fail only if it was waited for already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The lines that are to be seen on a terminal of this many `columns` after `output`, and how many
/// columns the longest was long at any time.
pub(crate) fn show(output: &str, columns: usize) -> (Vec<String>, usize) {
    let mut lines = vec![Vec::new()];
    let (mut row, mut column, mut longest) = (0, 0, 0);
    let mut rest = output.chars();
    while let Some(letter) = rest.next() {
        match letter {
            '\r' => column = 0,
            '\n' => row += 1,
            '\x1b' => {
                let sequence: Vec<char> = take_sequence(&mut rest);
                let (last, number) = sequence.split_last().expect("a sequence has an end");
                let number: String = number.iter().collect();
                match (last, number.trim_start_matches('[')) {
                    ('A', up) => row -= up.parse().unwrap_or(1),
                    ('K', "2") => lines[row].clear(),
                    ('K', "" | "0") => lines[row].truncate(column),
                    ('m' | 'h' | 'l', _) => {}
                    other => panic!("{other:?} in {output:?}"),
                }
            }
            letter => {
                if column == columns {
                    (row, column) = (row + 1, 0);
                }
                lines.resize(lines.len().max(row + 1), Vec::new());
                let line = &mut lines[row];
                line.resize(line.len().max(column + 1), ' ');
                line[column] = letter;
                column += 1;
                longest = longest.max(column);
            }
        }
        lines.resize(lines.len().max(row + 1), Vec::new());
    }
    (lines.into_iter().map(String::from_iter).collect(), longest)
}

/// What follows an escape, up to the letter that ends it.
fn take_sequence(rest: &mut impl Iterator<Item = char>) -> Vec<char> {
    let mut sequence = Vec::new();
    for letter in rest {
        sequence.push(letter);
        if letter.is_ascii_alphabetic() {
            break;
        }
    }
    sequence
}
