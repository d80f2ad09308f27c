//! What can be said to `cargo xtask bench`.

use anyhow::{Context as _, bail};
use std::path::PathBuf;

/// A data set: a name, and how it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DataSet {
    pub(super) name: &'static str,
    /// For `bench.py gen`.
    pub(super) made_by: &'static [&'static str],
}

/// The data sets, from 720,000 to 864,000 rows each.
pub(super) const DATA_SETS: &[DataSet] = &[
    DataSet {
        name: "cpu-100h-24h",
        made_by: &["--set", "cpu", "--hosts", "100", "--hours", "24"],
    },
    DataSet {
        name: "cpu-4000h-30m",
        made_by: &["--set", "cpu", "--hosts", "4000", "--hours", "0.5"],
    },
    DataSet {
        name: "iot",
        made_by: &["--set", "iot", "--hosts", "1000", "--hours", "2"],
    },
    DataSet {
        name: "card",
        made_by: &["--set", "card", "--hosts", "1000", "--hours", "2"],
    },
];

/// The name under which this build stands in the tables.
pub(super) const OURS: &str = "watershed";

/// Who is measured, unless said otherwise.
const PEERS: [&str; 3] = ["influx1", "vm", OURS];

/// `bench ingest`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ingest {
    pub(super) data: Vec<DataSet>,
    pub(super) runs: u32,
    /// Level of compression of the bodies; 0 for none.
    pub(super) gzip: u32,
    /// [`OURS`], or whatever `bench.py` takes as a peer.
    pub(super) peers: Vec<String>,
    pub(super) server_binary: Option<PathBuf>,
}

impl Ingest {
    pub(super) fn parse(words: &[String]) -> anyhow::Result<Self> {
        let mut ingest = Self {
            data: Vec::new(),
            runs: 3,
            gzip: 0,
            peers: Vec::new(),
            server_binary: None,
        };
        for (flag, value) in pairs(words)? {
            match flag {
                "--data" => ingest.data.push(data_set(value)?),
                "--runs" => ingest.runs = number(flag, value)?,
                "--gzip" => ingest.gzip = number(flag, value)?,
                "--peer" => ingest.peers.push(value.to_owned()),
                "--server-binary" => ingest.server_binary = Some(value.into()),
                _ => bail!(
                    "can't make sense of \"{flag}\"; expected --data, --runs, --gzip, --peer or --server-binary"
                ),
            }
        }
        if ingest.runs == 0 {
            bail!("--runs must be above zero");
        }
        if ingest.data.is_empty() {
            ingest.data.extend(DATA_SETS);
        }
        if ingest.peers.is_empty() {
            ingest.peers.extend(PEERS.map(str::to_owned));
        }
        Ok(ingest)
    }
}

fn data_set(name: &str) -> anyhow::Result<DataSet> {
    let found = DATA_SETS.iter().find(|set| set.name == name).copied();
    found.with_context(|| {
        let names: Vec<&str> = DATA_SETS.iter().map(|set| set.name).collect();
        format!("there is no data set \"{name}\", only {}", names.join(", "))
    })
}

/// `bench soak`.
#[derive(Debug, PartialEq)]
pub(super) struct Soak {
    pub(super) minutes: f64,
    pub(super) factor: f64,
    /// Further options of the program, as they came.
    pub(super) passed_on: Vec<String>,
    pub(super) server_binary: Option<PathBuf>,
}

/// Options that are the program's own business.
const PASSED_ON: [&str; 5] = [
    "--rows-per-second",
    "--rate-seconds",
    "--connections",
    "--hosts",
    "--rows",
];

impl Soak {
    pub(super) fn parse(words: &[String]) -> anyhow::Result<Self> {
        let mut soak = Self {
            minutes: 30.0,
            factor: 2.0,
            passed_on: Vec::new(),
            server_binary: None,
        };
        for (flag, value) in pairs(words)? {
            match flag {
                "--minutes" => soak.minutes = number(flag, value)?,
                "--factor" => soak.factor = number(flag, value)?,
                "--server-binary" => soak.server_binary = Some(value.into()),
                _ if PASSED_ON.contains(&flag) => {
                    soak.passed_on.extend([flag.to_owned(), value.to_owned()]);
                }
                _ => bail!(
                    "can't make sense of \"{flag}\"; expected --minutes, --factor, --server-binary, {}",
                    PASSED_ON.join(", ")
                ),
            }
        }
        if !(soak.minutes > 0.0 && soak.factor > 0.0) {
            bail!("--minutes and --factor must be above zero");
        }
        Ok(soak)
    }
}

