use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A raw text, its table and its tags.
type Spelling = (&'static str, &'static str, &'static [(i64, &'static str)]);

/// Spellings of series: two of the same tags, two tables.
const SERIES: [Spelling; 6] = [
    ("m", "m", &[]),
    ("m,a=1", "m", &[(1, "1")]),
    ("m,a=1,b=2", "m", &[(1, "1"), (2, "2")]),
    ("m,b=2,a=1", "m", &[(1, "1"), (2, "2")]),
    ("n", "n", &[]),
    ("n,a=1", "n", &[(1, "1")]),
];

/// A request as the converter drives it: builders are lists of keys.
#[derive(Default)]
struct Request {
    builders: Vec<Vec<Vec<u8>>>,
}

impl Request {
    /// Does what a line does to the cache and answers the table and the key that its place means.
    fn line(&mut self, cache: &mut SeriesCache, series: usize, refused: bool) -> (u32, Vec<u8>) {
        let (raw, table, tags) = SERIES[series];
        let builders_before = self.builders.len();
        let keys_before: Vec<usize> = self.builders.iter().map(Vec::len).collect();
        cache.begin_line();
        let entry = if cache.expected() == Some(raw) {
            Some(cache.take_expected())
        } else {
            cache.find(raw)
        };
        let place = match entry.and_then(|entry| cache.place(entry)) {
            Some(place) => place,
            None => {
                let cached = cache.table(&table.into(), Some(id_of(table)));
                let builder = cache.builder(cached).unwrap_or_else(|| {
                    self.builders.push(Vec::new());
                    cache.set_builder(cached, builders_before as u32);
                    builders_before as u32
                });
                let entry = entry.unwrap_or_else(|| {
                    let tags: Vec<_> = tags
                        .iter()
                        .map(|(id, v)| (ColumnId::new(*id), *v))
                        .collect();
                    cache.insert(raw, cached, &tags)
                });
                let keys = &mut self.builders[builder as usize];
                cache.set_place(entry, |key| {
                    keys.push(key.to_vec());
                    keys.len() as u32 - 1
                })
            }
        };
        let key = self.builders[place.table as usize][place.series as usize].clone();
        if refused {
            cache.undo_line();
            for (keys, before) in self.builders.iter_mut().zip(keys_before) {
                keys.truncate(before);
            }
            if self.builders.len() > builders_before {
                self.builders.pop();
                cache.unset_builder(&table.into());
            }
        }
        (place.table, key)
    }
}

fn id_of(table: &str) -> TableId {
    TableId::new(if table == "m" { 1 } else { 2 })
}

fn key_of(series: usize) -> Vec<u8> {
    let mut list = SeriesList::default();
    let tags = SERIES[series].2.iter();
    list.push(tags.map(|(id, value)| (ColumnId::new(*id), *value)));
    list.key(0).to_vec()
}

proptest! {
    #[test]
    fn a_line_always_gets_its_own_series(
        requests in prop::collection::vec(prop::collection::vec((0..SERIES.len(), any::<bool>()), 0..30), 1..5),
    ) {
        let mut cache = SeriesCache::default();
        for lines in requests {
            cache.begin_request();
            let mut request = Request::default();
            let mut tables: BTreeMap<u32, &str> = BTreeMap::new();
            for (series, refused) in lines {
                let (table, key) = request.line(&mut cache, series, refused);
                prop_assert_eq!(&key, &key_of(series));
                if refused {
                    tables.retain(|table, _| (*table as usize) < request.builders.len());
                } else {
                    let name = SERIES[series].1;
                    prop_assert_eq!(*tables.entry(table).or_insert(name), name);
                }
            }
            // Two spellings of a series are one, and none is listed twice.
            for keys in &request.builders {
                let mut distinct = keys.clone();
                distinct.sort();
                distinct.dedup();
                prop_assert_eq!(distinct.len(), keys.len());
            }
        }
        let texts: usize = cache.entries.last().map_or(0, |entry| entry.end as usize);
        prop_assert_eq!(texts, cache.texts.len());
    }
}

#[test]
fn a_table_made_anew_begins_without_series() {
    let mut cache = SeriesCache::default();
    cache.begin_request();
    let table = cache.table(&"m".into(), Some(TableId::new(1)));
    cache.set_builder(table, 0);
    cache.insert("m,a=1", table, &[(ColumnId::new(1), "1")]);
    cache.begin_request();
    assert!(cache.find("m,a=1").is_some());
    assert_eq!(cache.builder(table), None, "that was another request");
    assert_eq!(cache.table(&"m".into(), Some(TableId::new(7))), table);
    assert_eq!(cache.find("m,a=1"), None);
    assert_eq!(cache.expected(), None);
}
