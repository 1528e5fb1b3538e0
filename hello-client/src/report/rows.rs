//! The rows of `bench`, an interval each, as text and as CSV.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use crate::error::{Error, ErrorKind};
use crate::load::Row;
use crate::units::{number, time_or_dash};

/// Writes rows as they come.
pub(crate) struct RowWriter<'a> {
    csv: CsvFile<'a>,
    /// For text, if that is wanted.
    lines: Option<&'a mut dyn Write>,
    is_first: bool,
    written: Result<(), Error>,
}

impl<'a> RowWriter<'a> {
    /// Writes to `csv`, and for people to `lines`.
    pub(crate) fn new(csv: CsvFile<'a>, lines: Option<&'a mut dyn Write>) -> Self {
        Self { csv, lines, is_first: true, written: Ok(()) }
    }

    /// Whether rows are written for people.
    pub(crate) fn has_lines(&self) -> bool {
        self.lines.is_some()
    }

    /// Writes the next row.
    pub(crate) fn write(&mut self, row: &Row) {
        self.csv.write(row);
        if let Some(lines) = &mut self.lines
            && self.written.is_ok()
        {
            self.written = write_row(row, self.is_first, lines).map_err(Error::output);
            self.is_first = false;
        }
    }

    /// Whether those who should read the rows cannot.
    pub(crate) fn is_broken(&self) -> bool {
        self.written.is_err()
    }

    /// Says whether all rows were written.
    ///
    /// # Errors
    ///
    /// Those of write(2), of the first row that was not.
    pub(crate) fn finish(self) -> Result<(), Error> {
        let mut written = self.written;
        if let Some(lines) = self.lines
            && written.is_ok()
            && !self.is_first
        {
            written = writeln!(lines).map_err(Error::output);
        }
        let csv_written = self.csv.finish();
        written.and(csv_written)
    }
}

/// Writes a row, below the heads of its columns if it is the first one.
fn write_row(row: &Row, is_first: bool, mut out: impl Write) -> io::Result<()> {
    if is_first {
        let [interval, rate] = ["Interval", "Messages/s"];
        let [lost, errors, p50, p99, max] = ["Lost", "Errors", "p50", "p99", "max"];
        writeln!(out, "{interval:<20}{rate:>11}{lost:>8}{errors:>8}{p50:>10}{p99:>10}{max:>10}")?;
    }
    let interval = format!("{:.2}-{:.2} s", row.start_s, row.start_s + row.duration_s);
    let rate =
        row.messages_per_s().map_or_else(|| "-".to_owned(), |rate| number(rate.round() as u64));
    let [lost, errors] = [row.lost, row.errors].map(number);
    let [p50, p99, max] = [row.p50_us, row.p99_us, row.max_us].map(time_or_dash);
    writeln!(out, "{interval:<20}{rate:>11}{lost:>8}{errors:>8}{p50:>10}{p99:>10}{max:>10}")?;
    out.flush()
}

/// The file of `--csv`, if there is to be one.
#[derive(Debug)]
pub(crate) struct CsvFile<'a>(Option<Csv<'a>>);

#[derive(Debug)]
struct Csv<'a> {
    file: File,
    path: &'a Path,
    written: Result<(), Error>,
}

impl<'a> CsvFile<'a> {
    /// Creates the file, with the names of the columns: those of the JSON.
    ///
    /// # Errors
    ///
    /// A usage error, if that cannot be done.
    pub(crate) fn create(path: Option<&'a Path>) -> Result<Self, Error> {
        let Some(path) = path else { return Ok(Self(None)) };
        let head = b"start_s,duration_s,messages,errors,lost,p50_us,p99_us,max_us\n";
        match File::create(path).and_then(|mut file| file.write_all(head).map(|()| file)) {
            Ok(file) => Ok(Self(Some(Csv { file, path, written: Ok(()) }))),
            Err(error) => Err(Error::usage(format!("--csv '{}': {error}", path.display()))),
        }
    }

    fn finish(self) -> Result<(), Error> {
        self.0.map_or(Ok(()), |csv| csv.written)
    }

    /// Writes a row at once, so that a run that is killed has left those before.
    fn write(&mut self, row: &Row) {
        let Some(csv) = self.0.as_mut().filter(|csv| csv.written.is_ok()) else { return };
        let Row { start_s, duration_s, messages, errors, lost, p50_us, p99_us, max_us } = row;
        let [p50, p99, max] = [p50_us, p99_us, max_us]
            .map(|figure| figure.map(|figure| figure.to_string()).unwrap_or_default());
        let line = format!("{start_s},{duration_s},{messages},{errors},{lost},{p50},{p99},{max}\n");
        csv.written = csv.file.write_all(line.as_bytes()).map_err(|error| {
            let message = format!("--csv '{}': {error}", csv.path.display());
            Error::unanswered(ErrorKind::Closed, message)
        });
    }
}
