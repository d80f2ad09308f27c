use super::*;

#[test]
fn days_have_the_keys_of_the_calendar() {
    let key = |nanos| {
        PartitionKey::for_day(PartitionKey::day_of(Timestamp::from_nanos(nanos))).to_string()
    };
    assert_eq!(key(0), "1970-01-01");
    assert_eq!(key(-1), "1969-12-31");
    assert_eq!(key(951_782_400 * 1_000_000_000), "2000-02-29");
    assert_eq!(key(951_868_800 * 1_000_000_000 - 1), "2000-02-29");
    assert_eq!(key(951_868_800 * 1_000_000_000), "2000-03-01");
    assert_eq!(key(i64::MIN), "1677-09-21");
    assert_eq!(key(i64::MAX), "2262-04-11");
}

#[test]
fn a_days_range_holds_the_instants_whose_day_it_is() {
    for day in [-106_752, -1, 0, 1, 20_000, 106_751] {
        let range = PartitionKey::day_range(day);
        assert_eq!(PartitionKey::day_of(range.min).max(day), day);
        assert_eq!(PartitionKey::day_of(range.max), day);
    }
}
