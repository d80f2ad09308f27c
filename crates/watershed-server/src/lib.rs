//! What clients talk to: HTTP for v1, v2 and v3 clients, Arrow Flight and Flight SQL, on one port.
//!
//! 1. [`serve`](Server::serve) accepts connections and tells HTTP/1.1 from HTTP/2 by their first bytes;
//! 2. gRPC requests go to [`flight`], all others to [`http`];
//! 3. both find out who asks through [`auth`], then call the router (writes) or the query engine.
//!
//! [`local`] holds the adapters by which router and query engine reach an ingester in this process.
//!
//! **Invariant:** nothing here reads flags or the environment, and nothing here decides what data means.

pub mod auth;
mod bind;
mod cors;
mod flight;
mod http;
pub mod local;
mod metrics;
mod serve;

pub use cors::{Origin, OriginError};
pub use http::{HttpSettings, Pressure, Refusal};
pub use metrics::{Metrics, Reason};
pub use serve::{Parts, Server};
