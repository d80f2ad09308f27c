//! Server reflection, as `grpcurl` uses it.

use super::flight_client::channel;
use super::server::{Server, runtime};
use futures::StreamExt as _;
use prost::Message as _;
use prost_types::FileDescriptorProto;

/// Both versions of the protocol have the same messages, of different types.
macro_rules! ask {
    ($version:ident, $server:expr, $question:expr) => {{
        use tonic_reflection::pb::$version::server_reflection_client::ServerReflectionClient;
        use tonic_reflection::pb::$version::server_reflection_request::MessageRequest::*;
        use tonic_reflection::pb::$version::server_reflection_response::MessageResponse;
        use tonic_reflection::pb::$version::{ServerReflectionRequest, server_reflection_request};
        runtime().block_on(async {
            let mut client = ServerReflectionClient::new(channel($server.url()).await);
            let question: server_reflection_request::MessageRequest = $question;
            let request = ServerReflectionRequest {
                host: String::new(),
                message_request: Some(question),
            };
            let requests = futures::stream::iter([request]);
            let answers = client.server_reflection_info(requests).await.unwrap();
            let answer = answers.into_inner().next().await.unwrap();
            match answer.unwrap().message_response.unwrap() {
                MessageResponse::ListServicesResponse(list) => {
                    list.service.into_iter().map(|s| s.name).collect()
                }
                MessageResponse::FileDescriptorResponse(files) => files
                    .file_descriptor_proto
                    .iter()
                    .flat_map(|file| names(file))
                    .collect(),
                other => panic!("{other:?}"),
            }
        })
    }};
}

/// The methods in a description, with what they take.
fn names(file: &[u8]) -> Vec<String> {
    let file = FileDescriptorProto::decode(file).unwrap();
    let methods = file.service.iter().flat_map(|service| &service.method);
    methods
        .map(|method| format!("{}({})", method.name(), method.input_type()))
        .collect()
}

#[test]
fn services_describe_themselves() {
    let server = Server::start();
    let services: Vec<String> = ask!(v1, server, ListServices(String::new()));
    for service in [
        "arrow.flight.protocol.FlightService",
        "grpc.health.v1.Health",
    ] {
        assert!(services.contains(&service.to_owned()), "{services:?}");
    }
    let name = "arrow.flight.protocol.FlightService";
    let methods: Vec<String> = ask!(v1, server, FileContainingSymbol(name.to_owned()));
    let old: Vec<String> = ask!(v1alpha, server, FileContainingSymbol(name.to_owned()));
    assert_eq!(methods, old);
    for method in [
        "DoGet(.arrow.flight.protocol.Ticket)",
        "GetFlightInfo(.arrow.flight.protocol.FlightDescriptor)",
        "Handshake(.arrow.flight.protocol.HandshakeRequest)",
    ] {
        assert!(methods.contains(&method.to_owned()), "{methods:?}");
    }
    assert_eq!(methods.len(), 10, "all methods of Flight");
}
