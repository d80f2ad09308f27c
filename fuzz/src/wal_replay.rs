//! Opening a log whose files hold anything.
//!
//! The first byte of an input chooses what the rest means:
//!
//! | byte mod 4 | rest |
//! |---|---|
//! | 0 | the file of the only segment |
//! | 1 | groups behind an intact segment header |
//! | 2 | headers, lengths and payloads in any combination, with checksums that are right ([`forge`]) |
//! | 3 | changes to a log that was written by the real thing ([`Edits`]) |

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::mpsc::channel;
use tempfile::TempDir;
use watershed_model::{Counter, Epoch};
use watershed_wal::{
    Error, Found, Outcome, Recovery, SegmentReport, SegmentState, Settings, inspect, open, salvage,
};

/// As `docs/formats/wal.md` draws them.
const SEGMENT_HEADER_BYTES: usize = 64;
const GROUP_HEADER_BYTES: usize = 32;
const RECORD_PREFIX_BYTES: usize = 4;

/// An older segment and the newest; each record is a group.
const OLDER: [&[u8]; 2] = [b"first", b"GRP\x01 is how a group begins"];
const NEWEST: [&[u8]; 4] = [
    b"third",
    b"",
    &[0; 100],
    b"GRP\x01\x01\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00",
];

/// The most changes that one input makes.
const EDITS_MAX: usize = 16;

/// Any bytes: opening refuses the log, or shows records that were appended, in order and without a
/// hole, and shows the same when it is opened again.
///
/// # Panics
/// When that does not hold.
pub fn wal_replay(bytes: &[u8]) {
    let Some((mode, rest)) = bytes.split_first() else {
        return;
    };
    match mode % 4 {
        0 => drop(replay_twice(&[rest.to_vec()])),
        1 => {
            let mut file = written().newest[..SEGMENT_HEADER_BYTES].to_vec();
            file.extend_from_slice(rest);
            // The older segment, without which the header does not fit.
            drop(replay_twice(&[written().older.clone(), file]));
        }
        2 => drop(replay_twice(&[forge(rest)])),
        _ => edited(rest),
    }
}

/// The files of an intact log.
struct Written {
    older: Vec<u8>,
    newest: Vec<u8>,
}

fn written() -> &'static Written {
    static WRITTEN: OnceLock<Written> = OnceLock::new();
    WRITTEN.get_or_init(|| {
        let dir = directory();
        write(dir.path(), 1, &OLDER);
        write(dir.path(), 2, &NEWEST);
        let read = |id| match std::fs::read(segment(dir.path(), id)) {
            Ok(bytes) => bytes,
            Err(error) => panic!("read segment {id}: {error}"),
        };
        let written = Written {
            older: cut(read(1), &OLDER),
            newest: cut(read(2), &NEWEST),
        };
        let whole = replay_twice(&[written.older.clone(), written.newest.clone()]);
        assert_eq!(whole.replayed, Some(all_records()));
        assert_eq!(whole.salvaged, all_records());
        written
    })
}

/// A segment without the room behind its last group.
fn cut(mut bytes: Vec<u8>, records: &[&[u8]]) -> Vec<u8> {
    bytes.truncate(group_end(records, records.len()));
    bytes
}

/// Appends each record as a group, in a segment of its own.
fn write(dir: &Path, epoch: u64, records: &[&[u8]]) {
    let (sender, groups) = channel();
    let recovery = expect_open(open(dir, Settings::default()));
    let wal = recovery.start(Epoch::new(epoch), Counter::new(1), move |outcome| {
        let durable = matches!(outcome, Outcome::Durable(_));
        // The receiver waits.
        let _ = sender.send(durable);
    });
    let wal = match wal {
        Ok(wal) => wal,
        Err(error) => panic!("start: {error}"),
    };
    for record in records {
        let submitted = wal.try_submit(record.to_vec(), ());
        assert!(submitted.is_ok(), "{submitted:?}");
        assert_eq!(groups.recv(), Ok(true));
    }
    wal.shutdown();
}

/// Where a group of a segment ends; group 0 is nothing but the header.
fn group_end(records: &[&[u8]], groups: usize) -> usize {
    let bytes = records[..groups].iter().map(|record| record.len());
    SEGMENT_HEADER_BYTES
        + bytes
            .map(|b| GROUP_HEADER_BYTES + RECORD_PREFIX_BYTES + b)
            .sum::<usize>()
}

fn all_records() -> Vec<Vec<u8>> {
    let all = OLDER.iter().chain(&NEWEST);
    all.map(|record| record.to_vec()).collect()
}

