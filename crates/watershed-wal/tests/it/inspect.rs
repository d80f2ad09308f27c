//! Looking at logs that are whole, torn, damaged, incomplete or in use.

use crate::log::{segments, start, texts, tiny_segments};
use std::fs;
use std::path::Path;
use tempfile::TempDir;
use watershed_wal::{Error, Found, Inspection, SegmentState, Settings, inspect, open, salvage};

/// A log in two segments: records `a` to `c` one by one, then `d` to `f`.
fn two_segments() -> TempDir {
    let dir = TempDir::new().unwrap();
    for (epoch, texts) in [(1, ["a", "b", "c"]), (2, ["d", "e", "f"])] {
        let log = start(dir.path(), Settings::default(), epoch);
        for text in texts {
            log.append(text.as_bytes());
        }
    }
    dir
}

/// Where group `index` of a segment of [`two_segments`] begins.
const fn group(index: usize) -> usize {
    64 + index * (32 + 4 + 1)
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// One line for each record, `number epoch text`, and each gap, `gap file offset+bytes first..end reason`.
fn lines(dir: &Path) -> (Vec<String>, Inspection) {
    let mut lines = Vec::new();
    let inspection = salvage(dir, |found| {
        lines.push(match found {
            Found::Record { record, .. } => format!(
                "{} {} {}",
                record.counter,
                record.epoch,
                String::from_utf8_lossy(record.bytes)
            ),
            Found::Gap(gap) => {
                let number = |n: Option<watershed_model::Counter>| {
                    n.map_or("?".to_owned(), |n| n.to_string())
                };
                let name = gap.segment.file_stem().unwrap().to_string_lossy();
                format!(
                    "gap {} {}+{} {}..{} {}",
                    name.trim_start_matches('0'),
                    gap.offset,
                    gap.bytes,
                    number(gap.first),
                    number(gap.end),
                    gap.reason
                )
            }
        });
        Ok::<_, Error>(())
    });
    (lines, inspection.unwrap())
}

/// What is found, and that finding it changes nothing.
#[track_caller]
fn check(dir: &Path, expected: &[&str]) -> Inspection {
    let listing = || {
        let entries = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = entries
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect();
        files.sort();
        files
    };
    let before = listing();
    let (lines, inspection) = lines(dir);
    assert_eq!(lines, expected);
    assert_eq!(inspect(dir).unwrap(), inspection);
    assert!(listing() == before, "nothing on disk was changed");
    // What a start says is the same.
    let has_gaps = lines.iter().any(|line| line.starts_with("gap"));
    assert_eq!(inspection.is_intact(), !has_gaps);
    let opened = open(dir, Settings::default());
    assert_eq!(opened.is_ok(), !has_gaps, "{opened:?}");
    inspection
}

const ALL: [&str; 6] = ["1 1 a", "2 1 b", "3 1 c", "4 2 d", "5 2 e", "6 2 f"];

#[test]
fn whole_log_is_shown_as_it_is() {
    let dir = two_segments();
    let inspection = check(dir.path(), &ALL);
    assert!(!inspection.in_use && inspection.unfinished.is_empty());
    let [first, second] = &inspection.segments[..] else {
        panic!("{inspection:?}")
    };
    assert_eq!((first.id, first.groups, first.records), (1, 3, 3));
    assert_eq!((first.used_bytes, first.file_bytes), (175, 175));
    assert_eq!(first.state, SegmentState::Intact);
    let numbers = |n: Option<watershed_model::Counter>| n.unwrap().get();
    assert_eq!((numbers(second.first), numbers(second.last)), (4, 6));
    let header = second.header.unwrap();
    assert_eq!(
        (
            header.epoch.get(),
            header.first.get(),
            header.previous_end.get()
        ),
        (2, 4, 4)
    );
}

#[test]
fn torn_tail_is_no_damage() {
    let dir = two_segments();
    change(&segments(dir.path())[1], |bytes| {
        bytes.truncate(bytes.len() - 1);
        bytes.resize(10_000, 0);
    });
    let inspection = check(dir.path(), &ALL[..5]);
    let torn = SegmentState::Torn {
        offset: group(2) as u64,
        // The last three bytes of the length are zeros, like room.
        bytes: 33,
    };
    assert_eq!(inspection.segments[1].state, torn);
    assert_eq!(inspection.segments[1].file_bytes, 10_000);
}

#[test]
fn records_behind_damage_are_found() {
    let dir = two_segments();
    change(&segments(dir.path())[0], |bytes| bytes[group(1) + 36] ^= 1);
    let gap = "gap 1 101+37 2..3 the checksum of the group is wrong";
    check(
        dir.path(),
        &["1 1 a", gap, "3 1 c", "4 2 d", "5 2 e", "6 2 f"],
    );
    // A second place, in a header this time, and at the end of its segment.
    change(&segments(dir.path())[0], |bytes| bytes[group(2)] = 0xff);
    let gap = "gap 1 101+74 2..4 the checksum of the group is wrong";
    check(dir.path(), &["1 1 a", gap, "4 2 d", "5 2 e", "6 2 f"]);
    let dir = two_segments();
    change(&segments(dir.path())[1], |bytes| bytes[group(0)] = 0xff);
    let gap = "gap 2 64+37 4..5 no intact group header";
    check(
        dir.path(),
        &["1 1 a", "2 1 b", "3 1 c", gap, "5 2 e", "6 2 f"],
    );
}

#[test]
fn group_of_the_same_number_behind_a_torn_one_proves_nothing() {
    let dir = two_segments();
    change(&segments(dir.path())[1], |bytes| {
        let last = bytes[group(2)..].to_vec();
        bytes[group(2) + 36] ^= 1;
        bytes.extend(last);
    });
    let inspection = check(dir.path(), &ALL[..5]);
    let torn = SegmentState::Torn {
        offset: group(2) as u64,
        bytes: 2 * 37,
    };
    assert_eq!(inspection.segments[1].state, torn);
}

#[test]
fn records_that_do_not_fill_their_group_are_torn_at_the_end() {
    let dir = two_segments();
    change(&segments(dir.path())[1], |bytes| {
        let salt = bytes[48..56].to_vec();
        let checksum = |bytes: &[u8]| crc32fast::hash(&[&salt, bytes].concat()).to_le_bytes();
        let last = &mut bytes[group(2)..];
        let whole = last.to_vec();
        // A record that is said to be longer than the group, under checksums that are right.
        last[32] = 9;
        let payload = checksum(&last[32..]);
        last[24..28].copy_from_slice(&payload);
        let header = checksum(&last[..28]);
        last[28..32].copy_from_slice(&header);
        bytes.extend(whole);
    });
    check(dir.path(), &ALL[..5]);
}

#[test]
fn segment_that_reaches_into_the_next_one_is_damaged() {
    let dir = two_segments();
    let paths = segments(dir.path());
    let first_group_of_two = |bytes: &mut Vec<u8>| {
        let salt = bytes[48..56].to_vec();
        let checksum = |bytes: &[u8]| crc32fast::hash(&[&salt, bytes].concat()).to_le_bytes();
        let second = bytes[group(1) + 32..group(2)].to_vec();
        bytes.splice(group(1)..group(2), second);
        bytes[group(0) + 4] = 2;
        bytes[group(0) + 16] = 10;
        let group = &mut bytes[group(0)..];
        let payload = checksum(&group[32..42]);
        group[24..28].copy_from_slice(&payload);
        let header = checksum(&group[..28]);
        group[28..32].copy_from_slice(&header);
    };
    change(&paths[0], first_group_of_two);
    check(dir.path(), &ALL);
    let say_end = |end: u8| {
        change(&paths[1], |bytes| {
            bytes[40] = end;
            let checksum = crc32fast::hash(&bytes[..60]);
            bytes[60..64].copy_from_slice(&checksum.to_le_bytes());
        });
    };
    let tail = ["4 2 d", "5 2 e", "6 2 f"];
    // In the middle of a group, and in front of the first.
    for (end, records, offset) in [(2, &["1 1 a", "2 1 b"][..], 106), (0, &[], 64)] {
        say_end(end);
        let next = records.len() + 1;
        let gap = format!("gap 1 {offset}+0 {next}..{next} a group reaches into the next segment");
        check(dir.path(), &[records, &[gap.as_str()], &tail].concat());
    }
}

#[test]
fn short_segment_before_another_is_damaged() {
    let dir = two_segments();
    change(&segments(dir.path())[0], |bytes| bytes.truncate(group(2)));
    let gap = "gap 1 138+0 3..4 the file ends before its last record";
    check(
        dir.path(),
        &["1 1 a", "2 1 b", gap, "4 2 d", "5 2 e", "6 2 f"],
    );
}

#[test]
fn records_are_found_without_the_header_of_their_segment() {
    let dir = two_segments();
    change(&segments(dir.path())[1], |bytes| bytes[..64].fill(0));
    let gap = "gap 2 0+64 4..4 the file does not begin like a log segment";
    let all = ["1 1 a", "2 1 b", "3 1 c", gap, "4 0 d", "5 0 e", "6 0 f"];
    let inspection = check(dir.path(), &all);
    assert_eq!(inspection.gaps().next().unwrap().records(), Some(0));
    // Nor without the first group, with what the segment before knows of its end.
    let dir = two_segments();
    change(&segments(dir.path())[0], |bytes| {
        bytes[..group(1) + 3].fill(7)
    });
    let gap = "gap 1 0+138 ?..3 the file does not begin like a log segment";
    check(
        dir.path(),
        &[gap, "3 1 c", "4 2 d", "5 2 e", "6 2 f"]
            .map(|line| if line == "3 1 c" { "3 0 c" } else { line }),
    );
}

#[test]
fn missing_segments_are_told() {
    let dir = TempDir::new().unwrap();
    let log = start(dir.path(), tiny_segments(), 1);
    for text in ["a", "b", "c", "d", "e"] {
        log.append(text.as_bytes());
    }
    drop(log);
    let paths = segments(dir.path());
    fs::remove_file(&paths[1]).unwrap();
    let gap = "gap 2 0+0 2..3 segment 2 is missing";
    check(dir.path(), &["1 1 a", gap, "3 1 c", "4 1 d", "5 1 e"]);
    fs::remove_file(&paths[2]).unwrap();
    let gap = "gap 2 0+0 2..4 segments 2 to 3 are missing";
    check(dir.path(), &["1 1 a", gap, "4 1 d", "5 1 e"]);
    // The oldest may go: they were truncated.
    fs::remove_file(&paths[0]).unwrap();
    check(dir.path(), &["4 1 d", "5 1 e"]);
}

#[test]
fn log_in_use_can_be_looked_at() {
    let dir = TempDir::new().unwrap();
    let log = start(dir.path(), Settings::default(), 1);
    log.append(b"a");
    let inspection = inspect(dir.path()).unwrap();
    assert!(inspection.in_use && inspection.is_intact());
    assert_eq!(inspection.records(), 1);
    // With room ahead, which is not damage.
    let segment = &inspection.segments[0];
    assert_eq!(segment.state, SegmentState::Intact);
    assert_eq!(
        (segment.used_bytes, segment.file_bytes),
        (64 + 37, 256 << 10)
    );
    // Looking takes no lock that the log would miss.
    log.append(b"b");
    drop(log);
    assert_eq!(texts(dir.path()), ["a", "b"]);
}

#[test]
fn unfinished_files_and_directories_that_are_not_there_are_told() {
    let dir = two_segments();
    let unfinished = dir.path().join("00000000000000000003.wal.new");
    fs::write(&unfinished, b"half a header").unwrap();
    assert_eq!(inspect(dir.path()).unwrap().unfinished, [unfinished]);
    let error = inspect(&dir.path().join("nowhere")).unwrap_err();
    assert!(error.to_string().starts_with("list directory "), "{error}");
}
