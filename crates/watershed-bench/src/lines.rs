//! Rows as line protocol: the same for the same arguments, on every machine.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

/// The tags of a `cpu` row of the Time Series Benchmark Suite, after the host's name.
const REGIONS: [&str; 4] = ["us-east-1", "eu-central-1", "ap-south-1", "sa-east-1"];
const TEAMS: [&str; 4] = ["SF", "NYC", "LON", "CHI"];

/// Its fields, in order.
pub const CPU_FIELDS: [&str; 10] = [
    "usage_user",
    "usage_system",
    "usage_idle",
    "usage_nice",
    "usage_iowait",
    "usage_irq",
    "usage_softirq",
    "usage_steal",
    "usage_guest",
    "usage_guest_nice",
];

/// 2026-01-01T00:00:00Z.
pub const START_NANOS: i64 = 1_767_225_600_000_000_000;

/// Between two rows of a host.
const INTERVAL_NANOS: i64 = 10_000_000_000;

/// Numbers that look random and are always the same (xorshift64*).
#[derive(Debug, Clone)]
pub struct Digits(u64);

impl Digits {
    /// The numbers of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % end
    }
}

/// `cpu` rows: ten tags, ten integers, about 345 bytes. One round of all hosts after another, ten
/// seconds apart.
pub fn cpu(hosts: usize, rows: usize) -> String {
    let mut digits = Digits::new(1);
    let mut body = String::new();
    for row in 0..rows {
        push_cpu_series(&mut body, row % hosts);
        for (at, field) in CPU_FIELDS.iter().enumerate() {
            let comma = if at == 0 { ' ' } else { ',' };
            push(
                &mut body,
                format_args!("{comma}{field}={}i", digits.below(101)),
            );
        }
        push(&mut body, format_args!(" {}\n", time(row / hosts)));
    }
    body
}

/// `readings` of vehicles: eight tags, seven floats, a string that repeats and one that does not, a
/// boolean. About 330 bytes.
pub fn iot(devices: usize, rows: usize) -> String {
    let mut digits = Digits::new(2);
    let mut body = String::new();
    for row in 0..rows {
        let device = row % devices;
        push(
            &mut body,
            format_args!(
                "readings,name=truck_{device},fleet=East,driver=Andy_{},model=H-{},device_version=v2.3,\
                 load_capacity=1500,fuel_capacity=150,nominal_fuel_consumption=12 ",
                device % 37,
                device % 3
            ),
        );
        for field in [
            "latitude",
            "longitude",
            "elevation",
            "velocity",
            "heading",
            "grade",
            "fuel_consumption",
        ] {
            let (whole, part) = (digits.below(180), digits.below(100_000));
            push(&mut body, format_args!("{field}={whole}.{part:05},"));
        }
        let (state, note, moving) = (digits.below(4), digits.below(1 << 30), digits.below(2));
        let state = ["driving", "idle", "loading", "parked"][state as usize];
        push(
            &mut body,
            format_args!(
                "status=\"{state}\",note=\"trip {note:08x} \\\"ok\\\"\",moving={} {}\n",
                moving == 1,
                time(row / devices) + device as i64 * 1_000_000
            ),
        );
    }
    body
}

fn push_cpu_series(body: &mut String, host: usize) {
    let region = REGIONS[host % REGIONS.len()];
    push(
        body,
        format_args!(
            "cpu,hostname=host_{host},region={region},datacenter={region}{},rack={},os=Ubuntu16.04LTS,arch=x64,\
             team={},service={},service_version={},service_environment=production",
            ['a', 'b', 'c'][host % 3],
            host % 100,
            TEAMS[host / 4 % TEAMS.len()],
            host % 20,
            host % 2
        ),
    );
}

fn time(round: usize) -> i64 {
    START_NANOS + round as i64 * INTERVAL_NANOS
}

fn push(body: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = body.write_fmt(text);
}

/// What a series of batches looks like: all have the same hosts, and each has a stretch of time of its
/// own, so that a row that is lost or doubled changes the count of its stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Series.
    pub hosts: usize,
    /// Rows of each series in a batch.
    pub ticks: usize,
    /// When batch 0 begins.
    pub start_nanos: i64,
    /// Between two rows of a series.
    pub tick_nanos: i64,
}

impl Shape {
    /// Rows of a batch.
    pub fn rows(&self) -> u64 {
        (self.hosts * self.ticks) as u64
    }

    /// The time that belongs to one batch.
    pub fn batch_nanos(&self) -> i64 {
        self.tick_nanos * self.ticks as i64
    }

    /// When a batch begins; it ends where the next one begins.
    pub fn begin_nanos(&self, batch: u64) -> i64 {
        self.start_nanos + self.batch_nanos() * batch as i64
    }

    /// The value of `usage_user` in all rows of a batch: two digits that say whose rows they are.
    pub fn mark(batch: u64) -> u64 {
        10 + batch % 89
    }
}

/// A batch of `cpu` rows that is made once and then only patched: times, the mark, and two more values
/// a row.
#[derive(Debug)]
pub struct Template {
    shape: Shape,
    body: Vec<u8>,
    /// Where the values of each line begin, in the order of [`CPU_FIELDS`]; then its time.
    places: Vec<[usize; 4]>,
    digits: Digits,
}

impl Template {
    /// A template for batches of that shape. `seed` decides the values.
    pub fn new(shape: Shape, seed: u64) -> Self {
        let mut digits = Digits::new(seed);
        let mut body = String::new();
        let mut places = Vec::new();
        for _ in 0..shape.ticks {
            for host in 0..shape.hosts {
                places.push(push_line(&mut body, host, &mut digits));
            }
        }
        Self {
            shape,
            body: body.into_bytes(),
            places,
            digits,
        }
    }

    /// The lines of a batch.
    pub fn batch(&mut self, batch: u64) -> &[u8] {
        let mark = two_digits(Shape::mark(batch));
        let lines = self.places.chunks(self.shape.hosts);
        for (tick, lines) in lines.enumerate() {
            let time = self.shape.begin_nanos(batch) + self.shape.tick_nanos * tick as i64;
            let time = format!("{time:019}");
            for [user, system, idle, at] in lines {
                let values = self.digits.below(90 * 90);
                self.body[*user..user + 2].copy_from_slice(&mark);
                self.body[*system..system + 2].copy_from_slice(&two_digits(10 + values / 90));
                self.body[*idle..idle + 2].copy_from_slice(&two_digits(10 + values % 90));
                self.body[*at..at + 19].copy_from_slice(time.as_bytes());
            }
        }
        &self.body
    }
}

/// Adds a line with room for what changes, and says where that is.
fn push_line(body: &mut String, host: usize, digits: &mut Digits) -> [usize; 4] {
    let mut places = [0; 4];
    push_cpu_series(body, host);
    for (at, field) in CPU_FIELDS.iter().enumerate() {
        let comma = if at == 0 { ' ' } else { ',' };
        push(body, format_args!("{comma}{field}="));
        if at < 3 {
            places[at] = body.len();
        }
        push(body, format_args!("{}i", 10 + digits.below(90)));
    }
    places[3] = body.len() + 1;
    push(body, format_args!(" {START_NANOS}\n"));
    places
}

fn two_digits(number: u64) -> [u8; 2] {
    [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]
}