/// A log that was changed shows the first of its records, all those in front of the first change at
/// least, or nothing.
fn edited(bytes: &[u8]) {
    let mut edits = Edits::of(written());
    for change in bytes.chunks_exact(4).take(EDITS_MAX) {
        if let &[what, high, low, value] = change {
            edits.apply(what, usize::from(u16::from_be_bytes([high, low])), value);
        }
    }
    let Seen { salvaged, replayed } = replay_twice(&edits.files);
    let all = all_records();
    let intact = edits.records_in_front();
    assert!(
        salvaged.starts_with(&all[..intact]),
        "intact records are not salvaged"
    );
    // Without its header a segment's salt is worked out from a group, and of the group's two checksums only one is
    // left to tell damage. By chance it misses one in four billion; changes made for the purpose pass.
    if edits.headers_are_whole() {
        assert!(
            salvaged.iter().all(|record| all.contains(record)),
            "a record that was never appended is salvaged"
        );
    }
    let Some(shown) = replayed else {
        return;
    };
    assert!(
        all.starts_with(&shown),
        "records that were never appended: {shown:?}"
    );
    assert!(
        shown.len() >= intact,
        "{} of {intact} intact records",
        shown.len()
    );
}

/// Changes to the two files of a log.
struct Edits {
    files: [Vec<u8>; 2],
    /// The first byte that was changed, of each file.
    from: [usize; 2],
}

impl Edits {
    fn of(written: &Written) -> Self {
        Self {
            files: [written.older.clone(), written.newest.clone()],
            from: [usize::MAX; 2],
        }
    }

    fn apply(&mut self, what: u8, at: usize, value: u8) {
        let file = usize::from(what & 1);
        let bytes = &mut self.files[file];
        if bytes.is_empty() {
            return;
        }
        let at = at % bytes.len();
        match (what >> 1) % 6 {
            0 => bytes[at] ^= value,
            1 => bytes.truncate(at),
            2 => bytes.extend(std::iter::repeat_n(value, at)),
            3 => {
                let end = bytes.len().min(at + usize::from(value));
                bytes[at..end].fill(0);
            }
            4 => {
                // A stretch that stands here already, once more at the end: a group, with luck.
                let end = bytes.len().min(at + usize::from(value));
                bytes.extend_from_within(at..end);
            }
            _ => {
                let end = bytes.len().min(at + usize::from(value));
                bytes.drain(at..end);
            }
        }
        let appends = matches!((what >> 1) % 6, 2 | 4);
        let first = if appends { self.files[file].len() } else { at };
        self.from[file] = self.from[file].min(first);
    }

    /// Whether both segments still begin as they were written.
    fn headers_are_whole(&self) -> bool {
        let written = [&written().older, &written().newest];
        let header = |bytes: &[u8]| bytes.get(..SEGMENT_HEADER_BYTES).map(<[u8]>::to_vec);
        let mut pairs = self.files.iter().zip(written);
        pairs.all(|(file, written)| header(file) == header(written))
    }

    /// How many records stand in front of all changes.
    fn records_in_front(&self) -> usize {
        let whole = |records: &[&[u8]], from| {
            let ends = (1..=records.len()).map(|groups| group_end(records, groups));
            ends.take_while(|end| *end <= from).count()
        };
        let older = whole(&OLDER, self.from[0]);
        if older < OLDER.len() {
            return older;
        }
        older + whole(&NEWEST, self.from[1])
    }
}

/// A segment whose parts say anything, under checksums that are right. Numbers are taken from the input
/// eight bytes at a time; what runs out is zero.
fn forge(bytes: &[u8]) -> Vec<u8> {
    let mut rest = bytes;
    let mut file = Vec::new();
    let (epoch, first, previous_end) = (number(&mut rest), number(&mut rest), number(&mut rest));
    let salt = 0x5a17_u64.to_le_bytes();
    file.extend_from_slice(b"WSHD-WAL");
    file.extend_from_slice(&1_u32.to_le_bytes());
    file.extend_from_slice(&[0; 4]);
    for field in [1, epoch, first, previous_end] {
        file.extend_from_slice(&field.to_le_bytes());
    }
    file.extend_from_slice(&salt);
    file.extend_from_slice(&[0; 4]);
    file.extend_from_slice(&crc32fast::hash(&file).to_le_bytes());
    let mut next = first;
    while !rest.is_empty() {
        forge_group(&mut rest, &salt, &mut next, &mut file);
    }
    file
}

/// A group: a byte of flags, then what they say is not as it should be, then the payload.
fn forge_group(rest: &mut &[u8], salt: &[u8], next: &mut u64, file: &mut Vec<u8>) {
    let flags = byte(rest);
    let records = u64::from(byte(rest));
    let len = usize::from(byte(rest)).min(rest.len());
    let (mut payload, after) = (rest[..len].to_vec(), &rest[len..]);
    *rest = after;
    if flags & 1 == 0 {
        // One record that fills its group.
        payload.splice(0..0, (len as u32).to_le_bytes());
    }
    let records = if flags & 1 == 0 { 1 } else { records };
    let records = if flags & 2 == 0 {
        records
    } else {
        number(rest)
    };
    let first = if flags & 4 == 0 { *next } else { number(rest) };
    let bytes = if flags & 8 == 0 {
        payload.len() as u64
    } else {
        number(rest)
    };
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(salt);
    hasher.update(&payload);
    let checksum = hasher.finalize();
    let mut header = b"GRP\x01".to_vec();
    header.extend_from_slice(&(records as u32).to_le_bytes());
    header.extend_from_slice(&first.to_le_bytes());
    header.extend_from_slice(&bytes.to_le_bytes());
    header.extend_from_slice(&checksum.to_le_bytes());
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(salt);
    hasher.update(&header);
    header.extend_from_slice(&hasher.finalize().to_le_bytes());
    file.extend_from_slice(&header);
    file.extend_from_slice(&payload);
    *next = first.wrapping_add(records);
}

