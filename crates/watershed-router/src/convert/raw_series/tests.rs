use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

const NAMES: [&str; 6] = ["m", "m,a=1", "m,a=2", "n", "n,a=1", ""];

proptest! {
    #[test]
    fn it_is_a_map_whatever_the_order(steps in prop::collection::vec((0..NAMES.len(), any::<bool>()), 0..60)) {
        let mut map = RawSeriesMap::default();
        let mut plain: BTreeMap<&str, Place> = BTreeMap::new();
        for (at, (name, keep)) in steps.into_iter().enumerate() {
            let raw = NAMES[name];
            prop_assert_eq!(map.find(raw), plain.get(raw).copied());
            if !plain.contains_key(raw) {
                let place = Place { table: 0, series: at as u32 };
                map.insert(raw, place);
                if keep {
                    plain.insert(raw, place);
                } else {
                    map.truncate(plain.len());
                }
            }
            prop_assert_eq!(map.len(), plain.len());
        }
        for raw in NAMES {
            prop_assert_eq!(map.find(raw), plain.get(raw).copied());
        }
    }
}
