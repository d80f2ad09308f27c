//! What can be chosen.

use anyhow::bail;
use std::net::SocketAddr;
use watershed_bench::http::Target;
use watershed_bench::program::{self, address};

const USAGE: &str = "\
usage: heavy --url http://HOST:PORT --token TOKEN --pid PID [OPTION VALUE]…

  --url       the server; must be empty, for a database is made there
  --token     an operator token
  --pid       the server's process, for its memory
  --database  heavy
  --rows      3000000
  --hosts     100 series
  --clients   20 that ask heavy questions
  --seconds   60";

#[derive(Debug, Clone)]
pub(crate) struct Arguments {
    pub(crate) target: Target,
    pub(crate) pid: u32,
    pub(crate) database: String,
    pub(crate) rows: usize,
    pub(crate) hosts: usize,
    pub(crate) clients: usize,
    pub(crate) seconds: u64,
}

impl Arguments {
    pub(crate) fn parse(words: &[String]) -> anyhow::Result<Self> {
        let mut arguments = Self {
            target: Target {
                address: SocketAddr::from(([127, 0, 0, 1], 0)),
                token: String::new(),
            },
            pid: 0,
            database: "heavy".to_owned(),
            rows: 3_000_000,
            hosts: 100,
            clients: 20,
            seconds: 60,
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
            "--database" => self.database = value.to_owned(),
            "--rows" => self.rows = value.parse()?,
            "--hosts" => self.hosts = value.parse()?,
            "--clients" => self.clients = value.parse()?,
            "--seconds" => self.seconds = value.parse()?,
            _ => bail!("there is no such option\n{USAGE}"),
        }
        Ok(())
    }

    fn check(&self) -> anyhow::Result<()> {
        if self.target.address.port() == 0 || self.target.token.is_empty() || self.pid == 0 {
            bail!("--url, --token and --pid are needed\n{USAGE}");
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if self.database.is_empty() || !self.database.chars().all(plain) {
            bail!("--database must be letters and digits");
        }
        if self.rows == 0 || self.hosts == 0 || self.clients == 0 || self.seconds == 0 {
            bail!("numbers must be above zero");
        }
        Ok(())
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
        assert_eq!(parse(LEAST).unwrap().clients, 20);
        let more = parse(&format!("{LEAST} --clients 3 --rows 10")).unwrap();
        assert_eq!((more.clients, more.rows), (3, 10));
    }

    #[test]
    fn nonsense_is_an_error() {
        for more in [
            "--rows",
            "--rows x",
            "--rows 0",
            "--row 3",
            "--database a/b",
        ] {
            assert!(parse(&format!("{LEAST} {more}")).is_err(), "{more}");
        }
        assert!(parse("--token T --pid 1").is_err());
    }
}
