use super::*;

const MIB: usize = 1 << 20;

/// 1024 MiB, of which heavy queries may have 896: seven shares of 128. All places are taken.
fn memory() -> Arc<Memory> {
    memory_with(&Arc::new(Semaphore::new(0)))
}

fn memory_with(places: &Arc<Semaphore>) -> Arc<Memory> {
    Arc::new(Memory::new(1024 * MIB, 7, Arc::clone(places)))
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
fn every_heavy_query_has_its_share_whatever_others_take() {
    let memory = memory();
    let queries: Vec<_> = (0..7).map(|_| query(&memory, Weight::Heavy)).collect();
    // Two that can spill have half of the share; one alone leaves half of it to the next.
    let sorts: Vec<_> = queries
        .iter()
        .flat_map(|query| [spiller(query), spiller(query)])
        .collect();
    let joins: Vec<_> = queries.iter().map(builder).collect();
    for sort in &sorts {
        sort.try_grow(32 * MIB).unwrap();
    }
    for sort in &sorts {
        assert!(sort.try_grow(1).is_err());
    }
    for join in &joins {
        join.try_grow(64 * MIB).unwrap();
        assert!(join.try_grow(1).is_err());
    }
    // What one gives back is its own.
    drop(sorts);
    joins[0].try_grow(64 * MIB).unwrap();
    assert!(joins[0].try_grow(1).is_err());
}

#[test]
fn what_cannot_spill_has_the_shares_of_free_places_as_well() {
    let places = Arc::new(Semaphore::new(2));
    let memory = memory_with(&places);
    let query = query(&memory, Weight::Heavy);
    let (sort, join) = (spiller(&query), builder(&query));
    // What can spill does so instead.
    assert!(sort.try_grow(65 * MIB).is_err());
    assert_eq!(places.available_permits(), 2);
    join.try_grow(129 * MIB).unwrap();
    assert_eq!(places.available_permits(), 1);
    // What does not suffice is not kept from others.
    assert!(join.try_grow(256 * MIB).is_err());
    assert_eq!(places.available_permits(), 1);
    join.try_grow(255 * MIB).unwrap();
    assert!(join.try_grow(1).is_err());
    assert_eq!(places.available_permits(), 0);
    join.shrink(128 * MIB);
    assert_eq!(places.available_permits(), 1);
    drop(join);
    assert_eq!(places.available_permits(), 2);
    // Light queries take none.
    let light = builder(&self::query(&memory, Weight::Light));
    assert!(light.try_grow(1025 * MIB).is_err());
    assert_eq!(places.available_permits(), 2);
}

#[test]
fn operators_that_have_something_divide_what_can_be_spilled() {
    let memory = memory();
    let query = query(&memory, Weight::Heavy);
    let operators: Vec<_> = (0..10).map(|_| spiller(&query)).collect();
    let [first, second, third, ..] = operators.as_slice() else {
        panic!("there are ten");
    };
    first.try_grow(32 * MIB).unwrap();
    second.try_grow(32 * MIB).unwrap();
    // The third has its part, and the others no more until they have less than that.
    third.try_grow(21 * MIB).unwrap();
    assert!(third.try_grow(MIB).is_err());
    assert!(first.try_grow(1).is_err());
    first.shrink(15 * MIB);
    first.try_grow(4 * MIB).unwrap();
    assert!(first.try_grow(MIB).is_err());
    // Two reservations of one operator count together.
    let beside = third.new_empty();
    assert!(beside.try_grow(MIB).is_err());
    drop((beside, operators));
    assert_eq!((query.reserved(), memory.used.lock().heavy), (0, 0));
}

#[test]
fn heavy_queries_leave_an_eighth_to_light_ones() {
    let memory = memory();
    let joins: Vec<_> = (0..7)
        .map(|_| builder(&query(&memory, Weight::Heavy)))
        .collect();
    for join in &joins {
        join.try_grow(128 * MIB).unwrap();
    }
    let light = query(&memory, Weight::Light);
    let small = builder(&light);
    small.try_grow(128 * MIB).unwrap();
    assert!(small.try_grow(1).is_err());
    joins[0].shrink(10 * MIB);
    small.try_grow(10 * MIB).unwrap();
    // And the heavy one has its share all the same.
    joins[0].try_grow(10 * MIB).unwrap();
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
        "the query needs more memory than there is for it: join wants 2.0 GB, the most it can have now is 128.0 MB; \
         ask for a shorter time, fewer groups or fewer columns, try again when fewer queries run, or give queries \
         more memory with --query-memory-bytes-max"
    );
}
