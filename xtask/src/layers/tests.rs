use super::*;

/// A package in its right place, with dependencies as `name` or `dev:name`.
fn package(name: &str, dependencies: &[&str]) -> Package {
    let parent = if BESIDE.contains(&name) {
        ""
    } else {
        "crates/"
    };
    let dependency = |text: &&str| match text.split_once(':') {
        Some((kind, name)) => Dependency {
            name: name.to_owned(),
            kind: Some(kind.to_owned()),
        },
        None => Dependency {
            name: (*text).to_owned(),
            kind: None,
        },
    };
    Package {
        name: name.to_owned(),
        version: "0.0.0".to_owned(),
        manifest_path: PathBuf::from(format!("/clone/{parent}{name}/Cargo.toml")),
        dependencies: dependencies.iter().map(dependency).collect(),
    }
}

#[track_caller]
fn check(package: Package, expected: &[&str]) {
    let workspace_root = PathBuf::from("/clone");
    assert_eq!(
        findings(&Metadata {
            packages: vec![package],
            workspace_root
        }),
        expected
    );
}

#[test]
fn edges_of_the_table_are_allowed() {
    check(
        package(
            "watershed-router",
            &["watershed-model", "watershed-catalog", "tokio"],
        ),
        &[],
    );
    check(
        package(
            "watershed-query",
            &["watershed-storage", "datafusion", "dev:tempfile"],
        ),
        &[],
    );
    check(
        package("watershed", &["watershed-server", "anyhow", "clap"]),
        &[],
    );
}

#[test]
fn siblings_must_not_know_each_other() {
    check(
        package("watershed-query", &["watershed-ingester"]),
        &[
            "watershed-query must not know watershed-ingester, but it uses it: \
           define a trait where it is needed, or move the code",
        ],
    );
}

#[test]
fn tests_are_bound_by_the_table_too() {
    check(
        package("watershed-model", &["dev:watershed-catalog"]),
        &[
            "watershed-model must not know watershed-catalog, but its tests use it: \
           define a trait where it is needed, or move the code",
        ],
    );
}

#[test]
fn tests_may_use_features_of_their_own_crate() {
    check(
        package("watershed-catalog", &["dev:watershed-catalog"]),
        &[],
    );
}

#[test]
fn an_edge_of_tests_is_none_of_shipped_code() {
    check(
        package("watershed-query", &["dev:watershed-line-protocol"]),
        &[],
    );
    check(
        package("watershed-query", &["watershed-line-protocol"]),
        &[
            "watershed-query must not know watershed-line-protocol, but it uses it: \
           define a trait where it is needed, or move the code",
        ],
    );
}

#[test]
fn datafusion_stays_above_the_storage() {
    check(
        package("watershed-ingester", &["datafusion-common"]),
        &[
            "watershed-ingester must not depend on datafusion-common, but it uses it: \
           it takes minutes to compile, and all other crates should build and test in seconds",
        ],
    );
}

#[test]
fn tests_may_look_through_other_eyes() {
    check(package("watershed", &["dev:parquet"]), &[]);
    check(
        package("watershed", &["parquet"]),
        &["watershed must not depend on parquet, but it uses it: \
           files are written and read through watershed-storage"],
    );
}

#[test]
fn a_crate_without_a_row_is_reported() {
    check(
        package("watershed-misc", &[]),
        &[
            "watershed-misc is not in the table: give it a layer in xtask/src/layers.rs, \
           and a place in ARCHITECTURE.md",
        ],
    );
}

#[test]
fn a_crate_lives_in_the_folder_of_its_name() {
    let mut package = package("watershed-wal", &[]);
    package.manifest_path = PathBuf::from("/clone/crates/log/Cargo.toml");
    check(
        package,
        &["watershed-wal must live in /clone/crates/watershed-wal, the folder of its name"],
    );
}

#[test]
fn crates_are_not_numbered_one_by_one() {
    let mut package = package("watershed-wal", &[]);
    package.version = "0.3.0".to_owned();
    check(
        package,
        &["watershed-wal has version 0.3.0: the crates are not released one by one, so 0.0.0"],
    );
}

#[test]
fn every_edge_of_the_table_goes_to_a_lower_layer() {
    for row in CRATES {
        for used in row.uses.iter().chain(row.tests_use) {
            let below = CRATES
                .iter()
                .find(|other| other.name == *used)
                .map(|other| other.layer);
            assert!(
                below.is_some_and(|layer| layer < row.layer),
                "{} -> {used}",
                row.name
            );
        }
    }
}

#[test]
fn every_user_of_an_outside_dependency_is_a_crate() {
    for rule in OUTSIDE {
        for user in rule.users {
            assert!(
                CRATES.iter().any(|row| row.name == *user),
                "{} in the rule on {}",
                user,
                rule.name
            );
        }
    }
}

/// The workspace itself, so that a plain test run finds a forbidden edge as well.
#[test]
fn the_workspace_keeps_to_the_table() {
    let metadata = metadata().unwrap();
    assert!(metadata.packages.len() > 5);
    assert_eq!(findings(&metadata), Vec::<String>::new());
}

#[test]
fn nothing_shipped_uses_what_measures_it() {
    check(
        package("watershed", &["watershed-bench"]),
        &["watershed must not know watershed-bench, but it uses it: \
           define a trait where it is needed, or move the code"],
    );
    check(package("watershed-bench", &["watershed-router"]), &[]);
    check(package("fuzz", &["watershed-wal", "libfuzzer-sys"]), &[]);
}
