use super::*;

const HOUR: i64 = 3_600_000_000_000;

fn berlin(hours: i64) -> WallClock {
    WallClock {
        zone: chrono_tz::Europe::Berlin,
        nanos: hours * HOUR,
        origin: 0,
    }
}

fn nanos(text: &str) -> i64 {
    DateTime::parse_from_rfc3339(text)
        .unwrap()
        .timestamp_nanos_opt()
        .unwrap()
}

#[track_caller]
fn check_bin(clock: &WallClock, instant: &str, start: &str) {
    let bin = clock.bin(nanos(instant)).unwrap();
    assert_eq!(DateTime::from_timestamp_nanos(bin).to_rfc3339(), {
        DateTime::from_timestamp_nanos(nanos(start)).to_rfc3339()
    });
}

#[test]
fn days_begin_at_local_midnight() {
    check_bin(
        &berlin(24),
        "2024-01-01T22:30:00Z",
        "2024-01-01T00:00:00+01:00",
    );
    check_bin(
        &berlin(24),
        "2024-01-01T23:30:00Z",
        "2024-01-02T00:00:00+01:00",
    );
    check_bin(
        &berlin(24),
        "2024-07-01T22:30:00Z",
        "2024-07-02T00:00:00+02:00",
    );
}

#[test]
fn a_start_that_the_clocks_skip_is_moved() {
    // On 2024-03-31 02:00 is followed by 03:00.
    check_bin(
        &berlin(2),
        "2024-03-31T03:30:00+02:00",
        "2024-03-31T03:00:00+02:00",
    );
}

#[test]
fn a_start_that_comes_twice_is_the_first_for_long_buckets_and_the_nearest_for_short_ones() {
    // On 2024-10-27 03:00 summer time is 02:00 again.
    check_bin(
        &berlin(2),
        "2024-10-27T02:30:00+01:00",
        "2024-10-27T02:00:00+02:00",
    );
    check_bin(
        &berlin(1),
        "2024-10-27T02:30:00+01:00",
        "2024-10-27T02:00:00+01:00",
    );
    check_bin(
        &berlin(1),
        "2024-10-27T02:30:00+02:00",
        "2024-10-27T02:00:00+02:00",
    );
}

#[test]
fn walking_from_start_to_start_misses_none() {
    for (hours, from, to) in [
        (1, "2024-10-26T00:00:00+02:00", "2024-10-28T00:00:00+01:00"),
        (2, "2024-10-26T00:00:00+02:00", "2024-10-28T00:00:00+01:00"),
        (24, "2024-10-20T00:00:00+02:00", "2024-11-01T00:00:00+01:00"),
        (1, "2024-03-30T00:00:00+01:00", "2024-04-01T00:00:00+02:00"),
        (2, "2024-03-30T00:00:00+01:00", "2024-04-01T00:00:00+02:00"),
        (24, "2024-03-20T00:00:00+01:00", "2024-04-05T00:00:00+02:00"),
    ] {
        let clock = berlin(hours);
        let (from, to) = (nanos(from), nanos(to));
        let mut walked = vec![from];
        while let Some(next) = clock
            .next(*walked.last().unwrap())
            .filter(|next| *next <= to)
        {
            walked.push(next);
        }
        let minutes = (from..=to).step_by(60_000_000_000);
        let mut binned: Vec<i64> = minutes.map(|minute| clock.bin(minute).unwrap()).collect();
        binned.dedup();
        assert_eq!(walked, binned, "{hours} h");
    }
}

#[test]
fn in_utc_it_is_plain_binning() {
    let clock = WallClock {
        zone: Tz::UTC,
        nanos: 7 * HOUR,
        origin: HOUR,
    };
    assert_eq!(clock.bin(HOUR), Some(HOUR));
    assert_eq!(clock.bin(0), Some(HOUR - 7 * HOUR));
    assert_eq!(clock.next(HOUR), Some(8 * HOUR));
    assert_eq!(clock.bin(i64::MIN), None);
}
