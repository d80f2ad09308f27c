//! Finding the server: flags and environment first, then the profile file, then the default.

use super::ServerArgs;
use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where a server on this machine listens unless told otherwise.
const HOST_DEFAULT: &str = "http://127.0.0.1:8086";

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// One section of the profile file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    host: Option<String>,
    token: Option<String>,
    database: Option<String>,
}

/// A server and the credentials for it.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    pub(super) host: String,
    pub(super) token: Option<String>,
    /// The database of the profile, for commands that need one and were given none.
    pub(super) database: Option<String>,
    http: reqwest::Client,
}

impl Connection {
    pub(super) fn open(args: &ServerArgs) -> anyhow::Result<Self> {
        let profile = profile(args.config.as_deref(), &args.profile)?;
        let host = args
            .host
            .clone()
            .or(profile.host)
            .unwrap_or_else(|| HOST_DEFAULT.to_owned());
        let host = host.trim_end_matches('/').to_owned();
        if !host.starts_with("http://") && !host.starts_with("https://") {
            bail!("the host \"{host}\" needs a scheme, as in http://127.0.0.1:8086");
        }
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .build();
        let token = args
            .token
            .clone()
            .or(profile.token)
            .filter(|t| !t.is_empty());
        Ok(Self {
            host,
            token,
            database: profile.database,
            http: http.context("prepare HTTP")?,
        })
    }

    /// The database to use: the one given, else that of the profile.
    pub(super) fn database(&self, given: Option<String>) -> anyhow::Result<String> {
        given
            .or_else(|| self.database.clone())
            .context("no database: give --database, or set it in the profile file")
    }

    /// A request to a path of the server, with the token.
    pub(super) fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.host));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request and reads the JSON of a good answer.
    pub(super) async fn json<T: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
    ) -> anyhow::Result<T> {
        let response = self.send(request).await?;
        response
            .json()
            .await
            .context("the answer is not what this version of watershed expects")
    }

    /// Sends a request; an error status becomes an error with the server's own words.
    pub(super) async fn send(
        &self,
        request: reqwest::RequestBuilder,
    ) -> anyhow::Result<reqwest::Response> {
        let response = request.send().await.map_err(|e| {
            let hint = if e.is_connect() {
                ": is the server running there? (watershed serve)"
            } else {
                ""
            };
            anyhow::Error::new(e).context(format!("no answer from {}{hint}", self.host))
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response.text().await.unwrap_or_default();
        let message = serde_json::from_str::<Value>(&body).ok();
        let message = message.and_then(|body| body.get("message")?.as_str().map(str::to_owned));
        let message = message.unwrap_or(body);
        let hint = match status.as_u16() {
            401 if self.token.is_none() => " (give --token, or set WATERSHED_TOKEN)",
            401 => " (the token is unknown, expired or revoked)",
            403 => " (the token has no right to do this)",
            _ => "",
        };
        bail!("{message}{hint} [{status}]")
    }
}

/// Reads a section of the profile file. Without a file there are no profiles; asking for one by name is
/// then an error.
fn profile(file: Option<&Path>, name: &str) -> anyhow::Result<Profile> {
    let default = dirs::config_dir().map(|dir| dir.join("watershed").join("config.toml"));
    let path: PathBuf = match (file, default) {
        (Some(file), _) => file.to_owned(),
        (None, Some(default)) if default.exists() => default,
        (None, _) if name == "default" => return Ok(Profile::default()),
        (None, _) => bail!("there is no profile file to take the profile \"{name}\" from"),
    };
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let mut profiles: BTreeMap<String, Profile> =
        toml::from_str(&text).with_context(|| format!("read {}", path.display()))?;
    match profiles.remove(name) {
        Some(profile) => Ok(profile),
        None if name == "default" => Ok(Profile::default()),
        None => bail!("{} has no section [{name}]", path.display()),
    }
}
