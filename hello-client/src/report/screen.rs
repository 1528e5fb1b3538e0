//! What a report is read on.

use std::env;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;

use rustix::termios::tcgetwinsize;

/// A terminal, or a file or a pipe.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    /// In characters.
    pub(crate) width: usize,
    /// Whether it shows colours, and the user wants them.
    pub(crate) has_colour: bool,
}

impl Screen {
    /// The width of what is not a terminal, or does not say.
    const WIDTH: usize = 80;

    /// What standard output is written to.
    pub(crate) fn of_stdout() -> Self {
        Self::of(&io::stdout())
    }

    /// What standard error is written to.
    pub(crate) fn of_stderr() -> Self {
        Self::of(&io::stderr())
    }

    fn of(output: &(impl AsFd + IsTerminal)) -> Self {
        let width = tcgetwinsize(output).map_or(0, |size| usize::from(size.ws_col));
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self {
            width: if width == 0 { Self::WIDTH } else { width },
            has_colour: output.is_terminal() && !is_set("NO_COLOR") && !is_dumb,
        }
    }
}
