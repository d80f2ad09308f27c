use super::*;

fn tags(values: &[Option<&str>]) -> DictionaryArray<Int32Type> {
    values.iter().copied().collect()
}

#[test]
fn values_of_several_dictionaries_are_there_once() {
    let (a, b) = (
        tags(&[Some("x"), None, Some("y")]),
        tags(&[Some("y"), Some("z"), Some("x")]),
    );
    let sources = [(0, 2), (1, 0), (0, 1), (1, 2), (0, 0)];
    let found = gather(&[&a, &b], &sources);
    let found = found.as_dictionary::<Int32Type>();
    let values: Vec<Option<&str>> = found
        .downcast_dict::<StringArray>()
        .unwrap()
        .into_iter()
        .collect();
    assert_eq!(values, [Some("y"), Some("y"), None, Some("x"), Some("x")]);
    let entries: Vec<&str> = found.values().as_string::<i32>().iter().flatten().collect();
    assert_eq!(entries, ["y", "x"]);
}

#[test]
fn all_null_is_an_empty_dictionary() {
    let a = tags(&[None, None]);
    let found = gather(&[&a], &[(0, 1), (0, 0)]);
    let found = found.as_dictionary::<Int32Type>();
    assert_eq!((found.null_count(), found.values().len()), (2, 0));
}
