//! Folders of files, served beside the API: the demo page and the package it imports.

use std::path::PathBuf;
use std::str::FromStr;

use axum::Router;
use axum::http::{HeaderValue, header};
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeader;

use crate::error::Error;

/// The first parts of the paths that the API answers; nothing can be mounted there.
const OF_THE_API: [&str; 3] = ["servers", "fleets", "health"];

/// A folder and the path it is served at, as text `MOUNT=DIR`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// With a slash before it and none after it; empty for the root.
    path: String,
    folder: PathBuf,
}

impl Mount {
    /// The path, which begins with a slash and does not end with one (but for the root, `/`).
    pub fn path(&self) -> &str {
        if self.path.is_empty() { "/" } else { &self.path }
    }

    pub(crate) fn add_to(&self, router: Router) -> Router {
        // Files change while one works on them: the browser is to ask, and gets 304 where nothing has changed.
        let files = SetResponseHeader::if_not_present(
            ServeDir::new(&self.folder),
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-cache"),
        );
        if self.path.is_empty() {
            router.fallback_service(files)
        } else {
            router.nest_service(&self.path, files)
        }
    }
}

impl FromStr for Mount {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let Some((path, folder)) = text.split_once('=') else {
            return Err(Error::invalid("there is no `=`", "write MOUNT=DIR, as /=www"));
        };
        let plain = |char: char| char.is_ascii_alphanumeric() || "/-_.~@".contains(char);
        let parts: Vec<_> = path.split('/').collect();
        let path = path.trim_end_matches('/');
        if parts.first() != Some(&"") || parts.len() < 2 || path.contains("//") || !path.chars().all(plain) {
            return Err(Error::invalid(
                format!("`{path}` is no path to serve files at"),
                "begin it with a slash, and use letters, digits, and `-_.~@` only",
            ));
        }
        if OF_THE_API.contains(&parts[1]) {
            return Err(Error::invalid(
                format!("`{path}` is a path of the API"),
                "choose another one",
            ));
        }
        let folder = PathBuf::from(folder);
        if !folder.is_dir() {
            return Err(Error::invalid(
                format!("there is no folder `{}`", folder.display()),
                "build it first, or correct its name",
            ));
        }
        Ok(Self {
            path: path.to_owned(),
            folder,
        })
    }
}
