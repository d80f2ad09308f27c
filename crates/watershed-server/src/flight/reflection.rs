//! Server reflection: what services there are and how their messages look, for `grpcurl` and the like. Both versions of the
//! protocol are spoken, as older clients know `v1alpha` only. Nobody has to say who they are.
//!
//! `reflection/Flight.binpb` is `reflection/Flight.proto` compiled, so that a build needs no compiler of protocol buffers.

use tonic::service::RoutesBuilder;
use tonic_reflection::server::{Builder, Error};

/// Flight.
const FLIGHT: &[u8] = include_bytes!("reflection/Flight.binpb");

fn services() -> Builder<'static> {
    Builder::configure()
        .register_encoded_file_descriptor_set(FLIGHT)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

/// Adds the service.
///
/// # Errors
/// When a description of a service cannot be read, which a test excludes.
pub(super) fn add_to(routes: &mut RoutesBuilder) -> Result<(), Error> {
    routes
        .add_service(services().build_v1()?)
        .add_service(services().build_v1alpha()?);
    Ok(())
}

#[cfg(test)]
mod tests;
