//! The server's process as the system sees it: memory, CPU, disk. Linux only.

use anyhow::Context as _;
use std::fs;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

const MIB: f64 = (1 << 20) as f64;

/// How often memory is looked at.
const TICK: Duration = Duration::from_secs(1);

/// A server that uses less than this share of a core for [`QUIET`] has come to rest.
const IDLE_SHARE: f64 = 0.03;
const QUIET: Duration = Duration::from_secs(5);

/// Ticks of the clock in `/proc/PID/stat`; 100 on every Linux that there is.
const TICKS_PER_SECOND: f64 = 100.0;

/// Resident memory at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sample {
    pub(crate) seconds: f64,
    pub(crate) mib: f64,
}

/// Looks at the memory of a process each second.
#[derive(Debug)]
pub(crate) struct Watch {
    samples: Arc<Mutex<Vec<Sample>>>,
    stop: SyncSender<()>,
}

impl Watch {
    /// # Errors
    /// When there is no such process.
    pub(crate) fn start(pid: u32) -> anyhow::Result<Self> {
        resident_mib(pid).with_context(|| format!("look at process {pid}"))?;
        let samples = Arc::new(Mutex::new(Vec::new()));
        let (stop, stopped) = sync_channel::<()>(1);
        let into = Arc::clone(&samples);
        let started = Instant::now();
        thread::spawn(move || {
            while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                // A process that has ended has no memory; the load notices.
                if let Ok(mib) = resident_mib(pid) {
                    let seconds = started.elapsed().as_secs_f64();
                    let mut samples = into.lock().unwrap_or_else(PoisonError::into_inner);
                    samples.push(Sample { seconds, mib });
                }
            }
        });
        Ok(Self { samples, stop })
    }

    pub(crate) fn samples(&self) -> Vec<Sample> {
        let samples = self.samples.lock();
        samples.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn stop(&self) {
        // It may have been told before.
        let _ = self.stop.try_send(());
    }
}

/// The resident memory of a process.
fn resident_mib(pid: u32) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next());
    let kib: f64 = kib.context("it has no memory")?.parse()?;
    Ok(kib * 1024.0 / MIB)
}

/// Seconds of CPU that a process has used.
fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in parentheses, may hold anything.
    let rest = stat.rsplit_once(") ").context("read /proc/PID/stat")?.1;
    let ticks = rest.split(' ').skip(11).take(2);
    let ticks: Result<Vec<f64>, _> = ticks.map(str::parse).collect();
    Ok(ticks?.iter().sum::<f64>() / TICKS_PER_SECOND)
}

/// Waits until a process has come to rest, or for `limit`.
///
/// # Errors
/// When the process is gone.
pub(crate) fn settle(pid: u32, limit: Duration) -> anyhow::Result<()> {
    let started = Instant::now();
    while started.elapsed() < limit {
        let before = cpu_seconds(pid).context("the server is gone")?;
        thread::sleep(QUIET);
        let used = cpu_seconds(pid).context("the server is gone")? - before;
        if used / QUIET.as_secs_f64() < IDLE_SHARE {
            break;
        }
    }
    Ok(())
}

/// Bytes of all files below a directory, and in words.
pub(crate) fn disk(dir: Option<&Path>) -> (u64, String) {
    let Some(dir) = dir else {
        return (0, "disk not looked at".to_owned());
    };
    let (log, files) = (
        bytes_below(&dir.join("wal")),
        bytes_below(&dir.join("objects")),
    );
    let text = format!(
        "log {:.0} MiB, files {:.0} MiB",
        log as f64 / MIB,
        files as f64 / MIB
    );
    (log + files, text)
}

fn bytes_below(dir: &Path) -> u64 {
    // Files come and go while this looks.
    let Ok(entries) = fs::read_dir(dir) else {
        return 0;
    };
    let bytes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => bytes_below(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    });
    bytes.sum()
}

/// Least, median, most, and how it went over time.
pub(crate) fn describe(samples: &[Sample]) -> String {
    if samples.is_empty() {
        return "RSS: no samples".to_owned();
    }
    let mut sorted: Vec<f64> = samples.iter().map(|sample| sample.mib).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let quarter = samples.len().div_ceil(4);
    let quarters = samples.chunks(quarter).map(|part| {
        let sum: f64 = part.iter().map(|sample| sample.mib).sum();
        format!("{:.0}", sum / part.len() as f64)
    });
    format!(
        "RSS MiB: min {:.0}, median {:.0}, max {:.0}; slope {:+.2} MiB/min, of the second half {:+.2}; mean by quarters {}",
        sorted[0],
        sorted[sorted.len() / 2],
        sorted[sorted.len() - 1],
        slope(samples) * 60.0,
        slope(&samples[samples.len() / 2..]) * 60.0,
        quarters.collect::<Vec<_>>().join(", ")
    )
}

/// The slope of the line that fits best, per second.
fn slope(samples: &[Sample]) -> f64 {
    let count = samples.len() as f64;
    let mean = |of: fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>() / count;
    let (at, level) = (mean(|s| s.seconds), mean(|s| s.mib));
    let both: f64 = samples
        .iter()
        .map(|s| (s.seconds - at) * (s.mib - level))
        .sum();
    let spread: f64 = samples.iter().map(|s| (s.seconds - at).powi(2)).sum();
    if spread > 0.0 { both / spread } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_slope() {
        let samples: Vec<Sample> = (0..120)
            .map(|second| Sample {
                seconds: f64::from(second),
                mib: 100.0 + f64::from(second) / 60.0,
            })
            .collect();
        assert!((slope(&samples) * 60.0 - 1.0).abs() < 1e-6);
        assert!(
            describe(&samples).starts_with("RSS MiB: min 100, median 101, max 102; slope +1.00")
        );
        assert_eq!(slope(&samples[..1]), 0.0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_memory_and_cpu() {
        let pid = std::process::id();
        assert!(resident_mib(pid).unwrap() > 0.5);
        assert!(cpu_seconds(pid).unwrap() >= 0.0);
    }
}
