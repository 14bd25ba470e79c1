//! A service for the players.

use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

use crate::http;
use crate::paths::Paths;
use crate::server::Server;
use crate::steps::Step;
use crate::whole_path::{Segue, share};

/// What a service needs to run.
pub(super) struct Service<'a> {
    pub(super) segue: &'a Segue,
    pub(super) data: &'a Path,
}

/// What a player is told.
pub(super) struct Told {
    pub(super) server: Server,
    pub(super) root: String,
    pub(super) user: String,
    pub(super) surface: String,
}

impl Service<'_> {
    /// Does `work` with a running service, on a folder of its own that shares the data's files: what players send
    /// must not reach the next refresh.
    ///
    /// # Errors
    /// When the service does not start, or those of `work`.
    pub(super) fn with<T>(
        &self,
        paths: &Paths,
        step: &Step,
        work: impl FnOnce(&Told) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let apart = paths.cache.join(format!("mobile-{}", std::process::id()));
        share(self.data, &apart).with_context(|| format!("cannot share {}", self.data.display()))?;
        let done = self.segue.serve(paths, step, &apart, None, 0).and_then(told).and_then(|told| work(&told));
        std::fs::remove_dir_all(&apart).with_context(|| format!("cannot remove {}", apart.display()))?;
        done
    }
}

fn told(server: Server) -> anyhow::Result<Told> {
    let read = |path: &str| -> anyhow::Result<Value> {
        Ok(serde_json::from_slice(&http::get(server.address, path)?.body)?)
    };
    let (users, key) = (read("/api/v1/users?limit=1")?, read("/api/v1/keys/root")?);
    let text =
        |value: &Value| value.as_str().map(str::to_owned).context("the service does not say whose and what");
    let (root, user, surface) = (text(&key["root"])?, text(&users["users"][0])?, text(&users["surface"])?);
    Ok(Told { server, root, user, surface })
}
