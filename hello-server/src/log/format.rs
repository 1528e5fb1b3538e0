//! The form of a line.

use std::env;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::time::SystemTime;

use clap::ValueEnum;
use env_logger::Builder;
use log::kv::{self, Key, Value, VisitSource};
use log::{Level, Record};
use rustix::fs::fstat;

use crate::NAME;

/// What `--log-format` takes. Comments on the variants would be part of the help.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
}

/// How lines look in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Text,
    /// For the journal of systemd, which has the time already and shows the level by a prefix
    /// (sd-daemon(3)).
    Journal,
    Json,
}

impl Style {
    pub(super) fn of(format: Format) -> Self {
        let stream = env::var("JOURNAL_STREAM").unwrap_or_default();
        match format {
            Format::Json => Self::Json,
            Format::Text if is_stream(&stream, io::stderr()) => Self::Journal,
            Format::Text => Self::Text,
        }
    }

    pub(super) fn apply(self, builder: &mut Builder) {
        match self {
            Self::Text => builder.format_target(false),
            Self::Journal => builder.format(|line, record| {
                writeln!(line, "{}{}", journal_prefix(record.level()), record.args())
            }),
            Self::Json => builder.format(|line, record| line.write_all(json(record).as_bytes())),
        };
    }

    /// A line that the program says itself, even where nothing is logged.
    pub(super) fn line(self, level: Level, message: &str) -> String {
        match self {
            Self::Text => format!("{NAME}: {message}\n"),
            Self::Journal => format!("{}{NAME}: {message}\n", journal_prefix(level)),
            Self::Json => {
                json(&Record::builder().level(level).args(format_args!("{message}")).build())
            }
        }
    }
}

/// Whether `stream`, a device and an inode, is this file. It is inherited by processes whose stderr
/// goes elsewhere (systemd.exec(5)).
fn is_stream(stream: &str, file: impl AsFd) -> bool {
    fstat(file).is_ok_and(|status| stream == format!("{}:{}", status.st_dev, status.st_ino))
}

fn journal_prefix(level: Level) -> &'static str {
    match level {
        Level::Error => "<3>",
        Level::Warn => "<4>",
        Level::Info => "<6>",
        Level::Debug | Level::Trace => "<7>",
    }
}

fn json(record: &Record<'_>) -> String {
    let mut line = String::from("{");
    let time = humantime::format_rfc3339_millis(SystemTime::now());
    let mut fields = Fields(&mut line);
    fields.push("time", &time.to_string());
    fields.push("level", &record.level().as_str().to_ascii_lowercase());
    fields.push("message", &record.args().to_string());
    // It fails only if a field does, and ours do not.
    let _ = record.key_values().visit(&mut fields);
    line.push_str("}\n");
    line
}

/// The inside of an object.
struct Fields<'a>(&'a mut String);

impl Fields<'_> {
    fn push(&mut self, key: &str, text: &str) {
        self.push_json(key, &serde_json::Value::from(text));
    }

    fn push_json(&mut self, key: &str, value: &serde_json::Value) {
        let separator = if self.0.ends_with('{') { "" } else { "," };
        let key = serde_json::Value::from(key);
        write!(self.0, "{separator}{key}:{value}").expect("a string takes all");
    }
}

impl<'kvs> VisitSource<'kvs> for Fields<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        let number = value.to_u64().map(serde_json::Value::from);
        let number = number.or_else(|| value.to_f64().map(serde_json::Value::from));
        match number {
            Some(number) => self.push_json(key.as_str(), &number),
            None => self.push(key.as_str(), &value.to_string()),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_object_with_its_fields_behind_the_message() {
        let fields: &[(&str, Value<'_>)] = &[
            ("id", Value::from(7u64)),
            ("duration_s", Value::from(0.25)),
            ("peer", Value::from("a \"quoted\"\npath")),
        ];
        let record = Record::builder()
            .level(Level::Debug)
            .args(format_args!("session 7 \\ ended"))
            .key_values(&fields)
            .build();
        let line = json(&record);
        let (time, rest) = line.split_once("\",").unwrap();
        let time = time.strip_prefix("{\"time\":\"").unwrap();
        assert!(humantime::parse_rfc3339(time).is_ok(), "{time}");
        assert_eq!(
            rest,
            "\"level\":\"debug\",\"message\":\"session 7 \\\\ ended\",\"id\":7,\
             \"duration_s\":0.25,\"peer\":\"a \\\"quoted\\\"\\npath\"}\n"
        );
    }

    #[test]
    fn the_stream_of_the_journal_is_told_by_device_and_inode() {
        let (stderr, _other) = io::pipe().unwrap();
        let status = fstat(&stderr).unwrap();
        let stream = format!("{}:{}", status.st_dev, status.st_ino);
        assert!(is_stream(&stream, &stderr));
        for other in ["", ":", "0:0", &stream[1..], &format!("{stream}0")] {
            assert!(!is_stream(other, &stderr), "{other}");
        }
    }

    #[test]
    fn a_line_of_the_program_itself_has_the_same_form_as_the_log() {
        assert_eq!(Style::Text.line(Level::Error, "failed"), "hello-server: failed\n");
        assert_eq!(Style::Journal.line(Level::Warn, "failed"), "<4>hello-server: failed\n");
        let json = Style::Json.line(Level::Error, "failed");
        assert!(json.ends_with(",\"level\":\"error\",\"message\":\"failed\"}\n"), "{json}");
    }
}
