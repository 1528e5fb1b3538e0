//! A bench beside an earlier one: is it worse than yesterday?

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use log::warn;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::config::Config;
use crate::error::{Error, ErrorKind};
use crate::load::Stats;
use crate::options::{BenchOptions, Target};
use crate::units::{number, percent, rate, thousandths, time, time_or_dash};

/// An object of `--json` is smaller, even with a row for each second of a day.
const MAX_FILE: u64 = 64 * 1024 * 1024;

/// The object that an earlier bench printed with `--json`.
#[derive(Debug)]
pub(crate) struct Baseline {
    path: String,
    figures: Figures,
    /// How the load of this bench differs from that of the earlier one.
    differences: Vec<String>,
}

/// What is compared; times in microseconds.
#[derive(Clone, Copy, Debug)]
struct Figures {
    rate: Option<f64>,
    p50: Option<f64>,
    p99: Option<f64>,
    p999: Option<f64>,
    loss: f64,
    errors: f64,
}

impl Baseline {
    /// Reads the file of `--compare`, if there is one, and warns if this bench has another load.
    ///
    /// # Errors
    ///
    /// A usage error: it cannot be read, or does not have the figures of a bench.
    pub(crate) fn read(options: &BenchOptions, target: &Target) -> Result<Option<Self>, Error> {
        let Some(path) = options.compare.as_deref() else { return Ok(None) };
        let failed = |why: String| Error::usage(format!("--compare '{}': {why}", path.display()));
        let object = read_object(path).map_err(failed)?;
        let figures = Figures::of_report(&object).map_err(|why| failed(why.to_owned()))?;
        let baseline = Self {
            path: path.display().to_string(),
            figures,
            differences: differences(&object, options, target),
        };
        if !baseline.differences.is_empty() {
            let (path, differences) = (&baseline.path, baseline.differences.join(", "));
            warn!("{path} is of another load: {differences}");
        }
        Ok(Some(baseline))
    }

    /// What `stats` are beside it.
    pub(crate) fn compare(self, stats: &Stats) -> Comparison {
        let (old, new) = (self.figures, Figures::of_stats(stats));
        Comparison {
            old: self.path,
            messages_per_s: Pair::new(old.rate, new.rate),
            p50_us: Pair::new(old.p50, new.p50),
            p99_us: Pair::new(old.p99, new.p99),
            p999_us: Pair::new(old.p999, new.p999),
            loss_percent: Pair::new(Some(old.loss), Some(new.loss)),
            errors: Pair::new(Some(old.errors), Some(new.errors)),
            warnings: self.differences,
        }
    }
}

impl Figures {
    fn of_stats(stats: &Stats) -> Self {
        // What a user of whole sessions waits for is the whole session.
        let latency = stats.sessions.as_ref().map_or(&stats.latency, |sessions| &sessions.whole);
        let latency = latency.summary();
        Self {
            rate: stats.messages_per_s(),
            p50: latency.p50,
            p99: latency.p99,
            p999: latency.p999,
            loss: percent(stats.lost(), stats.sent()),
            errors: stats.errors() as f64,
        }
    }

    /// Those of an `object` that a bench has printed.
    ///
    /// # Errors
    ///
    /// It is not the object of a bench, or has no figures.
    fn of_report(object: &Value) -> Result<Self, &'static str> {
        const FOREIGN: &str = "expected the object that bench --json prints";
        let known = |path: &str| object.pointer(path).ok_or(FOREIGN);
        let figure = |path: &str| known(path).map(Value::as_f64);
        // Ping has no rate, and a usage error nothing at all.
        let rate = figure("/messages_per_s")?;
        let times = if object.get("session_us").is_some() { "session_us" } else { "rtt_us" };
        let [p50, p99, p999] =
            ["p50", "p99", "p999"].map(|name| figure(&format!("/{times}/{name}")));
        let figures = Self { rate, p50: p50?, p99: p99?, p999: p999?, loss: 0.0, errors: 0.0 };
        let count = |path: &str| known(path)?.as_u64().ok_or(FOREIGN);
        let (lost, sent) = (count("/lost")?, count("/sent")?);
        let errors = count("/errors/total")? as f64;
        let all = [figures.rate, figures.p50, figures.p99, figures.p999];
        if !all.iter().all(|figure| figure.is_some_and(|figure| figure > 0.0)) {
            return Err("that run has no figures: no message was answered");
        }
        Ok(Self { loss: percent(lost, sent), errors, ..figures })
    }
}

/// The one object in a file.
fn read_object(path: &Path) -> Result<Value, String> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_FILE).read_to_end(&mut bytes));
    let length = read.map_err(|error| error.to_string())?;
    if length as u64 == MAX_FILE {
        return Err("too large for one JSON object of a bench".to_owned());
    }
    serde_json::from_slice(&bytes).map_err(|error| format!("not one JSON object: {error}"))
}

