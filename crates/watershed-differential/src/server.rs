//! A server with `/write` and `/query` of InfluxDB 1.

use crate::answer::Answer;
use crate::generate::Query;
use anyhow::{Context as _, bail};
use std::time::Duration;

/// How long an answer may take. No query here has more than a few thousand rows to read.
const PATIENCE: Duration = Duration::from_secs(60);

/// One of the two servers.
#[derive(Debug, Clone)]
pub struct Server {
    url: String,
    token: Option<String>,
    client: reqwest::Client,
}

impl Server {
    /// The server at `url`, such as `http://127.0.0.1:8086`, which is asked with `token` if there is one.
    ///
    /// # Errors
    /// If no client can be made.
    pub fn new(url: &str, token: Option<&str>) -> anyhow::Result<Self> {
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            token: token.map(str::to_owned),
            client: reqwest::Client::builder().timeout(PATIENCE).build()?,
        })
    }

    /// Creates a database.
    ///
    /// # Errors
    /// If the server refuses, or does not answer.
    pub async fn create_database(&self, database: &str) -> anyhow::Result<()> {
        let statement = format!("CREATE DATABASE \"{database}\"");
        let (status, body) = self
            .post("query", &[("q", &statement)], String::new())
            .await?;
        match Answer::parse(status, &body)? {
            Answer::Error(error) => bail!("{}: {statement}: {error}", self.url),
            Answer::Series(_) => Ok(()),
        }
    }

    /// Deletes a database, as far as the server knows how: leftovers harm nobody.
    pub async fn drop_database(&self, database: &str) {
        let statement = format!("DROP DATABASE \"{database}\"");
        // InfluxDB 1 knows the statement, Watershed the path.
        let _ = self
            .post("query", &[("q", &statement)], String::new())
            .await;
        let request = self
            .client
            .delete(format!("{}/api/v0/databases/{database}", self.url));
        let _ = self.send(request).await;
    }

    /// Writes lines with times in nanoseconds.
    ///
    /// # Errors
    /// If a line is refused, or there is no answer.
    pub async fn write(&self, database: &str, lines: String) -> anyhow::Result<()> {
        let (status, body) = self.post("write", &[("db", database)], lines).await?;
        if status != 204 {
            bail!("{}: write to {database}: status {status}: {body}", self.url);
        }
        Ok(())
    }

    /// Asks one question.
    ///
    /// # Errors
    /// If there is no answer that makes sense.
    pub async fn query(&self, database: &str, query: &Query) -> anyhow::Result<Answer> {
        let text = query.text();
        let mut parameters = vec![("db", database), ("q", text.as_str())];
        parameters.extend(query.epoch.map(|unit| ("epoch", unit)));
        let request = self
            .client
            .get(format!("{}/query", self.url))
            .query(&parameters);
        let (status, body) = self.send(request).await?;
        Answer::parse(status, &body).with_context(|| format!("{}: {text}", self.url))
    }

    async fn post(
        &self,
        path: &str,
        parameters: &[(&str, &str)],
        body: String,
    ) -> anyhow::Result<(u16, String)> {
        let request = self.client.post(format!("{}/{path}", self.url));
        self.send(request.query(parameters).body(body)).await
    }

    async fn send(&self, mut request: reqwest::RequestBuilder) -> anyhow::Result<(u16, String)> {
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Token {token}"));
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        Ok((status, response.text().await?))
    }
}
