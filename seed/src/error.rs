//! What the seed says when it cannot do what it was asked.

use std::fmt;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Why something could not be done, and the first thing to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Error {
    /// Stable, for programs.
    pub code: Code,
    /// What happened.
    pub message: String,
    /// The first thing to do.
    pub remedy: String,
}

/// The kinds of [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// 400: what was sent makes no sense.
    Invalid,
    /// 401: there is no token, or one that is not known.
    Unauthorized,
    /// 403: the token is not for this server, or not for this deed.
    Forbidden,
    /// 404: there is no such server or path.
    Unknown,
    /// 405: the path is there, and not for this method.
    MethodNotAllowed,
    /// 409: another server has this id.
    Conflict,
    /// 413: more was sent than is read.
    TooLarge,
    /// 429: more often than is allowed.
    TooMany,
    /// 503: there are as many servers as a list can hold.
    Full,
    /// 503: the seed has just started and has not yet heard from everyone.
    NotReady,
    /// The command line, a file or the machine does not allow a start. No answer to a request.
    CannotStart,
}

impl Code {
    /// The HTTP status that goes with it.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::Unknown => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Full | Self::NotReady => StatusCode::SERVICE_UNAVAILABLE,
            Self::CannotStart => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl Error {
    pub(crate) fn new(code: Code, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            remedy: remedy.into(),
        }
    }

    pub(crate) fn invalid(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Code::Invalid, message, remedy)
    }

    pub(crate) fn cannot_start(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Code::CannotStart, message, remedy)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}; {}", self.message, self.remedy)
    }
}

impl std::error::Error for Error {}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Answer<'a> {
            error: &'a Error,
        }
        let status = self.code.status();
        let mut response = (status, axum::Json(Answer { error: &self })).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