/// How the load of a bench with these `options` differs from that of the `old` report.
fn differences(old: &Value, options: &BenchOptions, target: &Target) -> Vec<String> {
    let (endpoint, config) = (json!(target.endpoint.to_string()), config(options, target));
    let before = old.get("config").and_then(Value::as_object).cloned();
    // Versions without a config had these beside the figures.
    let before = before.unwrap_or_else(|| {
        let names = [
            ("connections", "connections"),
            ("pipeline", "pipeline"),
            ("size", "size_bytes"),
            ("rate", "rate_per_s"),
        ];
        names
            .into_iter()
            .filter_map(|(name, old_name)| Some((name.to_owned(), old.get(old_name)?.clone())))
            .collect()
    });
    let pairs = config.iter().filter_map(|(name, new)| Some((&**name, before.get(name)?, new)));
    let endpoints = old.get("endpoint").map(|old| ("endpoint", old, &endpoint));
    let shown = |value: &Value| match value {
        Value::Null => "unset".to_owned(),
        // A foreign text may hold anything, and so may the names in a foreign object.
        Value::String(text) => text.escape_debug().to_string(),
        other => other.to_string().escape_debug().to_string(),
    };
    let differing = endpoints.into_iter().chain(pairs).filter(|(_, old, new)| !is_same(old, new));
    differing.map(|(name, old, new)| format!("{name} {}, now {}", shown(old), shown(new))).collect()
}

fn config(options: &BenchOptions, target: &Target) -> Map<String, Value> {
    match serde_json::to_value(Config::new(options, target)) {
        Ok(Value::Object(config)) => config,
        other => unreachable!("a structure is an object: {other:?}"),
    }
}

/// 10 and 10.0 are the same number, whichever program wrote it.
fn is_same(old: &Value, new: &Value) -> bool {
    old == new || old.as_f64().is_some_and(|old| new.as_f64() == Some(old))
}

/// The figures of two benches.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    old: String,
    messages_per_s: Pair,
    p50_us: Pair,
    p99_us: Pair,
    p999_us: Pair,
    loss_percent: Pair,
    errors: Pair,
    warnings: Vec<String>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Pair {
    old: Option<f64>,
    new: Option<f64>,
    /// The new one as a multiple of the old one.
    ratio: Option<f64>,
}

impl Pair {
    fn new(old: Option<f64>, new: Option<f64>) -> Self {
        let ratio = old.zip(new).filter(|(old, _)| *old > 0.0).map(|(old, new)| new / old);
        let [old, new, ratio] = [old, new, ratio].map(|figure| figure.map(thousandths));
        Self { old, new, ratio }
    }

    /// Whether `new` is more than `factor` times `old`, as far as both are known.
    fn exceeds(old: Option<f64>, new: Option<f64>, factor: f64) -> bool {
        old.zip(new).is_some_and(|(old, new)| new > old * factor)
    }
}

impl Comparison {
    /// Checks that this bench is not slower by more than `--max-slowdown`, if there is one.
    ///
    /// # Errors
    ///
    /// All figures that are, with their values.
    pub(crate) fn check(&self, max_slowdown: Option<f64>) -> Result<(), Error> {
        let Some(max) = max_slowdown else { return Ok(()) };
        let Pair { old, new, .. } = self.messages_per_s;
        let mut slower = Vec::new();
        if Pair::exceeds(new, old, max) {
            slower.push(format!("rate {}, before {}", rate(new), rate(old)));
        }
        for (name, Pair { old, new, .. }) in [("p50", self.p50_us), ("p99", self.p99_us)] {
            if let Some((old, new)) = old.zip(new).filter(|_| Pair::exceeds(old, new, max)) {
                slower.push(format!("{name} {}, before {}", time(new), time(old)));
            }
        }
        if slower.is_empty() {
            return Ok(());
        }
        let message = format!("slower than --max-slowdown {max} allows: {}", slower.join("; "));
        Err(Error::unanswered(ErrorKind::Threshold, message))
    }

    /// Writes it for a person.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub(crate) fn write(&self, mut out: impl Write) -> io::Result<()> {
        writeln!(out, "\nCompared with {}", self.old.escape_debug())?;
        writeln!(out, "  {:<6}{:>14}{:>14}{:>8}", "", "old", "new", "ratio")?;
        let mut row = |name: &str, pair: Pair, shown: fn(Option<f64>) -> String| {
            let Pair { old, new, ratio } = pair;
            let ratio = ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
            writeln!(out, "  {name:<6}{:>14}{:>14}{ratio:>8}", shown(old), shown(new))
        };
        row("rate", self.messages_per_s, rate)?;
        row("p50", self.p50_us, time_or_dash)?;
        row("p99", self.p99_us, time_or_dash)?;
        row("p99.9", self.p999_us, time_or_dash)?;
        row("loss", self.loss_percent, |loss| format!("{:.2} %", loss.unwrap_or_default()))?;
        row("errors", self.errors, |count| number(count.unwrap_or_default() as u64))?;
        out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tests::bench;

