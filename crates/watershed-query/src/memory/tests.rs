use super::*;

const MIB: usize = 1 << 20;

/// 1024 MiB, of which heavy queries may have 896: seven shares of 128.
fn memory() -> Arc<Memory> {
    Arc::new(Memory::new(1024 * MIB, 7))
}

fn query(memory: &Arc<Memory>, weight: Weight) -> Arc<QueryMemory> {
    Arc::new(QueryMemory::new(Arc::clone(memory), weight))
}

fn spiller(query: &Arc<QueryMemory>) -> MemoryReservation {
    let pool = Arc::clone(query) as Arc<dyn MemoryPool>;
    MemoryConsumer::new("sort")
        .with_can_spill(true)
        .register(&pool)
}

fn builder(query: &Arc<QueryMemory>) -> MemoryReservation {
    let pool = Arc::clone(query) as Arc<dyn MemoryPool>;
    MemoryConsumer::new("join").register(&pool)
}

#[test]
fn the_most_a_query_has_had_is_known() {
    let memory = memory();
    let (one, other) = (query(&memory, Weight::Heavy), query(&memory, Weight::Light));
    let (first, second) = (builder(&one), builder(&one));
    first.try_grow(40).unwrap();
    second.try_grow(20).unwrap();
    second.free();
    first.try_grow(10).unwrap();
    assert_eq!((one.reserved(), one.bytes_max()), (50, 60));
    let third = builder(&other);
    third.grow(70);
    assert_eq!((other.reserved(), other.bytes_max()), (70, 70));
    drop((first, third));
    assert_eq!((one.reserved(), one.bytes_max()), (0, 60));
    let used = memory.used.lock();
    assert_eq!((used.heavy, used.light), (0, 0));
}

#[test]
fn what_can_spill_has_its_share_whatever_others_take() {
    let memory = memory();
    let queries: Vec<_> = (0..7).map(|_| query(&memory, Weight::Heavy)).collect();
    let sorts: Vec<_> = queries.iter().map(spiller).collect();
    for sort in &sorts {
        sort.try_grow(128 * MIB).unwrap();
        assert!(sort.try_grow(1).is_err());
    }
    drop(sorts);
    // Somebody builds a large side of a join.
    let join = builder(&queries[0]);
    join.try_grow(800 * MIB).unwrap();
    let sort = spiller(&queries[1]);
    sort.try_grow(128 * MIB).unwrap();
}

#[test]
fn operators_of_a_query_share_what_it_has() {
    let memory = memory();
    let query = query(&memory, Weight::Heavy);
    let join = builder(&query);
    join.try_grow(28 * MIB).unwrap();
    let (first, second) = (spiller(&query), spiller(&query));
    // What is free for all is not less than the rest of the share: (896 - 28) / 7 > 128 - 28.
    first.try_grow(62 * MIB).unwrap();
    assert!(first.try_grow(MIB).is_err());
    second.try_grow(50 * MIB).unwrap();
    drop(second);
    first.try_grow(MIB).unwrap();
}

#[test]
fn what_must_stay_in_memory_is_taken_by_whoever_comes_first_but_an_eighth() {
    let memory = memory();
    let (heavy, light) = (query(&memory, Weight::Heavy), query(&memory, Weight::Light));
    let (join, other) = (builder(&heavy), builder(&heavy));
    join.try_grow(896 * MIB).unwrap();
    assert!(other.try_grow(1).is_err());
    let small = builder(&light);
    small.try_grow(128 * MIB).unwrap();
    assert!(small.try_grow(1).is_err());
    join.shrink(10 * MIB);
    small.try_grow(10 * MIB).unwrap();
    assert!(join.try_grow(1).is_err());
}

#[test]
fn the_error_says_what_to_do() {
    let query = query(&memory(), Weight::Heavy);
    let error = builder(&query).try_grow(2048 * MIB).unwrap_err();
    let DataFusionError::ResourcesExhausted(text) = error else {
        panic!("{error}");
    };
    assert_eq!(
        text,
        "the query needs more memory than there is for it: join wants 2.0 GB, the most it can have now is 896.0 MB; \
         ask for a shorter time, fewer groups or fewer columns, try again when fewer queries run, or give queries \
         more memory with --query-memory-bytes-max"
    );
}
