//! Who is asking, and what they may do.
//!
//! A token is 256 random bits behind a short prefix. Only its SHA-256 is stored: a token is far too
//! random to be guessed, so a slow hash would add cost and no safety. Tokens are looked up by that
//! hash, so no comparison depends on how much of a wrong token was right. Tokens are never logged.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use rand::TryRngCore as _;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::sync::Arc;
use watershed_catalog::{Catalog, CatalogError, TokenHash, TokenInfo};
use watershed_model::{Action, Clock, DatabaseName};

/// What every token begins with, so that leaked ones can be recognised by scanners.
const TOKEN_PREFIX: &str = "apiv1_";

/// Random bytes in a token.
const TOKEN_BYTES: usize = 32;

/// The text of a token. Shows itself only when asked by name.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text that came from outside.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Makes a new token from the operating system's random source.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn generate() -> Result<Self, rand::rand_core::OsError> {
        let mut bytes = [0_u8; TOKEN_BYTES];
        rand::rngs::OsRng.try_fill_bytes(&mut bytes)?;
        let digits = bytes.iter().flat_map(|b| [b >> 4, b & 15]);
        let digits = digits.filter_map(|d| char::from_digit(u32::from(d), 16));
        Ok(Self(TOKEN_PREFIX.chars().chain(digits).collect()))
    }

    /// The text itself, for the one moment it is shown.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored in its place.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0.as_bytes()).into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What an `Authorization` header holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorization {
    /// There is none.
    Absent,
    /// There is one, but no token can be read from it.
    Unusable,
    /// A token.
    Token(Secret),
}

/// Whether the scheme word must be spelled exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemeCase {
    /// `Bearer`, `Token`, `Basic`: over HTTP.
    Exact,
    /// Any case: over gRPC, where clients and proxies lower it.
    Any,
}

impl Authorization {
    /// Reads `Bearer t`, `Token t` or `Basic base64(user:t)`; the user is ignored.
    pub fn read(header: Option<&HeaderValue>, case: SchemeCase) -> Self {
        let Some(header) = header else {
            return Self::Absent;
        };
        let token = header.to_str().ok().and_then(|text| token_in(text, case));
        token.map_or(Self::Unusable, Self::Token)
    }

    /// The token, if there is one.
    pub fn token(self) -> Option<Secret> {
        match self {
            Self::Token(secret) => Some(secret),
            Self::Absent | Self::Unusable => None,
        }
    }
}

fn token_in(text: &str, case: SchemeCase) -> Option<Secret> {
    let (scheme, rest) = text.split_once(' ')?;
    let is = |word: &str| match case {
        SchemeCase::Exact => scheme == word,
        SchemeCase::Any => scheme.eq_ignore_ascii_case(word),
    };
    let token = if is("Bearer") || is("Token") {
        rest.to_owned()
    } else if is("Basic") {
        let decoded = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
        decoded.split_once(':')?.1.to_owned()
    } else {
        return None;
    };
    (!token.is_empty()).then(|| Secret::new(token))
}

/// Someone who was let in.
#[derive(Debug, Clone)]
pub enum Identity {
    /// Authentication is off: everyone may do everything.
    Everyone,
    /// The holder of a token in force.
    Token(Arc<TokenInfo>),
}

impl Identity {
    /// Whether `action` on `database` is allowed, be the database there or not.
    pub fn may(&self, action: Action, database: &DatabaseName) -> bool {
        match self {
            Self::Everyone => true,
            Self::Token(token) => {
                token.operator || token.permissions.iter().any(|p| p.allows(action, database))
            }
        }
    }

    /// Whether any action on `database` is allowed: then its existence may be told.
    pub fn may_see(&self, database: &DatabaseName) -> bool {
        self.may(Action::Read, database) || self.may(Action::Write, database)
    }

    /// Whether databases and tokens may be managed.
    pub fn is_operator(&self) -> bool {
        match self {
            Self::Everyone => true,
            Self::Token(token) => token.operator,
        }
    }
}

/// Why someone was not let in.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// No token came with the request.
    #[error("no token")]
    NoToken,
    /// The token is unknown, expired or revoked: these are not told apart.
    #[error("unauthorized access")]
    UnknownToken,
    /// The token could not be looked up.
    #[error("tokens cannot be checked now")]
    Catalog(#[from] CatalogError),
}

/// Checks tokens against the catalog.
#[derive(Debug, Clone)]
pub struct Authenticator {
    catalog: Arc<dyn Catalog>,
    clock: Arc<dyn Clock>,
    required: bool,
}

impl Authenticator {
    /// `required: false` lets everyone do everything.
    pub fn new(catalog: Arc<dyn Catalog>, clock: Arc<dyn Clock>, required: bool) -> Self {
        Self {
            catalog,
            clock,
            required,
        }
    }

    /// Finds out who holds `token`.
    ///
    /// # Errors
    /// [`AuthError`]; never when authentication is off.
    pub async fn identify(&self, token: Option<&Secret>) -> Result<Identity, AuthError> {
        if !self.required {
            return Ok(Identity::Everyone);
        }
        let token = token.ok_or(AuthError::NoToken)?;
        let known = self.catalog.token_by_hash(&token.hash()).await?;
        let now = self.clock.now();
        known
            .filter(|t| t.revoked_at.is_none() && t.expires_at.is_none_or(|at| now < at))
            .map(Identity::Token)
            .ok_or(AuthError::UnknownToken)
    }
}

#[cfg(test)]
mod tests;
