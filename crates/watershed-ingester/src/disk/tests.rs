use super::*;

const MIB: u64 = 1 << 20;

fn disk(reserve_bytes: Option<u64>) -> Disk {
    Disk::new(vec!["/".into()], reserve_bytes)
}

fn short(disk: &Disk, free_bytes: u64, volume_bytes: u64) -> bool {
    disk.judge(Space {
        free_bytes,
        volume_bytes,
    });
    disk.is_short()
}

#[test]
fn small_disks_keep_a_twentieth_and_large_ones_256_mib() {
    let of = disk(None);
    let kept = |volume_bytes| {
        of.reserve(Space {
            free_bytes: 0,
            volume_bytes,
        })
    };
    assert_eq!(kept(100 * MIB), 5 * MIB);
    assert_eq!(kept(1_000_000 * MIB), 256 * MIB);
    assert_eq!(
        disk(Some(7)).reserve(Space {
            free_bytes: 0,
            volume_bytes: MIB
        }),
        7
    );
}

#[test]
fn writes_stop_at_the_reserve_and_go_on_a_little_above() {
    let disk = disk(Some(8 * MIB));
    assert!(!short(&disk, 8 * MIB, 100 * MIB));
    assert!(short(&disk, 8 * MIB - 1, 100 * MIB));
    assert!(short(&disk, 8 * MIB, 100 * MIB));
    assert!(short(&disk, 9 * MIB - 1, 100 * MIB));
    assert!(!short(&disk, 9 * MIB, 100 * MIB));
    assert!(!short(&disk, 8 * MIB, 100 * MIB));
}

#[test]
fn a_reserve_of_a_byte_is_short_only_when_nothing_is_left() {
    let disk = disk(Some(1));
    assert!(!short(&disk, 1, 100 * MIB));
    assert!(short(&disk, 0, 100 * MIB));
    assert!(short(&disk, 4_096, 100 * MIB));
    assert!(!short(&disk, MIB, 100 * MIB));
}

#[test]
fn a_long_log_is_shortened_before_the_disk_is_short() {
    let disk = disk(Some(8 * MIB));
    assert!(!short(&disk, 15 * MIB, 100 * MIB));
    assert!(disk.is_tight(4 * MIB));
    assert!(!disk.is_tight(3 * MIB), "there is nothing to gain");
    assert!(!short(&disk, 16 * MIB, 100 * MIB));
    assert!(!disk.is_tight(50 * MIB));
}

#[test]
fn a_directory_that_is_yet_to_be_made_is_where_its_parent_is() {
    let dir = tempfile::TempDir::new().unwrap();
    let there = space(dir.path()).unwrap();
    let missing = space(&dir.path().join("a/b")).unwrap();
    assert_eq!(there.volume_bytes, missing.volume_bytes);
    assert!(there.volume_bytes > 0);
}

#[test]
fn before_the_first_look_there_is_room() {
    let disk = disk(None);
    assert!(!disk.is_short() && !disk.is_tight(u64::MAX));
    disk.look();
    assert_ne!(disk.free_bytes(), u64::MAX);
}
