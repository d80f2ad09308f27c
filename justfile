# One line each; anything with an "if" is Rust in xtask.

# List the recipes.
default:
    @just --list

# Format all code.
fmt:
    cargo fmt --all

# Formatting, crate edges, clippy.
lint:
    cargo xtask test --only fmt --only layers --only clippy

# All tests, as CI runs them.
test:
    cargo xtask test

# The crates' own tests alone.
test-crates:
    cargo xtask test --only tests --only doctests

# The suites of other projects and real clients, against a server of this build.
test-suites:
    cargo xtask test --only conformance --only clients --only golden --only influxql --only v1 --only sql

# Which crate may use which.
layers:
    cargo xtask layers

# Benchmarks of the hot paths inside the crates.
bench:
    cargo bench -p watershed-line-protocol -p watershed-router

# API documentation of our crates.
docs:
    cargo doc --workspace --no-deps --document-private-items

# A server on 127.0.0.1:8086.
serve:
    cargo run --release -- serve

# What has to hold before a change is kept.
verify:
    .ci/run
