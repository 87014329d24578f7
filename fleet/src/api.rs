//! The control API: faults on command, and the truth.
//!
//! | request | does |
//! |---|---|
//! | `GET /servers` | the list of the fleet `default` |
//! | `GET /health` | 200 |
//! | `GET /fleets` | `{fleets}`: the names |
//! | `POST /fleets` | makes the fleet of a [`FleetSpec`]: 201 with `{name, list, control, servers}`, `list` and `control` absolute URLs |
//! | `GET /fleets/F` | the truth: [`FleetState`] |
//! | `DELETE /fleets/F` | 204, and all its sockets are gone |
//! | `GET /fleets/F/servers` | its list |
//! | `PATCH /fleets/F/servers` | fields of [`Behaviour`] and [`Load`] for all its servers, with `?priority=N` for one group: `{servers}` |
//! | `GET /fleets/F/servers/S` | the truth about a server: [`Listed`] |
//! | `PATCH /fleets/F/servers/S` | fields of [`Behaviour`] and [`Load`]: [`Listed`] |
//! | `POST /fleets/F/servers/S/close` | `{code, reason}`: closes every open connection, `{closed}` says how many |
//! | `POST /fleets/F/servers/S/burst` | [`Burst`]: sends every open connection so many messages, `{sentTo}` says to how many |
//! | `PATCH /fleets/F/list` | fields of [`ListBehaviour`]: all of them |
//! | `POST /fleets/F/reset` | every fault taken back, the dead alive: [`FleetState`] |
//!
//! Every error is `{error, remedy}`: what happened, and the first thing to do. A change is in force when it is answered;
//! the list says so when it is next made.
//!
//! [`Behaviour`]: crate::behaviour::Behaviour
//! [`Load`]: crate::behaviour::Load
//! [`Burst`]: crate::server::Burst

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use axum::{Extension, Json};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower_http::cors::{AllowHeaders, Any, CorsLayer};

use crate::behaviour::ListBehaviour;
use crate::endpoint;
use crate::error::{Error, ErrorKind};
use crate::fleet::{FleetSpec, FleetState, Fleets, Listed};
use crate::mount::Mount;
use crate::patch::read;

/// The fleet whose list is also at `/servers`.
pub const DEFAULT_FLEET: &str = "default";

/// How long a page may remember what a preflight told it.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_secs(3600);

/// The lists and the control API of `fleets`, and the folders of `mounts`, all for any origin. `address` is what the
/// URLs in answers name if a request does not say what host it is for.
pub fn router(fleets: Arc<Fleets>, address: SocketAddr, mounts: &[Mount]) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([header::AGE, header::ETAG, header::RETRY_AFTER])
        .max_age(PREFLIGHT_MAX_AGE);
    let api = Router::new()
        .route("/health", get(health))
        .route("/servers", get(default_list))
        .route("/fleets", get(names).post(create))
        .route("/fleets/{name}", get(state).delete(remove))
        .route("/fleets/{name}/servers", get(list).patch(change_servers))
        .route("/fleets/{name}/servers/{id}", get(server).patch(change_server))
        .route("/fleets/{name}/servers/{id}/close", post(close))
        .route("/fleets/{name}/servers/{id}/burst", post(burst))
        .route("/fleets/{name}/list", patch(change_list))
        .route("/fleets/{name}/reset", post(reset))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(Extension(address))
        .with_state(fleets);
    mounts
        .iter()
        .fold(api, |router, mount| mount.add_to(router))
        .layer(cors)
}

type Fleetwide = State<Arc<Fleets>>;

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = match self.kind {
            ErrorKind::Invalid => StatusCode::BAD_REQUEST,
            ErrorKind::Unknown => StatusCode::NOT_FOUND,
            ErrorKind::Taken => StatusCode::CONFLICT,
            ErrorKind::System => StatusCode::INTERNAL_SERVER_ERROR,
        };
        told(status, &self.message, &self.remedy)
    }
}

fn told(status: StatusCode, error: &str, remedy: &str) -> Response {
    (status, Json(json!({ "error": error, "remedy": remedy }))).into_response()
}

async fn health() -> &'static str {
    "ok"
}

async fn default_list(State(fleets): Fleetwide, headers: HeaderMap) -> Result<Response, Error> {
    endpoint::answer(&*fleets.get(DEFAULT_FLEET)?, &headers).await
}

