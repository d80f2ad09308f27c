//! Arrow Flight and Flight SQL: `arrow.flight.protocol.FlightService`.
//!
//! One service speaks both the native protocol of v3 clients (a JSON ticket given to `DoGet`) and Flight
//! SQL (`GetFlightInfo` with a command, then `DoGet` with the ticket from its answer). Nothing is kept
//! between calls: tickets and handles of prepared statements carry all that is needed, and every call
//! authenticates again, so any server behind a load balancer can answer it.

mod action;
mod command;
mod ending;
mod info;
mod keys;
mod metadata;
mod placeholders;
mod planning;
mod prepared;
mod query_param;
mod reflection;
mod results;
mod sql_info;
mod status;
mod ticket;
mod trailers;
mod types;
mod untrusted;
mod wire;

use crate::auth::{Authorization, Identity, SchemeCase};
use crate::http::HttpState;
use crate::http::statement_database::prefix;
use crate::http::statements;
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::flight_service_server::{FlightService, FlightServiceServer};
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightEndpoint, FlightInfo,
    HandshakeRequest, HandshakeResponse, PollInfo, PutResult, SchemaAsIpc, SchemaResult, Ticket,
};
use command::Plan;
use ending::{Cancellable, Ending};
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use info::About;
use metadata::Wire;
use ticket::{Language, Read, ReadTicket};
use tonic::metadata::MetadataMap;
use tonic::service::RoutesBuilder;
use tonic::{Request, Response, Status, Streaming};
use tonic_web::GrpcWebLayer;
use tower::Layer as _;
use uuid::Uuid;
use watershed_catalog::CatalogError;
use watershed_influxql::{bind, parse_statements};
use watershed_model::{Action as Right, DatabaseName};
use watershed_query::{Params, QueryError, QueryOptions, QueryOutput};

/// The most bytes of one message from a client. The original takes 100 MiB.
const MESSAGE_BYTES_MAX: usize = 100 << 20;

/// The gRPC routes: Flight, over gRPC-Web too, health and reflection.
pub(crate) fn routes(state: HttpState) -> axum::Router {
    let flight = Flight {
        state,
        cancellable: Cancellable::default(),
    };
    let service = FlightServiceServer::new(flight)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .accept_compressed(tonic::codec::CompressionEncoding::Gzip)
        .send_compressed(tonic::codec::CompressionEncoding::Gzip);
    let (reporter, health) = tonic_health::server::health_reporter();
    // The port opens when the server is ready.
    tokio::spawn(async move {
        reporter.set_serving::<FlightServiceServer<Flight>>().await;
    });
    let mut routes = RoutesBuilder::default();
    let web = GrpcWebLayer::new();
    routes
        .add_service(web.layer(service))
        .add_service(web.layer(health));
    if let Err(error) = reflection::add_to(&mut routes) {
        tracing::error!(%error, "there is no server reflection");
    }
    routes
        .routes()
        .prepare()
        .into_axum_router()
        .reset_fallback()
}

/// The service.
#[derive(Debug, Clone)]
struct Flight {
    state: HttpState,
    cancellable: Cancellable,
}

/// What a call is about, once it is known who asks and that they may.
struct Call<'a> {
    identity: &'a Identity,
    database: &'a DatabaseName,
    metadata: &'a MetadataMap,
    options: QueryOptions,
}

type Answer<T> = Result<Response<BoxStream<'static, Result<T, Status>>>, Status>;

impl Flight {
    async fn identify(&self, metadata: &MetadataMap) -> Result<Identity, Status> {
        let headers = metadata.clone().into_headers();
        let header = headers.get(::http::header::AUTHORIZATION);
        let token = Authorization::read(header, SchemeCase::Any).token();
        self.state
            .authenticator
            .identify(token.as_ref())
            .await
            .map_err(|e| status::of_auth(&e))
    }

