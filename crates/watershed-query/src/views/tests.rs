use super::*;
use arrow::array::{
    Array, AsArray, ListArray, StringViewArray, StringViewBuilder, StructArray,
    builder::ListBuilder, builder::MapBuilder,
};

/// The column after both steps, with its type.
fn plain(column: ArrayRef) -> ArrayRef {
    let field = Field::new("x", column.data_type().clone(), true);
    let schema = without_views(Arc::new(Schema::new(vec![field])));
    let plain = as_plain(&column, schema.field(0).data_type()).unwrap();
    assert_eq!(plain.data_type(), schema.field(0).data_type());
    assert_eq!(plain.len(), column.len());
    plain
}

#[test]
fn texts_stay_what_they_were() {
    let views: ArrayRef = Arc::new(StringViewArray::from(vec![Some("a"), None, Some("")]));
    let plain = plain(views);
    let texts: Vec<Option<&str>> = plain.as_string::<i32>().iter().collect();
    assert_eq!(texts, [Some("a"), None, Some("")]);
}

#[test]
fn views_inside_lists_and_structs_are_found() {
    let mut lists = ListBuilder::new(StringViewBuilder::new());
    lists.values().append_value("a");
    lists.append(true);
    lists.append(false);
    let lists: ListArray = lists.finish();
    let item = Arc::new(Field::new("l", lists.data_type().clone(), true));
    let structs: ArrayRef = Arc::new(StructArray::from(vec![(item, Arc::new(lists) as ArrayRef)]));
    let plain = plain(structs);
    let lists = plain.as_struct().column(0).as_list::<i32>();
    assert_eq!(lists.value_type(), DataType::Utf8);
    assert_eq!(lists.value(0).as_string::<i32>().value(0), "a");
    assert!(lists.is_null(1));
}

#[test]
fn views_inside_maps_are_found() {
    let mut maps = MapBuilder::new(None, StringViewBuilder::new(), StringViewBuilder::new());
    maps.keys().append_value("k");
    maps.values().append_value("v");
    maps.append(true).unwrap();
    let plain = plain(Arc::new(maps.finish()));
    let map = plain.as_map();
    assert_eq!(map.keys().as_string::<i32>().value(0), "k");
    assert_eq!(map.values().as_string::<i32>().value(0), "v");
}

#[test]
fn a_schema_without_views_is_the_same_one() {
    let tag = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let schema = Arc::new(Schema::new(vec![Field::new("host", tag, true)]));
    assert!(Arc::ptr_eq(&schema, &without_views(Arc::clone(&schema))));
}
