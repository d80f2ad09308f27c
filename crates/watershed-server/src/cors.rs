//! Web pages of other origins that browsers let talk to the server (Cross-Origin Resource Sharing, Fetch Standard §3.2).
//!
//! Without origins nothing is said about it, and browsers keep pages away. Credentials of the browser (cookies) play no
//! part: whoever asks needs a token, which a page has to send by itself.

use http::header::{CONTENT_LENGTH, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Uri};
use std::str::FromStr;
use std::time::Duration;
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};

/// How long a browser may remember what was allowed. They cut it at two hours (Chromium) or a day (Firefox) themselves.
const REMEMBERED: Duration = Duration::from_secs(2 * 60 * 60);

/// What a page may read of an answer's head besides what pages always may.
const EXPOSED: [HeaderName; 11] = [
    CONTENT_LENGTH,
    RETRY_AFTER,
    HeaderName::from_static("request-id"),
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("x-influxdb-build"),
    HeaderName::from_static("x-influxdb-version"),
    HeaderName::from_static("x-influxdb-error"),
    HeaderName::from_static("x-platform-error-code"),
    // gRPC-Web: an answer that is over before it began has its end in its head.
    HeaderName::from_static("grpc-status"),
    HeaderName::from_static("grpc-message"),
    HeaderName::from_static("grpc-status-details-bin"),
];

/// An origin, or all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// `*`: any page.
    Any,
    /// Pages of `scheme://host` or `scheme://host:port`, as browsers write it: in lower case, and without the port that
    /// the scheme has anyway.
    One(HeaderValue),
}

/// Why a text is no [`Origin`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an origin is written scheme://host or scheme://host:port, without a path, or * for all of them"
)]
pub struct OriginError;

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let text = text.trim();
        if text == "*" {
            return Ok(Self::Any);
        }
        let uri: Uri = text.parse().map_err(|_| OriginError)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(OriginError);
        };
        if uri.path() != "/" || uri.query().is_some() || authority.as_str().contains(['@', '*']) {
            return Err(OriginError);
        }
        let (scheme, host) = (scheme.to_lowercase(), authority.host().to_lowercase());
        let usual = match scheme.as_str() {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        };
        let port = authority.port_u16().filter(|port| Some(*port) != usual);
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let origin = HeaderValue::from_str(&format!("{scheme}://{host}{port}"));
        origin.map(Self::One).map_err(|_| OriginError)
    }
}

/// What answers browsers that ask, and marks what they get; `None` without origins.
pub(crate) fn layer(origins: &[Origin]) -> Option<CorsLayer> {
    let listed: Vec<HeaderValue> = origins
        .iter()
        .filter_map(|origin| match origin {
            Origin::Any => None,
            Origin::One(value) => Some(value.clone()),
        })
        .collect();
    let allowed = if listed.len() < origins.len() {
        AllowOrigin::any()
    } else if listed.is_empty() {
        return None;
    } else {
        AllowOrigin::list(listed)
    };
    let layer = CorsLayer::new()
        .allow_origin(allowed)
        // `*` would leave out `Authorization`.
        .allow_headers(AllowHeaders::mirror_request())
        .allow_methods(AllowMethods::mirror_request())
        .expose_headers(EXPOSED)
        .max_age(REMEMBERED);
    Some(layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_read_as_browsers_write_them() {
        let one = |text: &'static str| Ok(Origin::One(HeaderValue::from_static(text)));
        for (text, origin) in [
            ("*", Ok(Origin::Any)),
            ("https://a.example", one("https://a.example")),
            (" HTTP://A.Example:80/ ", one("http://a.example")),
            ("https://a.example:443", one("https://a.example")),
            ("https://a.example:80", one("https://a.example:80")),
            ("http://[::1]:3000", one("http://[::1]:3000")),
            ("app://app", one("app://app")),
            ("", Err(OriginError)),
            ("a.example", Err(OriginError)),
            ("https://", Err(OriginError)),
            ("https://a.example/path", Err(OriginError)),
            ("https://a.example?x", Err(OriginError)),
            ("https://me@a.example", Err(OriginError)),
            ("https://*.example", Err(OriginError)),
        ] {
            assert_eq!(text.parse(), origin, "{text}");
        }
    }
}