    /// Finds out who asks, and that they may read the database.
    async fn reader(
        &self,
        metadata: &MetadataMap,
        database: &DatabaseName,
    ) -> Result<Identity, Status> {
        let identity = self.identify(metadata).await?;
        if identity.may(Right::Read, database) {
            Ok(identity)
        } else {
            Err(Status::permission_denied("Permission denied"))
        }
    }

    async fn query(&self, call: &Call<'_>, plan: &Plan) -> Result<QueryOutput, Status> {
        let engine = &self.state.query;
        let options = call.options;
        match plan {
            Plan::Sql { text, params } => {
                let output = engine.sql(call.database, text, params.clone(), options);
                output.await.map_err(|e| status::of_query(&e))
            }
            Plan::InfluxQl { text, params } => {
                let statement = influxql_statement(text, params)?;
                let here =
                    statements::answer_here(&self.state, call.identity, call.database, &statement);
                if let Some(answer) = here.await {
                    return answer.map_err(|text| status::of_statement(&text));
                }
                let output = engine.influxql(call.database, &statement, options).await;
                output.map_err(|e| status::of_query(&e))
            }
            Plan::Metadata(question) => {
                self.check_database(call.database).await?;
                let batch = info::answer(&self.about(call)?, question).await?;
                Ok(results::one_batch(batch))
            }
        }
    }

    fn about<'a>(&'a self, call: &Call<'a>) -> Result<About<'a>, Status> {
        Ok(About {
            engine: &self.state.query,
            database: call.database,
            version: &self.state.settings.version,
            base_table_type: metadata::base_table_type_of(call.metadata)?,
            options: call.options,
        })
    }

    /// Refuses databases that are not there; not every question looks into them.
    async fn check_database(&self, database: &DatabaseName) -> Result<(), Status> {
        let error = match self.state.catalog.database(database).await {
            Ok(_) => return Ok(()),
            Err(CatalogError::DatabaseNotFound(_)) => {
                QueryError::DatabaseNotFound(database.clone())
            }
            Err(error) => QueryError::Catalog(error),
        };
        Err(status::of_query(&error))
    }

    /// The answer to `GetFlightInfo`: the schema and one ticket, to be used on the same connection.
    async fn flight_info(
        &self,
        metadata: &MetadataMap,
        descriptor: FlightDescriptor,
    ) -> Result<FlightInfo, Status> {
        let (schema, ticket) = self.described(metadata, &descriptor).await?;
        let ticket = ticket.with_id(Uuid::new_v4());
        let endpoint = FlightEndpoint::new().with_ticket(Ticket {
            ticket: ticket.encode(),
        });
        FlightInfo::new()
            .try_with_schema(&schema)
            .map(|info| info.with_endpoint(endpoint).with_descriptor(descriptor))
            .map_err(|e| Status::internal(e.to_string()))
    }

    /// The columns that a command gives, and the ticket that gives its rows.
    async fn described(
        &self,
        metadata: &MetadataMap,
        descriptor: &FlightDescriptor,
    ) -> Result<(SchemaRef, ReadTicket), Status> {
        let wire = Wire::of(metadata)?;
        let database = metadata::database_of(metadata)?;
        let identity = self.reader(metadata, &database).await?;
        let call = Call {
            identity: &identity,
            database: &database,
            metadata,
            options: metadata::options_of(metadata),
        };
        let message = command::of_descriptor(descriptor)?;
        let plan = command::plan(&message, metadata::language_of(metadata))?;
        let ticket = match &plan {
            Plan::InfluxQl { text, .. } => {
                ReadTicket::text(&database, text, Language::InfluxQl, call.options.debug)
            }
            Plan::Sql { .. } | Plan::Metadata(_) => {
                ReadTicket::command(&database, &message, call.options.debug)
            }
        };
        let schema = self.schema(&call, &plan).await?;
        Ok((wire::schema(&schema, wire), ticket))
    }

