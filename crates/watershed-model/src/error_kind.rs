//! What a caller can do about an error.

/// The one question callers ask of an error. A new kind is added only when a caller would act
/// differently on it; `watershed-server` maps each to an HTTP status, an InfluxDB code and a gRPC
/// status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request is wrong and stays wrong.
    Invalid,
    /// The request is right and larger than a limit: the same in smaller parts may pass.
    TooLarge,
    /// No token, or none that is known.
    Unauthorized,
    /// A known token without the right.
    Forbidden,
    /// What the request names is not there.
    NotFound,
    /// What the request would create is there.
    AlreadyExists,
    /// Someone else changed the same thing first; try again on the new state.
    Conflict,
    /// A limit of memory, disk or concurrency is reached; try again later.
    Exhausted,
    /// Something this depends on is not reachable; try again later.
    Unavailable,
    /// Stored bytes are damaged.
    Corrupt,
    /// A bug.
    Internal,
}