    /// The object of a former version, without a config.
    fn report() -> Value {
        json!({
            "endpoint": "tcp://127.0.0.1:9999", "connections": 1, "pipeline": 1, "size_bytes": 16,
            "rate_per_s": null, "messages_per_s": 1000.0,
            "rtt_us": {"p50": 100.0, "p99": 200.0, "p999": 400.0},
            "sent": 2000, "lost": 20, "errors": {"total": 0},
        })
    }

    fn compared(words: &[&str], old: &Value) -> Vec<String> {
        let (options, target, _) = bench(words);
        differences(old, &options, &target)
    }

    fn comparison(rate: f64, p50: f64, p99: f64) -> Comparison {
        let figures = Figures::of_report(&report()).unwrap();
        let pair = |old, new| Pair::new(old, Some(new));
        Comparison {
            old: "old.json".to_owned(),
            messages_per_s: pair(figures.rate, rate),
            p50_us: pair(figures.p50, p50),
            p99_us: pair(figures.p99, p99),
            p999_us: Pair::new(figures.p999, None),
            loss_percent: pair(Some(figures.loss), 0.0),
            errors: pair(Some(figures.errors), 1234.0),
            warnings: vec![],
        }
    }

    #[test]
    fn a_slowdown_is_a_lower_rate_or_a_higher_p50_or_p99() {
        for (figures, expected) in [
            ((1000.0, 100.0, 200.0), None),
            ((910.0, 110.0, 220.0), None),
            ((900.0, 100.0, 200.0), Some("rate 900/s, before 1,000/s")),
            ((2000.0, 111.0, 200.0), Some("p50 111.0 us, before 100.0 us")),
            ((1000.0, 50.0, 2210.0), Some("p99 2.21 ms, before 200.0 us")),
            (
                (500.0, 200.0, 200.0),
                Some("rate 500/s, before 1,000/s; p50 200.0 us, before 100.0 us"),
            ),
        ] {
            let comparison = comparison(figures.0, figures.1, figures.2);
            assert!(comparison.check(None).is_ok());
            let error = comparison.check(Some(1.1)).err();
            if let Some(error) = &error {
                assert_eq!((error.kind, error.exit_code()), (ErrorKind::Threshold, 1));
            }
            let expected = expected.map(|e| format!("slower than --max-slowdown 1.1 allows: {e}"));
            assert_eq!(error.map(|error| error.to_string()), expected, "{figures:?}");
        }
    }

    #[test]
    fn the_table_has_the_old_the_new_and_the_ratio() {
        let mut out = Vec::new();
        comparison(500.0, 150.0, 2000.0).write(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\nCompared with old.json\n                   \
             old           new   ratio\n  \
             rate         1,000/s         500/s    0.50\n  \
             p50         100.0 us      150.0 us    1.50\n  \
             p99         200.0 us       2.00 ms   10.00\n  \
             p99.9       400.0 us             -       -\n  \
             loss          1.00 %        0.00 %    0.00\n  \
             errors             0         1,234       -\n"
        );
    }

    #[test]
    fn another_load_is_named_whichever_version_wrote_the_file() {
        let mut old = report();
        assert!(compared(&[], &old).is_empty());
        let words = ["-c", "2", "--rate", "5", "--size", "20", "--threads", "2"];
        let expected = ["connections 1, now 2", "rate unset, now 5", "size 16, now 20"];
        let mut found = compared(&words, &old);
        found.sort();
        assert_eq!(found, expected);
        old["config"] = json!({
            "connections": 1, "duration_s": 10, "threads": 1, "framing": "length\n", "rate": 7,
        });
        let mut found = compared(&["-t", "2", "-c", "2", "b:1"], &old);
        found.sort();
        let expected = [
            "connections 1, now 2",
            "endpoint tcp://127.0.0.1:9999, now tcp://b:1",
            "framing length\\n, now line",
            "rate 7, now unset",
            "threads 1, now 2",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_not_the_report_of_a_bench_is_refused() {
        for path in ["messages_per_s", "rtt_us", "sent", "lost", "errors"] {
            let mut object = report();
            object.as_object_mut().unwrap().remove(path);
            let why = Figures::of_report(&object).unwrap_err();
            assert_eq!(why, "expected the object that bench --json prints", "{path}");
        }
        for (object, why) in [
            (json!([1, 2]), "expected the object"),
            (json!("x"), "expected the object"),
            (json!({"outcome": "failed", "error": {"kind": "usage"}}), "expected the object"),
        ] {
            assert!(Figures::of_report(&object).unwrap_err().starts_with(why), "{object}");
        }
        for value in [json!(null), json!(0), json!(-1.5), json!("1")] {
            let mut object = report();
            object["messages_per_s"] = value;
            let why = Figures::of_report(&object).unwrap_err();
            assert_eq!(why, "that run has no figures: no message was answered");
        }
    }
}
