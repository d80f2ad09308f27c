//! What a start makes of files that are not as they were written.

use crate::log::{Log, records, segments, start, texts, tiny_segments};
use std::fs;
use std::path::Path;
use tempfile::TempDir;
use watershed_model::ErrorKind;
use watershed_wal::{Error, Settings, open};

/// A log with one segment that holds these records, a group each.
fn log_of(records: &[&str]) -> TempDir {
    let dir = TempDir::new().unwrap();
    let log = start(dir.path(), Settings::default(), 1);
    for record in records {
        log.append(record.as_bytes());
    }
    dir
}

fn only_segment(dir: &TempDir) -> std::path::PathBuf {
    let [segment] = segments(dir.path()).try_into().unwrap();
    segment
}

/// The bytes of every file by name.
fn contents(dir: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    segments(dir)
        .into_iter()
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

/// Opening fails with damage in that segment at that offset, and changes nothing.
#[track_caller]
fn check_corrupt(dir: &Path, index: usize, at: u64, why: &str) {
    let before = contents(dir);
    let error = open(dir, Settings::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let Error::Corrupt {
        segment,
        offset,
        reason,
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!(
        (segment, *offset, reason.as_str()),
        (&before[index].0, at, why)
    );
    assert_eq!(contents(dir), before);
}

/// How much of the end of a file was written once: zeros at its end are room.
fn written(tail: &[u8]) -> u64 {
    tail.iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at as u64 + 1)
}

#[test]
fn torn_tail_is_cut_at_every_length() {
    let dir = log_of(&["first", "the last group"]);
    let path = only_segment(&dir);
    let whole = fs::read(&path).unwrap();
    let last = whole.len() - (32 + 4 + "the last group".len());
    for length in last..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let recovery = open(dir.path(), Settings::default()).unwrap();
        assert_eq!(recovery.torn_bytes(), written(&whole[last..length]));
        assert_eq!(records(&recovery), [(1, 1, b"first".to_vec())]);
        assert_eq!(fs::read(&path).unwrap(), whole[..last]);
    }
    // And the log goes on from there.
    let log = Log::start(open(dir.path(), Settings::default()).unwrap(), 2, 1);
    assert_eq!(log.append(b"second"), 2);
    drop(log);
    assert_eq!(texts(dir.path()), ["first", "second"]);
}

#[test]
fn last_group_written_in_parts_is_cut() {
    let dir = log_of(&["first", "the last group"]);
    let path = only_segment(&dir);
    let whole = fs::read(&path).unwrap();
    let last = whole.len() - (32 + 4 + "the last group".len());
    for hole in last..whole.len() {
        let mut torn = whole.clone();
        torn[hole] = !torn[hole];
        fs::write(&path, &torn).unwrap();
        let recovery = open(dir.path(), Settings::default()).unwrap();
        assert_eq!(
            recovery.torn_bytes(),
            written(&torn[last..]),
            "hole at {hole}"
        );
    }
}

#[test]
fn zeros_behind_the_last_group_are_room_and_cut_without_a_word() {
    let dir = log_of(&["first"]);
    let path = only_segment(&dir);
    let whole = fs::read(&path).unwrap();
    for zeros in [1, 31, 32, 4096, 4 << 20] {
        let mut bytes = whole.clone();
        bytes.resize(bytes.len() + zeros, 0);
        fs::write(&path, &bytes).unwrap();
        let recovery = open(dir.path(), Settings::default()).unwrap();
        assert_eq!((recovery.torn_bytes(), records(&recovery).len()), (0, 1));
        assert_eq!(recovery.disk_bytes(), whole.len() as u64);
        assert_eq!(fs::read(&path).unwrap(), whole);
    }
}

#[test]
fn torn_group_in_front_of_room_is_cut() {
    let dir = log_of(&["first", "the last group"]);
    let path = only_segment(&dir);
    let whole = fs::read(&path).unwrap();
    let last = whole.len() - (32 + 4 + "the last group".len());
    for length in last..whole.len() {
        let mut torn = whole[..length].to_vec();
        torn.resize(64 << 10, 0);
        fs::write(&path, &torn).unwrap();
        let recovery = open(dir.path(), Settings::default()).unwrap();
        assert_eq!(recovery.torn_bytes(), written(&whole[last..length]));
        assert_eq!(records(&recovery), [(1, 1, b"first".to_vec())]);
        assert_eq!(fs::read(&path).unwrap(), whole[..last]);
    }
}

#[test]
fn group_behind_zeros_is_corruption() {
    let dir = log_of(&["first", "second", "third"]);
    let path = only_segment(&dir);
    let mut bytes = fs::read(&path).unwrap();
    let second = 64 + 32 + 4 + "first".len();
    let third = second + 32 + 4 + "second".len();
    // The second group is as if it had never been written over the room.
    bytes[second..third].fill(0);
    fs::write(&path, &bytes).unwrap();
    check_corrupt(dir.path(), 0, second as u64, "no intact group header");
}

#[test]
fn zeros_in_place_of_the_end_of_an_older_segment_are_corruption() {
    let dir = TempDir::new().unwrap();
    let log = start(dir.path(), tiny_segments(), 1);
    log.append(b"first");
    log.append(b"second");
    drop(log);
    let path = &segments(dir.path())[0];
    let mut bytes = fs::read(path).unwrap();
    bytes[64..].fill(0);
    fs::write(path, &bytes).unwrap();
    check_corrupt(dir.path(), 0, 64, "the file ends before its last record");
}

#[test]
fn room_at_the_end_of_an_older_segment_is_nothing() {
    let dir = TempDir::new().unwrap();
    let log = start(dir.path(), tiny_segments(), 1);
    log.append(b"first");
    log.append(b"second");
    drop(log);
    let path = &segments(dir.path())[0];
    let mut bytes = fs::read(path).unwrap();
    bytes.resize(bytes.len() + 8192, 0);
    fs::write(path, &bytes).unwrap();
    assert_eq!(texts(dir.path()), ["first", "second"]);
}

#[test]
fn old_groups_in_reused_blocks_are_torn_bytes_and_searched_in_one_pass() {
    let (dir, other) = (log_of(&["first"]), TempDir::new().unwrap());
    let log = start(other.path(), Settings::default(), 1);
    // Each of these records begins thousands of times like a group.
    for _ in 0..8 {
        log.append(&b"GRP\x01".repeat(128 << 10));
    }
    drop(log);
    let path = only_segment(&dir);
    let mut bytes = fs::read(&path).unwrap();
    let whole = bytes.clone();
    bytes.extend(&fs::read(only_segment(&other)).unwrap()[64..]);
    fs::write(&path, &bytes).unwrap();
    assert_eq!(texts(dir.path()), ["first"]);
    assert_eq!(fs::read(&path).unwrap(), whole);
}

#[test]
fn flipped_bit_before_the_last_group_is_corruption() {
    let dir = log_of(&["first", "second", "third"]);
    let path = only_segment(&dir);
    let whole = fs::read(&path).unwrap();
    let second = 64 + 32 + 4 + "first".len();
    let third = second + 32 + 4 + "second".len();
    for bit in 64 * 8..third * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &bytes).unwrap();
        let begin = if bit / 8 < second { 64 } else { second };
        let in_payload = (bit / 8) - begin >= 32;
        let reason = if in_payload {
            "the checksum of the group is wrong"
        } else {
            "no intact group header"
        };
        check_corrupt(dir.path(), 0, begin as u64, reason);
    }
}

