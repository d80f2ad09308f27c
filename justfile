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

# Look for inputs that break a parser, a minute each.
fuzz:
    cargo xtask fuzz

# What a row costs on its way in, in instructions (needs Valgrind).
instructions:
    cargo xtask test --only instructions

# Which crate may use which.
layers:
    cargo xtask layers

# Benchmarks of the hot paths inside the crates.
bench:
    cargo bench -p watershed-line-protocol -p watershed-router

# Ingest next to other stores, with the tool beside the clone.
bench-ingest:
    cargo xtask bench ingest

# Half an hour of twice what the server can take, then a look for every acknowledged row.
soak:
    cargo xtask bench soak

# API documentation of our crates.
docs:
    cargo doc --workspace --no-deps --document-private-items

# A server on 127.0.0.1:8086.
serve:
    cargo run --release -- serve

# What has to hold before a change is kept.
verify:
    .ci/run
