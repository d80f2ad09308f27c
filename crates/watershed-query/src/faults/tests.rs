use super::*;
use datafusion::common::{internal_datafusion_err, plan_datafusion_err};

#[test]
fn reasons_of_a_refusal_are_told_once() {
    let error = internal_datafusion_err!(
        "Function 'rtrim' failed to match any signature, errors: Error during planning: Function 'rtrim' expects 2 \
         arguments but received 3,Error during planning: Function 'rtrim' expects 1 arguments but received \
         3,Error during planning: Function 'rtrim' expects 1 arguments but received 3"
    );
    assert_eq!(
        of_query(&error.context("type_coercion")).unwrap(),
        "Function 'rtrim' failed to match any signature: Function 'rtrim' expects 2 arguments but received 3; \
         Function 'rtrim' expects 1 arguments but received 3"
    );
}

#[test]
fn refusals_inside_of_other_errors_are_seen() {
    let inside = "Function 'map_extract' user-defined coercion failed with: Internal error: Expected a Map type, got \
                  Binary.\nThis issue was likely caused by a bug in DataFusion's code. Please help us to resolve this by \
                  filing a bug report in our issue tracker: https://github.com/apache/datafusion/issues";
    assert_eq!(
        of_query(&DataFusionError::Execution(inside.to_owned())).unwrap(),
        "Function 'map_extract' user-defined coercion failed with: Expected a Map type, got Binary"
    );
}

#[test]
fn a_pattern_that_does_not_compile_is_a_fault_of_the_query() {
    for pattern in ["(", "(.{1000}){1000}"] {
        let error = regex::Regex::new(pattern).unwrap_err();
        let text = of_query(&DataFusionError::External(Box::new(error))).unwrap();
        assert!(text.starts_with("invalid regular expression: "), "{text}");
    }
}

#[test]
fn other_internal_errors_stay_what_they_are() {
    let texts = ["Input field name a does not match", "expects single batch"];
    for text in texts {
        assert_eq!(of_query(&internal_datafusion_err!("{text}")), None);
    }
    assert_eq!(
        of_query(&plan_datafusion_err!("Unsupported data type")),
        None
    );
    let other = std::io::Error::other("is not supported");
    assert_eq!(of_query(&DataFusionError::External(Box::new(other))), None);
}
