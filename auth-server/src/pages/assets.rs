//! The two files that pages load, each under a path with its hash: cached for a year, replaced by a new path.

use sha2::{Digest as _, Sha256};
use std::{fmt::Write as _, sync::LazyLock};

/// A file that never changes under its name.
pub struct Asset {
    /// The last part of its path.
    pub name: String,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// What is in it.
    pub content: &'static str,
}

impl Asset {
    fn new(stem: &str, extension: &str, content_type: &'static str, content: &'static str) -> Self {
        let mut name = format!("{stem}-");
        for byte in &Sha256::digest(content.as_bytes())[..6] {
            let _ = write!(name, "{byte:02x}");
        }
        name.push('.');
        name.push_str(extension);
        Self { name, content_type, content }
    }
}

/// The stylesheet of every page.
pub static STYLESHEET: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("style", "css", "text/css; charset=utf-8", include_str!("../../templates/style.css")));
/// The icon in the browser's tab.
pub static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_str!("../../templates/icon.svg")));

/// The asset of this name.
pub fn find(name: &str) -> Option<&'static Asset> {
    [&*STYLESHEET, &*ICON].into_iter().find(|asset| asset.name == name)
}
