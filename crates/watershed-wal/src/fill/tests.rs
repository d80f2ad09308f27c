use super::*;
use std::io;

/// A file that only notes what was done to it.
#[derive(Debug, Default)]
struct Noted {
    fills: Mutex<Vec<(u64, u64)>>,
    is_full: bool,
}

impl FillFile for Noted {
    fn fill(&self, offset: u64, zeros: &[u8]) -> io::Result<()> {
        if self.is_full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let end = offset + zeros.len() as u64;
        self.fills.lock().unwrap().push((offset, end));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

fn space(file: &Arc<Noted>, len: u64) -> Space {
    let space = Space::default();
    space.open(Some(Arc::clone(file) as Arc<dyn FillFile>), len);
    space
}

const SEGMENT: u64 = 64 << 20;

#[test]
fn room_grows_with_what_is_written_and_stays_small_in_small_segments() {
    let plan = Plan::new(SEGMENT);
    assert_eq!(plan.first_bytes(), 256 << 10);
    // Enough is left.
    assert_eq!(plan.goal(64 << 10, 256 << 10, 500), None);
    assert_eq!(plan.goal(200 << 10, 256 << 10, 500), Some(456 << 10));
    assert_eq!(plan.goal(1 << 20, 1 << 20, 500), Some(2 << 20));
    assert_eq!(plan.goal(30 << 20, 31 << 20, 500), Some(34 << 20));
    // Never beyond the segment, and not for large groups.
    assert_eq!(plan.goal(SEGMENT - 500, SEGMENT - 500, 500), Some(SEGMENT));
    assert_eq!(plan.goal(SEGMENT, SEGMENT, 500), None);
    assert_eq!(plan.goal(1 << 20, 1 << 20, 65 << 10), None);
    let small = Plan::new(512 << 10);
    assert_eq!(small.first_bytes(), 32 << 10);
    assert_eq!(small.goal(100 << 10, 100 << 10, 500), Some(132 << 10));
    let tiny = Plan::new(1_000);
    assert_eq!((tiny.first_bytes(), tiny.goal(500, 500, 100)), (0, None));
}

#[test]
fn zeros_begin_where_the_claims_of_the_writer_end() {
    let (file, stats) = (Arc::new(Noted::default()), Stats::default());
    let space = space(&file, 100);
    let plan = Plan::new(SEGMENT);
    assert!(!space.fill_step(&stats), "nothing is wanted yet");
    space.want(&plan, 100, 50);
    space.claim(300_000, &stats);
    assert!(!space.fill_step(&stats), "the writer was faster");
    space.want(&plan, 300_000, 50);
    while space.fill_step(&stats) {}
    let fills = file.fills.lock().unwrap().clone();
    assert_eq!(fills.first().unwrap().0, 300_000);
    assert!(fills.is_sorted_by(|before, after| before.1 == after.0));
    assert_eq!(fills.last().unwrap().1, space.len());
    assert_eq!(stats.disk_bytes(), space.len() - 100);
    let len = space.len();
    space.claim(len - 10, &stats);
    assert_eq!(space.len(), len, "a claim within the file changes nothing");
}

#[test]
fn nothing_is_filled_once_the_file_is_closed() {
    let (file, stats) = (Arc::new(Noted::default()), Stats::default());
    let space = space(&file, 0);
    space.want(&Plan::new(SEGMENT), 0, 50);
    assert_eq!(space.close(), 0);
    assert!(!space.fill_step(&stats));
    space.want(&Plan::new(SEGMENT), 0, 50);
    assert!(!space.fill_step(&stats));
    assert_eq!(file.fills.lock().unwrap().len(), 0);
}

#[test]
fn full_disk_ends_filling_and_counts_nothing() {
    let file = Arc::new(Noted {
        is_full: true,
        ..Noted::default()
    });
    let stats = Stats::default();
    let space = space(&file, 0);
    space.want(&Plan::new(SEGMENT), 0, 50);
    assert!(!space.fill_step(&stats));
    assert_eq!((space.len(), stats.disk_bytes()), (0, 0));
    space.want(&Plan::new(SEGMENT), 100, 50);
    assert!(!space.fill_step(&stats), "it is not tried again");
}
