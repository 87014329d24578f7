//! What the fleet says when it cannot do what it was told.

use std::fmt;

/// Why something could not be done, and the first thing to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Whose fault it is, which decides the HTTP status.
    pub kind: ErrorKind,
    /// What happened.
    pub message: String,
    /// The first thing to do.
    pub remedy: String,
}

/// The kinds of [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// What was asked makes no sense (400).
    Invalid,
    /// There is no such fleet or server (404).
    Unknown,
    /// A name or a port is already in use (409).
    Taken,
    /// The system refused, for another reason than a port in use (500).
    System,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            remedy: remedy.into(),
        }
    }

    pub(crate) fn invalid(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message, remedy)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}; {}", self.message, self.remedy)
    }
}

impl std::error::Error for Error {}
