use super::*;
use datafusion::execution::memory_pool::GreedyMemoryPool;

#[test]
fn the_most_of_one_query_is_known_and_all_share_the_pool() {
    let all: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(100));
    let one = Arc::new(QueryMemory::new(Arc::clone(&all)));
    let other = Arc::new(QueryMemory::new(Arc::clone(&all)));
    let reservation = |query: &Arc<QueryMemory>| {
        let pool = Arc::clone(query) as Arc<dyn MemoryPool>;
        MemoryConsumer::new("test").register(&pool)
    };
    let (first, second) = (reservation(&one), reservation(&one));
    first.try_grow(40).unwrap();
    second.try_grow(20).unwrap();
    second.free();
    first.try_grow(10).unwrap();
    assert_eq!((one.reserved(), one.bytes_max()), (50, 60));

    let third = reservation(&other);
    assert!(third.try_grow(51).is_err());
    third.try_grow(50).unwrap();
    assert_eq!((other.reserved(), other.bytes_max()), (50, 50));
    assert_eq!(all.reserved(), 100);
    drop(first);
    assert_eq!((one.reserved(), one.bytes_max()), (0, 60));
    assert_eq!(all.reserved(), 50);
}