    /// The columns that `plan` gives, without running it.
    async fn schema(&self, call: &Call<'_>, plan: &Plan) -> Result<SchemaRef, Status> {
        match plan {
            Plan::Sql { text, params } => {
                let engine = &self.state.query;
                let described = engine.describe_sql(call.database, text, params.clone());
                let described = described.await;
                Ok(described.map_err(|e| status::of_query(&e))?.schema)
            }
            // A query runs when its stream is polled; here it is only planned.
            Plan::InfluxQl { .. } => Ok(self.query(call, plan).await?.schema),
            Plan::Metadata(question) => {
                self.check_database(call.database).await?;
                info::schema(&self.about(call)?, question)
            }
        }
    }

    /// The messages of a result, and what ends them before their end.
    async fn rows(
        &self,
        metadata: &MetadataMap,
        ticket: &ReadTicket,
        ending: Ending,
    ) -> Result<BoxStream<'static, Result<FlightData, Status>>, Status> {
        let wire = Wire::of(metadata)?;
        let identity = self.reader(metadata, &ticket.database).await?;
        let plan = command::of_ticket(ticket)?;
        let asked = metadata::options_of(metadata);
        let options = QueryOptions {
            debug: ticket.debug || asked.debug,
            flight_sql: matches!(ticket.read, Read::Command(_)),
            ..asked
        };
        let described = Box::pin(self.described_sql(&ticket.database, plan.clone()));
        let (flight, metadata) = (self.clone(), metadata.clone());
        let database = ticket.database.clone();
        let planned = async move {
            let call = Call {
                identity: &identity,
                database: &database,
                metadata: &metadata,
                options,
            };
            flight.query(&call, &plan).await
        }
        .boxed();
        // Errors of a plan that is made in time are the answer of the call. All that takes longer, waiting for a
        // turn and running too, happens inside the stream, where the keep-alive covers it.
        let rows = planning::rows(planned, described, results::KEEP_ALIVE);
        let rows = ending.run(rows).await?;
        Ok(ending.cut(results::encode(rows, wire)?))
    }

    /// The columns of an SQL statement; `None` where they are not to be had without a whole plan.
    async fn described_sql(&self, database: &DatabaseName, plan: Plan) -> Option<SchemaRef> {
        let Plan::Sql { text, params } = plan else {
            return None;
        };
        let described = self.state.query.describe_sql(database, &text, params);
        let described = described.await;
        Some(described.ok()?.schema)
    }
}

fn influxql_statement(
    text: &str,
    params: &Params,
) -> Result<watershed_influxql::Statement, Status> {
    let invalid = |text: String| status::of_statement(&text);
    let mut statements =
        parse_statements(text).map_err(|e| invalid(format!("error parsing query: {e}")))?;
    if statements.len() != 1 {
        return Err(invalid(
            "The context currently only supports a single InfluxQL statement".into(),
        ));
    }
    let params = crate::bind::influxql_params(params).map_err(|e| invalid(e.to_string()))?;
    watershed_influxql::check_all_used(&statements, &params).map_err(|e| invalid(e.to_string()))?;
    bind(&mut statements, &params).map_err(|e| invalid(e.to_string()))?;
    let statement = statements.remove(0);
    // The database of a call is in its ticket, and only there.
    match prefix(&statement) {
        Some(what) => Err(invalid(format!("This feature is not implemented: {what}"))),
        None => Ok(statement),
    }
}

#[tonic::async_trait]
impl FlightService for Flight {
    type HandshakeStream = BoxStream<'static, Result<HandshakeResponse, Status>>;
    type ListFlightsStream = BoxStream<'static, Result<FlightInfo, Status>>;
    type DoGetStream = BoxStream<'static, Result<FlightData, Status>>;
    type DoPutStream = BoxStream<'static, Result<PutResult, Status>>;
    type DoActionStream = BoxStream<'static, Result<arrow_flight::Result, Status>>;
    type ListActionsStream = BoxStream<'static, Result<ActionType, Status>>;
    type DoExchangeStream = BoxStream<'static, Result<FlightData, Status>>;

