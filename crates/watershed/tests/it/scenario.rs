//! Requests and answers as text.
//!
//! ```text
//! > POST /api/v2/write?bucket=db
//! > Content-Encoding: deflate
//! >
//! > m f=1
//! < 415 {"code":"unsupported media type","message":"unacceptable content-encoding: deflate"}
//! < Retry-After: -
//! ```
//!
//! A block is a request (`>`: first line, headers, an empty line, the body) and its answer (`<`: status
//! and body, then headers; `-` is a header that must not be there). Bodies in JSON are compared as values,
//! others as text. The operator's token is sent unless the block has an `Authorization` of its own; `-` is
//! none. Every answer is checked for what all answers have, see [`standard`].

use super::server::{Answer, OPERATOR_TOKEN, Server};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use std::fmt::Write as _;

/// Sends the requests of a text one after another and compares the answers.
#[track_caller]
pub(crate) fn check(server: &Server, scenario: &str) {
    check_with(server, &[], scenario);
}

/// As [`check`]; each `$name` in the text stands for its value.
#[track_caller]
pub(crate) fn check_with(server: &Server, names: &[(&str, &str)], scenario: &str) {
    let mut text = scenario.to_owned();
    for (name, value) in names {
        text = text.replace(&format!("${name}"), value);
    }
    let blocks = parse(&text);
    assert!(!blocks.is_empty(), "there is no block in {scenario}");
    let mut failures = String::new();
    for block in blocks {
        let answer = server.send(block.request(server));
        for difference in block.differences(&answer) {
            let _ = writeln!(failures, "\n{}\n  {difference}", block.source);
        }
    }
    assert!(failures.is_empty(), "answers differ:\n{failures}");
}

/// What every answer has: a version, a build, an id; and what every error of the write and query APIs has:
/// JSON, with the code and the message in headers too. Returns what is wrong.
pub(crate) fn standard(answer: &Answer) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut want = |name: &str, expected: &str| {
        if answer.header(name) != expected {
            wrong.push(format!(
                "header {name}: expected {expected:?}, got {:?}",
                answer.header(name)
            ));
        }
    };
    want(
        "x-influxdb-version",
        concat!("watershed-", env!("CARGO_PKG_VERSION")),
    );
    want("x-influxdb-build", "cloud2");
    want("request-id", answer.header("x-request-id"));
    if answer.status.as_u16() >= 400 {
        want("content-type", "application/json");
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if let Some(code) = body["code"].as_str() {
            let shown = body["error"]
                .as_str()
                .or(body["message"].as_str())
                .unwrap_or_default();
            want("x-platform-error-code", code);
            want("x-influxdb-error", &fit_for_header(shown));
        }
    }
    let retry = answer.header("retry-after").parse::<u64>().ok();
    if retry.is_some_and(|seconds| seconds > 0) != (answer.status == 503) {
        wrong.push(format!("got Retry-After {retry:?}"));
    }
    if answer.header("x-request-id").is_empty() {
        wrong.push("there is no X-Request-Id".to_owned());
    }
    if answer.header("date").is_empty() {
        wrong.push("there is no Date".to_owned());
    }
    wrong
}

/// One line of visible ASCII, at most 1024 characters.
fn fit_for_header(text: &str) -> String {
    let clean = |c: char| if (' '..='~').contains(&c) { c } else { ' ' };
    text.chars()
        .take(1024)
        .map(clean)
        .collect::<String>()
        .trim()
        .to_owned()
}

/// A request and what must come back.
struct Block {
    source: String,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
    status: u16,
    expected: String,
    expected_headers: Vec<(String, String)>,
}

fn parse(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Vec<&str>> = Vec::new();
    let mut in_request = false;
    for line in text
        .lines()
        .map(str::trim_start)
        .filter(|line| line.starts_with(['>', '<']))
    {
        let request = line.starts_with('>');
        if request && !in_request {
            blocks.push(Vec::new());
        }
        in_request = request;
        blocks.last_mut().unwrap().push(line);
    }
    blocks.into_iter().map(|lines| block(&lines)).collect()
}

fn block(lines: &[&str]) -> Block {
    let of = |mark: char| {
        let lines = lines.iter().filter_map(move |line| line.strip_prefix(mark));
        lines.map(|line| line.strip_prefix(' ').unwrap_or(line))
    };
    let mut request = of('>');
    let (method, path) = request.next().unwrap().split_once(' ').unwrap();
    let headers = request
        .by_ref()
        .take_while(|line| !line.is_empty())
        .map(header)
        .collect();
    let body = request.collect::<Vec<_>>().join("\n");
    let mut answer = of('<');
    let first = answer.next().unwrap();
    let (status, expected) = first.split_once(' ').unwrap_or((first, ""));
    Block {
        source: lines.join("\n"),
        method: method.parse().unwrap(),
        path: path.to_owned(),
        headers,
        body,
        status: status.parse().unwrap(),
        expected: expected.to_owned(),
        expected_headers: answer.map(header).collect(),
    }
}

fn header(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap();
    (name.to_owned(), value.trim().to_owned())
}

impl Block {
    fn request(&self, server: &Server) -> RequestBuilder {
        let mut request = server
            .bare(self.method.clone(), &self.path)
            .body(self.body.clone());
        if !self.headers.iter().any(|(name, _)| name == "Authorization") {
            request = request.bearer_auth(OPERATOR_TOKEN);
        }
        for (name, value) in self.headers.iter().filter(|(_, value)| value != "-") {
            request = request.header(name, value);
        }
        request
    }

    fn differences(&self, answer: &Answer) -> Vec<String> {
        let mut found = standard(answer);
        let body = String::from_utf8_lossy(&answer.body);
        if answer.status != self.status || !same_body(&self.expected, &body) {
            found.push(format!("got {} {body}", answer.status.as_u16()));
        }
        for (name, expected) in &self.expected_headers {
            let expected = if expected == "-" { "" } else { expected };
            if answer.header(name) != expected {
                found.push(format!("got {name}: {}", answer.header(name)));
            }
        }
        found
    }
}

fn same_body(expected: &str, got: &str) -> bool {
    match serde_json::from_str::<Value>(expected) {
        Ok(expected) => serde_json::from_str::<Value>(got).is_ok_and(|got| got == expected),
        Err(_) => expected == got,
    }
}