async fn list(State(fleets): Fleetwide, Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Error> {
    endpoint::answer(&*fleets.get(&name)?, &headers).await
}

async fn names(State(fleets): Fleetwide) -> Json<Value> {
    Json(json!({ "fleets": fleets.names() }))
}

#[derive(Serialize)]
struct Created {
    name: String,
    list: String,
    control: String,
    servers: Vec<Address>,
}

#[derive(Serialize)]
struct Address {
    id: String,
    url: String,
}

async fn create(
    State(fleets): Fleetwide,
    Extension(address): Extension<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Created>), Error> {
    let spec: FleetSpec = read_body(&body)?;
    let fleet = fleets.create(spec).await?;
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .map_or_else(|| address.to_string(), str::to_owned);
    let control = format!("http://{host}/fleets/{}", fleet.name());
    let created = Created {
        name: fleet.name().to_owned(),
        list: format!("{control}/servers"),
        control,
        servers: fleet
            .servers()
            .iter()
            .map(|server| Address {
                id: server.id().to_owned(),
                url: server.url().to_owned(),
            })
            .collect(),
    };
    Ok((StatusCode::CREATED, Json(created)))
}

async fn state(State(fleets): Fleetwide, Path(name): Path<String>) -> Result<Json<FleetState>, Error> {
    Ok(Json(fleets.get(&name)?.state()))
}

async fn remove(State(fleets): Fleetwide, Path(name): Path<String>) -> Result<StatusCode, Error> {
    fleets.remove(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    priority: Option<u8>,
}

async fn change_servers(
    State(fleets): Fleetwide,
    Path(name): Path<String>,
    group: Result<Query<Group>, QueryRejection>,
    body: Bytes,
) -> Result<Json<Value>, Error> {
    let fleet = fleets.get(&name)?;
    let Query(Group { priority }) = group
        .map_err(|rejection| Error::invalid(rejection.body_text(), "use ?priority=N, N from 0 to 255, or nothing"))?;
    let servers = fleet.change_servers(&read_body(&body)?, priority).await?;
    Ok(Json(json!({ "servers": servers })))
}

async fn server(State(fleets): Fleetwide, Path((name, id)): Path<(String, String)>) -> Result<Json<Listed>, Error> {
    let fleet = fleets.get(&name)?;
    Ok(Json(fleet.listed(fleet.server(&id)?)))
}

async fn change_server(
    State(fleets): Fleetwide,
    Path((name, id)): Path<(String, String)>,
    body: Bytes,
) -> Result<Json<Listed>, Error> {
    let fleet = fleets.get(&name)?;
    let server = fleet.server(&id)?;
    server.change(&read_body(&body)?).await?;
    Ok(Json(fleet.listed(server)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Close {
    code: u16,
    #[serde(default)]
    reason: String,
}

async fn close(
    State(fleets): Fleetwide,
    Path((name, id)): Path<(String, String)>,
    body: Bytes,
) -> Result<Json<Value>, Error> {
    let fleet = fleets.get(&name)?;
    let server = fleet.server(&id)?;
    let Close { code, reason } = read_body(&body)?;
    let closed = server.close_all(code, &reason)?;
    Ok(Json(json!({ "closed": closed })))
}

async fn burst(
    State(fleets): Fleetwide,
    Path((name, id)): Path<(String, String)>,
    body: Bytes,
) -> Result<Json<Value>, Error> {
    let fleet = fleets.get(&name)?;
    let sent_to = fleet.server(&id)?.burst(read_body(&body)?)?;
    Ok(Json(json!({ "sentTo": sent_to })))
}

async fn change_list(
    State(fleets): Fleetwide,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<ListBehaviour>, Error> {
    let fleet = fleets.get(&name)?;
    Ok(Json(fleet.change_list(read_body(&body)?)?))
}

async fn reset(State(fleets): Fleetwide, Path(name): Path<String>) -> Result<Json<FleetState>, Error> {
    let fleet = fleets.get(&name)?;
    fleet.reset().await?;
    Ok(Json(fleet.state()))
}

async fn unknown_path() -> Response {
    told(
        StatusCode::NOT_FOUND,
        "there is nothing at this path",
        "the paths begin with /servers, /fleets or /health",
    )
}

async fn wrong_method() -> Response {
    told(
        StatusCode::METHOD_NOT_ALLOWED,
        "this path does not take this method",
        "the header Allow names those it takes",
    )
}

/// Reads a JSON body, whatever its content type: so that a page needs no preflight, and curl no header.
fn read_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let value = serde_json::from_slice(body).map_err(|error| {
        Error::invalid(
            format!("the body is not JSON: {error}"),
            "send a JSON object as the body",
        )
    })?;
    read(value)
}
