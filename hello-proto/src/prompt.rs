//! What both programs share at the prompt: numbers and durations as people write them, and usage
//! errors in one line.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// The longest duration that an option takes: 365 days.
pub const MAX_DURATION: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Reads a duration such as `500ms`, `5s` or `1m 30s`; `0` needs no unit.
///
/// # Errors
///
/// A clause that says what was expected, to stand behind the option and its value.
///
/// ```
/// use std::time::Duration;
/// use hello_proto::prompt::duration;
///
/// assert_eq!(duration("1m 30s"), Ok(Duration::from_secs(90)));
/// assert_eq!(duration("0"), Ok(Duration::ZERO));
/// assert!(duration("5").unwrap_err().contains("expected a number with a unit"));
/// ```
pub fn duration(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let duration = humantime::parse_duration(text)
        .map_err(|_| "expected a number with a unit, such as 500ms, 5s or 1m, or 0".to_owned())?;
    if duration > MAX_DURATION {
        return Err("expected at most 365 days".to_owned());
    }
    Ok(duration)
}

/// A reader of whole numbers within `range`; its error is a clause that says what was expected, to
/// stand behind the option and its value.
///
/// ```
/// let workers = hello_proto::prompt::number(1..=1024u16);
/// assert_eq!(workers("2"), Ok(2));
/// assert_eq!(workers("0"), Err("expected a number from 1 to 1024".to_owned()));
/// assert_eq!(workers("two"), workers("0"));
/// ```
pub fn number<N>(range: RangeInclusive<N>) -> impl Fn(&str) -> Result<N, String> + Clone
where
    N: Clone + Display + FromStr + PartialOrd,
{
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| format!("expected a number from {} to {}", range.start(), range.end()))
    }
}

/// Folds the several lines of a usage error as clap renders it into one: its hints are kept, the
/// `Usage:` and `For more information` parts are not.
///
/// ```
/// use hello_proto::prompt::one_line;
///
/// let rendered = "error: unexpected argument '--wat' found\n\n  tip: try '--wait'\n\nUsage: …\n";
/// assert_eq!(one_line(rendered), "unexpected argument '--wat' found; tip: try '--wait'");
///
/// let rendered = "error: invalid value 'x' for '--framing'\n  [possible values: line, raw]\n";
/// assert_eq!(one_line(rendered), "invalid value 'x' for '--framing'; expected one of line, raw");
/// ```
#[must_use]
pub fn one_line(rendered: &str) -> String {
    let rendered = rendered.strip_prefix("error: ").unwrap_or(rendered);
    let mut line = String::new();
    for part in rendered.lines().map(str::trim).filter(|part| !part.is_empty()) {
        if part.starts_with("Usage:") || part.starts_with("For more information") {
            break;
        }
        if !line.is_empty() {
            line.push_str(if line.ends_with(':') { " " } else { "; " });
        }
        match part.strip_prefix("[possible values: ").and_then(|rest| rest.strip_suffix(']')) {
            Some(values) => {
                line.push_str("expected one of ");
                line.push_str(values);
            }
            None => line.push_str(part),
        }
    }
    line
}