    /// Turns credentials into the header the client is to send from now on. The token is not checked
    /// here: drivers send no database with the handshake, and the next call is checked anyway.
    async fn handshake(
        &self,
        request: Request<Streaming<HandshakeRequest>>,
    ) -> Answer<HandshakeResponse> {
        let headers = request.metadata().clone().into_headers();
        let header = headers.get(::http::header::AUTHORIZATION);
        let token = Authorization::read(header, SchemeCase::Any).token();
        let first = match request.into_inner().message().await? {
            Some(first) => first,
            // pyarrow and ADBC say all there is to say in the header.
            None if token.is_some() => HandshakeRequest::default(),
            None => {
                return Err(Status::invalid_argument(
                    "Invalid handshake. No payload provided",
                ));
            }
        };
        let reply = HandshakeResponse {
            protocol_version: first.protocol_version,
            payload: first.payload,
        };
        let mut response = Response::new(futures::stream::iter([Ok(reply)]).boxed());
        if let Some(token) = token {
            let bearer = format!("Bearer {}", token.reveal()).parse();
            let bearer = bearer
                .map_err(|_| Status::invalid_argument("Invalid handshake. Bad credentials"))?;
            response.metadata_mut().insert("authorization", bearer);
        }
        Ok(response)
    }

    async fn list_flights(&self, _: Request<Criteria>) -> Answer<FlightInfo> {
        Err(Status::unimplemented(
            "ListFlights is not offered; query information_schema.tables",
        ))
    }

    async fn get_flight_info(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let (metadata, _, descriptor) = request.into_parts();
        let info = self.flight_info(&metadata, descriptor);
        let info = Ending::of(&metadata)?.run(info).await?;
        Ok(Response::new(info))
    }

    async fn poll_flight_info(
        &self,
        _: Request<FlightDescriptor>,
    ) -> Result<Response<PollInfo>, Status> {
        Err(Status::unimplemented(
            "PollFlightInfo is not offered; use GetFlightInfo",
        ))
    }

    async fn get_schema(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<SchemaResult>, Status> {
        let (metadata, _, descriptor) = request.into_parts();
        let described = self.described(&metadata, &descriptor);
        let (schema, _) = Ending::of(&metadata)?.run(described).await?;
        let options = IpcWriteOptions::default();
        let result: SchemaResult = SchemaAsIpc::new(&schema, &options)
            .try_into()
            .map_err(|e: arrow::error::ArrowError| Status::internal(e.to_string()))?;
        Ok(Response::new(result))
    }

    async fn do_get(&self, request: Request<Ticket>) -> Answer<FlightData> {
        let (metadata, _, ticket) = request.into_parts();
        self.state.metrics.queries.inc();
        let ticket = ReadTicket::decode(&ticket.ticket)?;
        let entry = ticket.id.map(|id| self.cancellable.enter(id));
        let ending = Ending::of(&metadata)?.or_cancelled(entry);
        let rows = self.rows(&metadata, &ticket, ending).await?;
        Ok(Response::new(rows))
    }

    async fn do_put(&self, request: Request<Streaming<FlightData>>) -> Answer<PutResult> {
        let (metadata, _, data) = request.into_parts();
        let database = metadata::database_of(&metadata)?;
        self.reader(&metadata, &database).await?;
        let result = Ending::of(&metadata)?.run(prepared::bind(data)).await?;
        Ok(Response::new(futures::stream::iter([Ok(result)]).boxed()))
    }

    async fn do_action(&self, request: Request<Action>) -> Answer<arrow_flight::Result> {
        let (metadata, _, action) = request.into_parts();
        let act = action::act(self, &metadata, &action);
        let result = Ending::of(&metadata)?.run(act).await?;
        Ok(Response::new(futures::stream::iter(result.map(Ok)).boxed()))
    }

    async fn list_actions(&self, _: Request<Empty>) -> Answer<ActionType> {
        Ok(Response::new(
            futures::stream::iter(action::list().map(Ok)).boxed(),
        ))
    }

    async fn do_exchange(&self, _: Request<Streaming<FlightData>>) -> Answer<FlightData> {
        Err(Status::unimplemented("DoExchange is not offered"))
    }
}
