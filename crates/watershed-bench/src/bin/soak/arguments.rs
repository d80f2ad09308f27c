//! What can be chosen.

use anyhow::bail;
use std::net::SocketAddr;
use std::path::PathBuf;
use watershed_bench::http::Target;
use watershed_bench::lines::{START_NANOS, Shape};
use watershed_bench::program::{self, address};

const USAGE: &str = "\
usage: soak --url http://HOST:PORT --token TOKEN --pid PID [OPTION VALUE]…

  --url               the server; must be empty, for a database is made there
  --token             an operator token
  --pid               the server's process, for its memory
  --dir               the server's directory, for its size
  --database          soak
  --minutes           30, of overload
  --factor            2, times the rate that can be sustained
  --rows-per-second   that rate, instead of measuring it
  --rate-seconds      60, to measure it
  --rate-connections  4, while it is measured
  --connections       64, during overload
  --hosts             100 series
  --rows              10000 in a batch; a multiple of the series";

/// Batch 0 begins 22 hours into a day, so that a day ends in the middle.
const FIRST_NANOS: i64 = START_NANOS + 22 * 3_600_000_000_000;

/// Between two rows of a series.
const TICK_NANOS: i64 = 1_000_000;

#[derive(Debug, Clone)]
pub(crate) struct Arguments {
    pub(crate) target: Target,
    pub(crate) pid: u32,
    pub(crate) dir: Option<PathBuf>,
    pub(crate) database: String,
    pub(crate) minutes: f64,
    pub(crate) factor: f64,
    pub(crate) rows_per_second: Option<f64>,
    pub(crate) rate_seconds: u64,
    pub(crate) rate_connections: usize,
    pub(crate) connections: usize,
    pub(crate) hosts: usize,
    pub(crate) rows: usize,
}

impl Arguments {
    pub(crate) fn parse(words: &[String]) -> anyhow::Result<Self> {
        let mut arguments = Self {
            target: Target {
                address: SocketAddr::from(([127, 0, 0, 1], 0)),
                token: String::new(),
            },
            pid: 0,
            dir: None,
            database: "soak".to_owned(),
            minutes: 30.0,
            factor: 2.0,
            rows_per_second: None,
            rate_seconds: 60,
            rate_connections: 4,
            connections: 64,
            hosts: 100,
            rows: 10_000,
        };
        program::options(words, USAGE, |flag, value| arguments.set(flag, value))?;
        arguments.check()?;
        Ok(arguments)
    }

    fn set(&mut self, flag: &str, value: &str) -> anyhow::Result<()> {
        match flag {
            "--url" => self.target.address = address(value)?,
            "--token" => self.target.token = value.to_owned(),
            "--pid" => self.pid = value.parse()?,
            "--dir" => self.dir = Some(value.into()),
            "--database" => self.database = value.to_owned(),
            "--minutes" => self.minutes = value.parse()?,
            "--factor" => self.factor = value.parse()?,
            "--rows-per-second" => self.rows_per_second = Some(value.parse()?),
            "--rate-seconds" => self.rate_seconds = value.parse()?,
            "--rate-connections" => self.rate_connections = value.parse()?,
            "--connections" => self.connections = value.parse()?,
            "--hosts" => self.hosts = value.parse()?,
            "--rows" => self.rows = value.parse()?,
            _ => bail!("there is no such option\n{USAGE}"),
        }
        Ok(())
    }

    fn check(&self) -> anyhow::Result<()> {
        if self.target.address.port() == 0 || self.target.token.is_empty() || self.pid == 0 {
            bail!("--url, --token and --pid are needed\n{USAGE}");
        }
        if self.hosts == 0 || self.rows == 0 || !self.rows.is_multiple_of(self.hosts) {
            bail!("--rows must be a multiple of --hosts");
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if self.database.is_empty() || !self.database.chars().all(plain) {
            bail!("--database must be letters and digits");
        }
        let positive = [
            self.minutes,
            self.factor,
            self.rows_per_second.unwrap_or(1.0),
            self.rate_seconds as f64,
            self.rate_connections as f64,
            self.connections as f64,
        ];
        if !positive.iter().all(|n| n.is_finite() && *n > 0.0) {
            bail!("numbers must be above zero");
        }
        Ok(())
    }

    pub(crate) fn shape(&self) -> Shape {
        Shape {
            hosts: self.hosts,
            ticks: self.rows / self.hosts,
            start_nanos: FIRST_NANOS,
            tick_nanos: TICK_NANOS,
        }
    }

    pub(crate) fn write_path(&self) -> String {
        format!("/api/v2/write?bucket={}&precision=ns", self.database)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> anyhow::Result<Arguments> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        Arguments::parse(&words)
    }

    const LEAST: &str = "--url http://127.0.0.1:8086 --token T --pid 1";

    #[test]
    fn what_is_not_said_has_a_default() {
        let arguments = parse(LEAST).unwrap();
        assert_eq!(arguments.minutes, 30.0);
        assert_eq!(arguments.shape().rows(), 10_000);
        assert_eq!(
            parse(&format!("{LEAST} --minutes 0.5")).unwrap().minutes,
            0.5
        );
    }

    #[test]
    fn nonsense_is_an_error() {
        for more in [
            "--minutes",
            "--minutes x",
            "--minutes 0",
            "--minute 3",
            "--hosts 3",
            "--database a/b",
        ] {
            assert!(parse(&format!("{LEAST} {more}")).is_err(), "{more}");
        }
        assert!(parse("--token T --pid 1").is_err());
    }
}
