//! Query strings and forms.

use std::collections::BTreeMap;

/// Decoded parameters. A known name must not come twice; of an unknown one the last is kept.
#[derive(Debug, Default)]
pub(super) struct Params {
    values: BTreeMap<String, String>,
}

/// Why parameters could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ParamsError {
    #[error("duplicate field `{0}`")]
    Duplicate(String),
    #[error("missing field `{0}`")]
    Missing(&'static str),
}

impl Params {
    /// Decodes `application/x-www-form-urlencoded` text.
    pub(super) fn parse(text: &str, known: &[&str]) -> Result<Self, ParamsError> {
        let mut values = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let repeated = values
                .insert(name.clone().into_owned(), value.into_owned())
                .is_some();
            if repeated && known.contains(&name.as_ref()) {
                return Err(ParamsError::Duplicate(name.into_owned()));
            }
        }
        Ok(Self { values })
    }

    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.values.remove(name)
    }

    /// As [`take`](Self::take), but an empty value counts as none.
    pub(super) fn take_filled(&mut self, name: &str) -> Option<String> {
        self.take(name).filter(|value| !value.is_empty())
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    pub(super) fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.values.insert(name.into(), value.into());
    }

    /// Adds what `self` lacks.
    pub(super) fn fill_from(&mut self, other: Self) {
        for (name, value) in other.values {
            self.values.entry(name).or_insert(value);
        }
    }
}