fn byte(rest: &mut &[u8]) -> u8 {
    match rest.split_first() {
        Some((byte, after)) => {
            *rest = after;
            *byte
        }
        None => 0,
    }
}

fn number(rest: &mut &[u8]) -> u64 {
    let bytes = [(); 8].map(|()| byte(rest));
    u64::from_le_bytes(bytes)
}

/// What there is to see of a log.
struct Seen {
    /// By looking at it.
    salvaged: Vec<Vec<u8>>,
    /// By starting on it; nothing when that was refused.
    replayed: Option<Vec<Vec<u8>>>,
}

/// Looks at a log of these segments, which must change nothing, and opens it twice.
fn replay_twice(files: &[Vec<u8>]) -> Seen {
    let dir = directory();
    for (id, bytes) in (1..).zip(files) {
        let written = std::fs::write(segment(dir.path(), id), bytes);
        assert!(written.is_ok(), "{written:?}");
    }
    let Look {
        torn_bytes: seen_torn,
        salvaged,
    } = look(dir.path());
    for (id, bytes) in (1..).zip(files) {
        let now = std::fs::read(segment(dir.path(), id));
        assert!(now.is_ok_and(|now| now == *bytes), "looking changed a file");
    }
    let first = replay(dir.path());
    let second = replay(dir.path());
    // A look says what a start does.
    assert_eq!(
        seen_torn,
        first.as_ref().map(|first| first.1),
        "torn bytes, if a start takes the log"
    );
    if let Some((records, _)) = &first {
        assert_eq!(&salvaged, records, "a look shows something else");
    }
    match (first, second) {
        (Some(first), Some((records, torn_bytes))) => {
            assert_eq!(torn_bytes, 0, "a tail was left");
            assert_eq!(first.0, records, "the second start shows something else");
            Seen {
                salvaged,
                replayed: Some(records),
            }
        }
        (None, None) => Seen {
            salvaged,
            replayed: None,
        },
        (first, second) => panic!("refused only once: {first:?}, {second:?}"),
    }
}

/// What a look at a log says.
struct Look {
    /// What a start would cut; nothing when it would refuse the log.
    torn_bytes: Option<u64>,
    salvaged: Vec<Vec<u8>>,
}

/// Inspects and salvages.
fn look(dir: &Path) -> Look {
    let mut salvaged = Vec::new();
    let visited = salvage(dir, |found| {
        if let Found::Record { record, .. } = found {
            salvaged.push(record.bytes.to_vec());
        }
        Ok::<(), Error>(())
    });
    let torn_bytes = match (inspect(dir), visited) {
        (Ok(inspection), Ok(again)) => {
            assert_eq!(inspection, again);
            assert_eq!(inspection.records(), salvaged.len() as u64);
            inspection
                .is_intact()
                .then(|| inspection.segments.iter().map(torn).sum())
        }
        (Err(Error::Incompatible { .. }), Err(Error::Incompatible { .. })) => None,
        other => panic!("{other:?}"),
    };
    Look {
        torn_bytes,
        salvaged,
    }
}

fn torn(segment: &SegmentReport) -> u64 {
    match segment.state {
        SegmentState::Torn { bytes, .. } => bytes,
        _ => 0,
    }
}

type Shown = (Vec<Vec<u8>>, u64);

/// All records and the bytes that were torn.
fn replay(dir: &Path) -> Option<Shown> {
    let recovery = match open(dir, Settings::default()) {
        Ok(recovery) => recovery,
        Err(Error::Corrupt { .. } | Error::Incompatible { .. }) => return None,
        Err(error) => panic!("{error}: {:?}", std::error::Error::source(&error)),
    };
    let mut records = Vec::new();
    let mut last = None;
    let visited = recovery.replay(|record| {
        if let Some(last) = last.replace(record.counter) {
            assert!(last < record.counter, "the numbers do not ascend");
        }
        records.push(record.bytes.to_vec());
        Ok::<(), Error>(())
    });
    assert!(
        visited.is_ok(),
        "verified, and then not readable: {visited:?}"
    );
    if let Some(last) = last {
        assert!(last < recovery.next_counter());
    }
    Some((records, recovery.torn_bytes()))
}

fn expect_open(opened: Result<Recovery, Error>) -> Recovery {
    match opened {
        Ok(recovery) => recovery,
        Err(error) => panic!("{error}"),
    }
}

fn segment(dir: &Path, id: u64) -> PathBuf {
    dir.join(format!("{id:020}.wal"))
}

/// A directory in memory where there is one: thousands of logs a second are written.
fn directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() {
        TempDir::new_in(memory)
    } else {
        TempDir::new()
    };
    match made {
        Ok(dir) => dir,
        Err(error) => panic!("make a directory: {error}"),
    }
}
