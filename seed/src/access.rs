//! Who may report what: bearer tokens, each of which may be limited to ids and hosts.

use axum::http::{HeaderMap, header};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::num::NonZeroU32;
use subtle::ConstantTimeEq;
use wildmatch::WildMatch;

use crate::error::{Code, Error};
use crate::report::host;

/// Shorter secrets can be guessed.
const SHORTEST_SECRET: usize = 16;

/// A token as it is written down.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenSpec {
    /// What logs call it.
    pub name: String,
    /// What a server sends as `Authorization: Bearer SECRET`.
    pub secret: String,
    /// The ids it is good for, with `*` for anything; all where none is said.
    #[serde(default)]
    pub ids: Vec<String>,
    /// The hosts that the URLs of its servers may name, in the same way.
    #[serde(default)]
    pub hosts: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    tokens: Vec<TokenSpec>,
}

/// Reads a file of tokens.
pub fn parse(text: &str) -> Result<Vec<TokenSpec>, Error> {
    let written: Written = toml::from_str(text).map_err(|error| {
        Error::cannot_start(
            format!("the tokens cannot be read: {error}"),
            "write [[tokens]] with name, secret, and perhaps ids and hosts",
        )
    })?;
    Ok(written.tokens)
}

/// One that may report.
#[derive(Debug)]
pub struct Token {
    /// What logs call it.
    pub name: String,
    digest: [u8; 32],
    ids: Vec<WildMatch>,
    hosts: Vec<WildMatch>,
    rate: DefaultDirectRateLimiter,
}

impl Token {
    /// May it speak for this server?
    pub fn check_id(&self, id: &str) -> Result<(), Error> {
        allows(&self.ids, id).then_some(()).ok_or_else(|| {
            Error::new(
                Code::Forbidden,
                format!("the token `{}` is not for the server `{id}`", self.name),
                "use the token of this server, or add the id to the token's `ids`",
            )
        })
    }

    /// May it send clients there?
    pub fn check_url(&self, url: &str) -> Result<(), Error> {
        let host = host(url).unwrap_or_default();
        allows(&self.hosts, &host).then_some(()).ok_or_else(|| {
            Error::new(
                Code::Forbidden,
                format!("the token `{}` is not for servers at {host}", self.name),
                "correct `url`, or add the host to the token's `hosts`",
            )
        })
    }

    /// Is it within its rate, with so many reports more?
    pub fn check_rate(&self, reports: usize) -> Result<(), Error> {
        let Some(reports) = u32::try_from(reports).ok().and_then(NonZeroU32::new) else {
            return Ok(());
        };
        match self.rate.check_n(reports) {
            Ok(Ok(())) => Ok(()),
            _ => Err(Error::new(
                Code::TooMany,
                format!("the token `{}` has used up its reports a second", self.name),
                "report when the last answer says (`reportAfter`), or raise --rate",
            )),
        }
    }
}

fn allows(patterns: &[WildMatch], text: &str) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(text))
}

/// Everyone who may report.
#[derive(Debug)]
pub struct Access {
    tokens: Vec<Token>,
    open: bool,
}

impl Access {
    /// These tokens, each for at most `rate` reports a second. With `open` there is no need of a token.
    pub fn new(specs: Vec<TokenSpec>, open: bool, rate: NonZeroU32) -> Result<Self, Error> {
        let anybody = TokenSpec {
            name: "anybody".to_owned(),
            secret: String::new(),
            ids: Vec::new(),
            hosts: Vec::new(),
        };
        let (specs, anybody) = if open { (vec![anybody], true) } else { (specs, false) };
        if let Some(short) = specs
            .iter()
            .find(|spec| !anybody && spec.secret.len() < SHORTEST_SECRET)
        {
            return Err(Error::cannot_start(
                format!(
                    "the secret of the token `{}` has less than {SHORTEST_SECRET} characters",
                    short.name
                ),
                "make one, as with `openssl rand -hex 16`",
            ));
        }
        let wild = |patterns: Vec<String>| patterns.iter().map(|pattern| WildMatch::new(pattern)).collect();
        let tokens = specs.into_iter().map(|spec| Token {
            name: spec.name,
            digest: Sha256::digest(&spec.secret).into(),
            ids: wild(spec.ids),
            hosts: wild(spec.hosts),
            // A second's worth may come at once: of a thousand servers that start together.
            rate: RateLimiter::direct(Quota::per_second(rate)),
        });
        Ok(Self {
            tokens: tokens.collect(),
            open,
        })
    }

    /// May anybody report at all?
    pub fn anyone(&self) -> bool {
        !self.tokens.is_empty()
    }

    /// The token that a request has with it.
    pub fn token(&self, request: &HeaderMap) -> Result<&Token, Error> {
        if self.open {
            return self.tokens.first().ok_or_else(nobody);
        }
        if self.tokens.is_empty() {
            return Err(nobody());
        }
        let unauthorized = |message: &str| {
            let remedy = "send `Authorization: Bearer SECRET` with the secret of --token or --tokens";
            Error::new(Code::Unauthorized, message, remedy)
        };
        let given = (request.get(header::AUTHORIZATION))
            .and_then(|value| value.to_str().ok()?.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .ok_or_else(|| unauthorized("there is no token with the request"))?;
        let digest: [u8; 32] = Sha256::digest(given.1.trim()).into();
        // Every token is compared, and each in the same time whatever it is: what was nearly right is not to be told by
        // the clock.
        let mut found = None;
        for token in &self.tokens {
            if bool::from(token.digest.ct_eq(&digest)) {
                found = Some(token);
            }
        }
        found.ok_or_else(|| unauthorized("the token is not known"))
    }
}

fn nobody() -> Error {
    Error::new(
        Code::Forbidden,
        "this seed takes no reports",
        "start it with --token or --tokens, or, to try it out, with --no-auth",
    )
}