#[test]
fn flipped_bit_in_a_segment_header_is_corruption() {
    let dir = log_of(&["first"]);
    let path = only_segment(&dir);
    let whole = fs::read(&path).unwrap();
    for (byte, reason) in [
        (0, "the file does not begin like a log segment"),
        (33, "the checksum of the segment header is wrong"),
        (63, "the checksum of the segment header is wrong"),
    ] {
        let mut bytes = whole.clone();
        bytes[byte] ^= 0x10;
        fs::write(&path, &bytes).unwrap();
        check_corrupt(dir.path(), 0, 0, reason);
    }
    fs::write(&path, &whole[..63]).unwrap();
    check_corrupt(
        dir.path(),
        0,
        0,
        "the file is shorter than a segment header",
    );
}

#[test]
fn damage_at_the_end_of_an_older_segment_is_corruption() {
    let dir = TempDir::new().unwrap();
    let log = start(dir.path(), tiny_segments(), 1);
    log.append(b"first");
    log.append(b"second");
    drop(log);
    let path = &segments(dir.path())[0];
    let whole = fs::read(path).unwrap();
    fs::write(path, &whole[..whole.len() - 1]).unwrap();
    check_corrupt(dir.path(), 0, 64, "the group is cut short");
    fs::write(path, &whole[..64]).unwrap();
    check_corrupt(dir.path(), 0, 64, "the file ends before its last record");
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(path, &flipped).unwrap();
    check_corrupt(dir.path(), 0, 64, "the checksum of the group is wrong");
}

