use super::*;

#[test]
fn accepts_letters_digits_slash_underscore_and_dash() {
    for name in ["a", "telegraf/autogen", "_x-1", "Größe", &"x".repeat(64)] {
        assert_eq!(DatabaseName::new(name).unwrap().as_str(), name);
    }
}

#[test]
fn refuses_length_and_characters_with_the_texts_of_the_original() {
    let text = |name: &str| DatabaseName::new(name).unwrap_err().to_string();
    assert_eq!(
        text(""),
        "namespace name  length must be between 1 and 64 characters"
    );
    let long = "x".repeat(65);
    assert_eq!(
        text(&long),
        format!("namespace name {long} length must be between 1 and 64 characters")
    );
    assert_eq!(
        text("ab c"),
        "namespace name 'ab c' contains invalid character, character number 2 is not allowed"
    );
}

#[test]
fn maps_retention_policies_to_databases() {
    let name = |db, rp| DatabaseName::from_v1(db, rp).unwrap().to_string();
    for rp in [
        None,
        Some(""),
        Some("''"),
        Some("autogen"),
        Some("AutoGen"),
        Some("default"),
    ] {
        assert_eq!(name("telegraf", rp), "telegraf");
    }
    assert_eq!(name("telegraf", Some("Week")), "telegraf/week");
    assert_eq!(name("a/b", None), name("a", Some("b")));
    assert!(DatabaseName::from_v1("", Some("week")).is_err());
}
