use super::*;
use arrow::datatypes::DataType;

fn schema(nullable: [bool; 2]) -> SchemaRef {
    let field = |name: &str, nullable| Field::new(name, DataType::Int64, nullable);
    let fields = vec![field("a", nullable[0]), field("b", nullable[1])];
    let metadata = [("key".to_owned(), "value".to_owned())].into();
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

#[test]
fn columns_have_nulls_where_the_plan_has_them() {
    for (said, planned, expected) in [
        ([true, true], [true, true], [true, true]),
        ([true, true], [false, false], [true, true]),
        ([false, true], [true, false], [true, true]),
        ([false, false], [false, true], [false, true]),
    ] {
        let own = Analyzed::planned(schema(said), true, &schema(planned));
        assert_eq!(own, schema(expected));
        let shown = Analyzed::planned(schema(said), false, &schema(planned));
        assert_eq!(shown, schema(said));
    }
}
