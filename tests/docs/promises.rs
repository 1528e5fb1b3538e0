//! Every test that PROMISES.md names is in the file that it names.

use std::fs;
use std::path::Path;

/// The names in backticks in `text` that can only be those of tests.
fn test_names(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).filter(|name| {
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        name.chars().all(is_name) && name.matches('_').count() > 2
    })
}

#[test]
fn every_test_that_a_promise_names_is_where_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let promises = fs::read_to_string(folder.join("PROMISES.md")).expect("the promises");
    let (mut named, mut missing) = (0, Vec::new());
    for row in promises.lines().filter(|line| line.starts_with('|')) {
        // Behind each link are the tests in that file.
        for link in row.split("](").skip(1) {
            let (file, names) = link.split_once(')').expect("the end of a link");
            let code = fs::read_to_string(folder.join(file)).unwrap_or_default();
            for name in test_names(names) {
                named += 1;
                if !code.contains(&format!("fn {name}(")) {
                    missing.push(format!("{file}: {name}"));
                }
            }
        }
    }
    assert!(named > 100, "there are promises: {named}");
    assert!(missing.is_empty(), "tests that are not there:\n{}", missing.join("\n"));
}
