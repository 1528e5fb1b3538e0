//! The completions of bash, as bash asks for them.

use std::process::Command;

use crate::harness::has_tool;

/// What bash offers in place of the last of `words`.
fn completions(words: &[&str]) -> String {
    let program = words[0];
    let script = format!(
        "source ../docs/completions/{program}.bash
        COMP_WORDS=(\"$@\") COMP_CWORD=$(($# - 1))
        function=$(complete -p {program} | sed 's/.* -F \\([^ ]*\\) .*/\\1/')
        $function {program} \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD - 1]}}\"
        echo \"${{COMPREPLY[*]}}\""
    );
    let mut bash = Command::new("bash");
    bash.current_dir(env!("CARGO_MANIFEST_DIR")).args(["-euc", &script, "bash"]).args(words);
    let output = bash.output().expect("it is installed");
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).expect("it is text").trim().to_owned()
}

#[test]
fn bash_completes_commands_options_and_values() {
    if !has_tool("bash") {
        return;
    }
    for (words, expected) in [
        (&["hello-server", "--grac"][..], "--grace"),
        (&["hello-server", "--framing", "l"], "line length"),
        (&["hello-client", "ch"], "check"),
        (&["hello-client", "bench", "--comp"], "--compare"),
        (&["hello-client", "ping", "--framing", "ra"], "raw"),
    ] {
        assert_eq!(completions(words), expected, "{words:?}");
    }
}
