//! The man pages and completions under `docs`, which are made from the command line. To make those of
//! both programs anew: `HELLO_BLESS=1 cargo test --bins man_pages`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::{env, fs};

use clap::Command;
use clap_complete::{Shell, generate};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::command;

#[test]
fn the_man_pages_and_completions_are_those_of_the_command_line() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    for (path, made) in documents(command()) {
        if env::var_os("HELLO_BLESS").is_some() {
            fs::write(docs.join(&path), &made).expect("docs can be written");
        }
        let kept = fs::read(docs.join(&path)).unwrap_or_default();
        assert!(kept == made, "docs/{path} is old: HELLO_BLESS=1 cargo test --bins man_pages");
    }
}

/// All that is made of a program, by its path.
fn documents(mut command: Command) -> BTreeMap<String, Vec<u8>> {
    let mut made = BTreeMap::new();
    let program = command.get_name().to_owned();
    let completions =
        [(Shell::Bash, "", ".bash"), (Shell::Fish, "", ".fish"), (Shell::Zsh, "_", "")];
    for (shell, before, after) in completions {
        let mut script = Vec::new();
        generate(shell, &mut command.clone(), &program, &mut script);
        // With a hyphen in its name, bash would complete nothing behind a command: clap issue 6421.
        let script = String::from_utf8(script).expect("it is text");
        let (wrong, right) = (program.replace('-', "__subcmd__"), program.replace('-', "__"));
        let script = script.replace(&format!("{wrong}__"), &format!("{right}__"));
        made.insert(format!("completions/{before}{program}{after}"), script.into_bytes());
    }
    command.build();
    for command in [&command].into_iter().chain(command.get_subcommands()) {
        let name = command.get_display_name().unwrap_or(&program);
        made.insert(format!("man/{name}.1"), page(name, command).expect("memory takes it"));
    }
    made
}

/// The page of a program, or of one of its commands. What clap prints behind the options becomes
/// sections, if it has a heading, and else a part of the description.
fn page(name: &str, command: &Command) -> io::Result<Vec<u8>> {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    let mut shown = command.clone().override_usage(usage).subcommand_help_heading("COMMANDS");
    // Behind its first line, which is beside the name.
    let about = command.get_long_about().map(ToString::to_string).unwrap_or_default();
    if let Some((_, rest)) = about.split_once("\n\n") {
        shown = shown.long_about(rest.to_owned());
    }
    // Possible values take less room as a name of the value than in a list.
    let man = Man::new(shown.mut_args(|arg| {
        let values = arg.get_possible_values();
        let values = values.iter().map(|value| value.get_name()).collect::<Vec<_>>().join("|");
        if values.is_empty() {
            arg
        } else {
            arg.value_name(&*values.leak()).hide_possible_values(true)
        }
    }));
    let help = command.get_after_long_help().or_else(|| command.get_after_help());
    let help = help.map(ToString::to_string).unwrap_or_default();

    let (mut description, mut sections) = (Roff::new(), Roff::new());
    for block in help.split("\n\n").filter(|block| !block.is_empty()) {
        match block.split_once(":\n") {
            Some((heading, lines)) if !heading.contains('\n') => {
                let heading = if heading == "Exit codes" { "Exit status" } else { heading };
                sections.control("SH", [&*heading.to_uppercase()]);
                set(lines, &mut sections);
            }
            _ => {
                description.control("PP", []);
                set(block, &mut description);
            }
        }
    }
    let others = ["hello-client", "hello-server"].into_iter().filter(|other| *other != name);
    let others = others.map(|other| format!("{other}(1)")).collect::<Vec<_>>();
    sections.control("SH", ["SEE ALSO"]).text([roman(others.join(", "))]);

    let mut page = Vec::new();
    // Without a date, which would not be true for long.
    let version = env!("CARGO_PKG_VERSION");
    writeln!(page, ".TH \"{name}\" \"1\" \"\" \"hello {version}\"")?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    description.to_writer(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    sections.to_writer(&mut page)?;
    Ok(page)
}

/// Sets `text`, whose indented lines stay as they are.
fn set(text: &str, page: &mut Roff) {
    let mut is_literal = false;
    for line in text.lines() {
        let is_indented = line.starts_with("  ");
        if is_indented != is_literal {
            page.control(if is_indented { "EX" } else { "EE" }, []);
            is_literal = is_indented;
        }
        page.text([roman(line)]);
    }
    if is_literal {
        page.control("EE", []);
    }
}
