//! Clients of the Flight tests that see every message, header and trailer.

use super::server::{OPERATOR_TOKEN, Server, runtime};
use arrow::array::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::{FlightData, FlightInfo, Ticket};
use futures::TryStreamExt as _;
use std::time::{Duration, Instant};
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

/// More than any message of a test.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

pub(crate) async fn channel(url: String) -> Channel {
    Channel::from_shared(url).unwrap().connect().await.unwrap()
}

/// A client that takes large messages.
pub(crate) async fn client(url: String) -> FlightServiceClient<Channel> {
    FlightServiceClient::new(channel(url).await).max_decoding_message_size(MESSAGE_BYTES_MAX)
}

/// A Flight SQL client of the operator for a database.
pub(crate) async fn flight_sql(server: &Server, database: &str) -> FlightSqlServiceClient<Channel> {
    let mut client = FlightSqlServiceClient::new(channel(server.url()).await);
    client.set_token(OPERATOR_TOKEN.to_owned());
    client.set_header("database", database);
    client
}

/// The rows of a FlightInfo.
pub(crate) async fn fetch(
    client: &mut FlightSqlServiceClient<Channel>,
    info: FlightInfo,
) -> Vec<RecordBatch> {
    let ticket = info.endpoint[0].ticket.clone().unwrap();
    let rows = client.do_get(ticket).await.unwrap();
    rows.try_collect().await.unwrap()
}

/// A call of the operator with further metadata.
pub(crate) fn request<T>(message: T, metadata: &[(&'static str, &str)]) -> Request<T> {
    let mut request = Request::new(message);
    let token = format!("Bearer {OPERATOR_TOKEN}");
    let own = [("authorization", token.as_str())];
    for (key, value) in own.iter().chain(metadata) {
        request.metadata_mut().insert(*key, value.parse().unwrap());
    }
    request
}

/// `DoGet` of an SQL statement on `db`.
pub(crate) fn get(statement: &str, metadata: &[(&'static str, &str)]) -> Request<Ticket> {
    let ticket = super::flight::ticket("db", statement, "sql");
    let ticket = Ticket {
        ticket: ticket.into(),
    };
    request(ticket, metadata)
}

/// All that comes of a call.
#[derive(Debug)]
pub(crate) struct Messages {
    pub(crate) headers: MetadataMap,
    /// With the time that passed before each.
    pub(crate) messages: Vec<(Duration, FlightData)>,
    pub(crate) end: Result<MetadataMap, Status>,
}

impl Messages {
    /// Calls and reads until the end.
    pub(crate) async fn read(
        client: &mut FlightServiceClient<Channel>,
        request: Request<Ticket>,
    ) -> Result<Self, Status> {
        let response = client.do_get(request).await?;
        let headers = response.metadata().clone();
        let mut stream = response.into_inner();
        let mut messages = Vec::new();
        let end = loop {
            let begun = Instant::now();
            match stream.message().await {
                Ok(Some(message)) => messages.push((begun.elapsed(), message)),
                Ok(None) => break trailers(&mut stream).await,
                Err(status) => break Err(status),
            }
        };
        Ok(Self {
            headers,
            messages,
            end,
        })
    }

    /// The rows, without batches that have none.
    #[track_caller]
    pub(crate) fn batches(&self) -> Vec<RecordBatch> {
        let messages: Vec<_> = self.messages.iter().map(|(_, m)| Ok(m.clone())).collect();
        let batches =
            FlightRecordBatchStream::new_from_flight_data(futures::stream::iter(messages));
        let batches: Vec<RecordBatch> = runtime().block_on(batches.try_collect()).unwrap();
        batches.into_iter().filter(|b| b.num_rows() > 0).collect()
    }

    /// How many batches had no rows.
    #[track_caller]
    pub(crate) fn keep_alives(&self) -> usize {
        let messages: Vec<_> = self.messages.iter().map(|(_, m)| Ok(m.clone())).collect();
        let batches =
            FlightRecordBatchStream::new_from_flight_data(futures::stream::iter(messages));
        let batches: Vec<RecordBatch> = runtime().block_on(batches.try_collect()).unwrap();
        batches.iter().filter(|b| b.num_rows() == 0).count()
    }
}

async fn trailers(stream: &mut Streaming<FlightData>) -> Result<MetadataMap, Status> {
    Ok(stream.trailers().await?.unwrap_or_default())
}

/// A table without its frame.
pub(crate) fn table(batches: &[RecordBatch]) -> Vec<String> {
    let text = pretty_format_batches(batches).unwrap().to_string();
    let lines = text.lines().filter(|line| line.starts_with('|'));
    let cells = |line: &str| {
        line.trim_matches('|')
            .split('|')
            .map(str::trim)
            .collect::<Vec<_>>()
            .join("|")
    };
    lines.map(cells).collect()
}
