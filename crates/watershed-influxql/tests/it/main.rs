//! Tests of the crate through its public face.

mod corpora;
mod hostile;
mod round_trip;