#[test]
fn missing_segment_is_corruption() {
    let dir = TempDir::new().unwrap();
    let log = start(dir.path(), tiny_segments(), 1);
    for text in ["1", "2", "3"] {
        log.append(text.as_bytes());
    }
    drop(log);
    fs::remove_file(&segments(dir.path())[1]).unwrap();
    check_corrupt(dir.path(), 1, 0, "segment 2 before it is missing");
}

#[test]
fn renamed_segment_is_corruption() {
    let dir = log_of(&["first"]);
    let path = only_segment(&dir);
    fs::rename(&path, path.with_file_name("00000000000000000009.wal")).unwrap();
    check_corrupt(dir.path(), 0, 0, "the header says that it is segment 1");
}

#[test]
fn groups_of_another_segment_do_not_count() {
    let (one, other) = (log_of(&["first"]), log_of(&["first", "foreign"]));
    let path = only_segment(&one);
    let mut bytes = fs::read(&path).unwrap();
    let foreign = fs::read(only_segment(&other)).unwrap();
    bytes.extend(&foreign[bytes.len()..]);
    fs::write(&path, &bytes).unwrap();
    assert_eq!(texts(one.path()), ["first"]);
}

#[test]
fn record_that_looks_like_a_group_does_not_confuse_the_search() {
    let dir = log_of(&["first"]);
    let group = fs::read(only_segment(&dir)).unwrap()[64..].to_vec();
    drop(dir);
    let dir = TempDir::new().unwrap();
    let log = start(dir.path(), Settings::default(), 1);
    log.append(b"first");
    log.append(&group.repeat(3));
    drop(log);
    let path = only_segment(&dir);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    assert_eq!(texts(dir.path()), ["first"]);
}

#[test]
fn unfinished_segment_file_is_removed() {
    let dir = log_of(&["first"]);
    let unfinished = dir.path().join("00000000000000000002.wal.new");
    let foreign = dir.path().join("notes.txt");
    fs::write(&unfinished, b"half a hea").unwrap();
    fs::write(&foreign, b"of a colleague").unwrap();
    assert_eq!(texts(dir.path()), ["first"]);
    assert!(!unfinished.exists() && foreign.exists());
}

#[test]
fn damage_says_where_and_what_to_do() {
    let dir = log_of(&["first"]);
    let path = only_segment(&dir);
    fs::write(&path, b"").unwrap();
    let error = open(dir.path(), Settings::default()).unwrap_err();
    let expected = format!(
        "log segment {} is damaged at byte 0: the file is shorter than a segment header; nothing was \
         changed. Bring the file back from a copy, or accept the loss: save what can be read with \
         `watershed wal export`, then move this segment and all with higher numbers out of the directory",
        path.display()
    );
    assert_eq!(error.to_string(), expected);
}
