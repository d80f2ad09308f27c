use super::*;
use prost::Message as _;
use std::path::Path;

/// `WATERSHED_GOLDEN_UPDATE=1` compiles the text anew.
#[test]
fn the_description_is_that_of_the_text() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/flight/reflection");
    let compiled = protox::compile(["Flight.proto"], [&directory]).unwrap();
    let compiled = compiled.encode_to_vec();
    if std::env::var_os("WATERSHED_GOLDEN_UPDATE").is_some() {
        std::fs::write(directory.join("Flight.binpb"), &compiled).unwrap();
    } else {
        assert!(compiled == FLIGHT, "compile Flight.proto anew");
    }
}

#[test]
fn all_descriptions_can_be_read() {
    add_to(&mut RoutesBuilder::default()).unwrap();
}
