//! A document and its translation have the same sections, and the same consoles in them.

use std::fs;
use std::path::Path;

/// How deep each heading of `document` is, and between them what its consoles show.
fn skeleton(document: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            if line == "```console" {
                found.push(block.join("\n"));
            }
        } else if line.starts_with('#') {
            found.push(line.chars().take_while(|c| *c == '#').collect());
        }
    }
    found
}

#[test]
fn a_translation_has_the_sections_and_the_consoles_of_its_original() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    for (original, translation) in [
        ("README.md", "README.zh-CN.md"),
        ("docs/from-the-tutorial.md", "docs/from-the-tutorial.zh-CN.md"),
    ] {
        let read = |name: &str| skeleton(&fs::read_to_string(root.join(name)).expect("text"));
        let (expected, found) = (read(original), read(translation));
        assert!(expected.len() > 10, "{original} has sections and consoles");
        for (expected, found) in expected.iter().zip(&found) {
            assert_eq!(found, expected, "{translation} and {original}");
        }
        assert_eq!(found.len(), expected.len(), "{translation} and {original}");
    }
}