/// `bench heavy`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Heavy {
    pub(super) seconds: u64,
    /// Further options of the program, as they came.
    pub(super) passed_on: Vec<String>,
    pub(super) server_binary: Option<PathBuf>,
}

impl Heavy {
    pub(super) fn parse(words: &[String]) -> anyhow::Result<Self> {
        let mut heavy = Self {
            seconds: 60,
            passed_on: Vec::new(),
            server_binary: None,
        };
        for (flag, value) in pairs(words)? {
            match flag {
                "--seconds" => heavy.seconds = number(flag, value)?,
                "--server-binary" => heavy.server_binary = Some(value.into()),
                "--rows" | "--hosts" | "--clients" => {
                    heavy.passed_on.extend([flag.to_owned(), value.to_owned()]);
                }
                _ => bail!(
                    "can't make sense of \"{flag}\"; expected --seconds, --rows, --hosts, --clients or --server-binary"
                ),
            }
        }
        if heavy.seconds == 0 {
            bail!("--seconds must be above zero");
        }
        Ok(heavy)
    }
}

fn number<T: std::str::FromStr>(flag: &str, value: &str) -> anyhow::Result<T> {
    let parsed = value.parse().ok();
    parsed.with_context(|| format!("{flag} needs a number, not \"{value}\""))
}

/// Flags with their values; `--flag=value` is one, too.
fn pairs(words: &[String]) -> anyhow::Result<Vec<(&str, &str)>> {
    let mut pairs = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let pair = match word.split_once('=') {
            Some(pair) => pair,
            None => match words.next() {
                Some(value) => (word.as_str(), value.as_str()),
                None => bail!("{word} has no value"),
            },
        };
        pairs.push(pair);
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let ingest = Ingest::parse(&[]).unwrap();
        assert_eq!((ingest.data.len(), ingest.runs, ingest.gzip), (4, 3, 0));
        assert_eq!(ingest.peers, ["influx1", "vm", "watershed"]);
        let soak = Soak::parse(&[]).unwrap();
        assert_eq!((soak.minutes, soak.factor), (30.0, 2.0));
    }

    #[test]
    fn what_is_said_counts() {
        let ingest = "--data iot --data=card --runs 1 --gzip=1 --peer watershed \
                      --peer other=http://127.0.0.1:1,token=T --server-binary /bin/w";
        let ingest = Ingest::parse(&words(ingest)).unwrap();
        assert_eq!(ingest.data, [DATA_SETS[2], DATA_SETS[3]]);
        assert_eq!((ingest.runs, ingest.gzip), (1, 1));
        assert_eq!(
            ingest.peers,
            ["watershed", "other=http://127.0.0.1:1,token=T"]
        );
        assert_eq!(ingest.server_binary, Some("/bin/w".into()));
        let soak = Soak::parse(&words("--minutes 0.5 --factor=3 --connections 8")).unwrap();
        assert_eq!((soak.minutes, soak.factor), (0.5, 3.0));
        assert_eq!(soak.passed_on, ["--connections", "8"]);
        let heavy = Heavy::parse(&words("--rows 9 --seconds=3")).unwrap();
        assert_eq!(heavy.seconds, 3);
        assert_eq!(heavy.passed_on, ["--rows", "9"]);
    }

    #[test]
    fn nonsense_is_an_error() {
        for text in [
            "--data x",
            "--runs 0",
            "--runs",
            "--runs x",
            "iot",
            "--minutes 1",
        ] {
            assert!(Ingest::parse(&words(text)).is_err(), "{text}");
        }
        for text in [
            "--minutes 0",
            "--minutes x",
            "--factor nan",
            "--data iot",
            "soak",
        ] {
            assert!(Soak::parse(&words(text)).is_err(), "{text}");
        }
        for text in ["--seconds 0", "--minutes 1", "--rows"] {
            assert!(Heavy::parse(&words(text)).is_err(), "{text}");
        }
    }
}
