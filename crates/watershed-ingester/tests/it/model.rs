//! Random lives against a plain map.

use crate::harness::World;
use crate::testing::{Model, Row, arbitrary};
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    /// Rows whose time says their partition, as a partition template would.
    Append(Vec<Row>),
    Persist,
    Crash,
    Shutdown,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => arbitrary::rows(30).prop_map(Step::Append),
        2 => Just(Step::Persist),
        1 => Just(Step::Crash),
        1 => Just(Step::Shutdown),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn buffer_and_files_together_equal_the_model(steps in vec(step(), 1..20)) {
        let world = World::new();
        let mut node = world.start();
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Append(rows) => {
                    let (past, future): (Vec<Row>, Vec<Row>) =
                        rows.into_iter().partition(|row| row.key.1 < 0);
                    node.append("past", &past).unwrap();
                    node.append("future", &future).unwrap();
                    model.write(&past);
                    model.write(&future);
                }
                Step::Persist => {
                    node.persist_all();
                    prop_assert_eq!(node.buffered().len(), 0);
                }
                Step::Crash => {
                    node.crash();
                    node = world.start();
                }
                Step::Shutdown => {
                    node.block_on(node.ingester.shutdown());
                    drop(node);
                    node = world.start();
                    prop_assert_eq!(node.buffered().len(), 0);
                }
            }
            prop_assert_eq!(node.visible(), model.rows());
        }
    }
}
