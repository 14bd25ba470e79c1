//! nginx, which packs are compared with as static files.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::http;
use crate::paths::Paths;
use crate::server;
use crate::shell;
use crate::steps::Step;
use crate::tools::debian;

/// What installs it where nobody is root.
pub(crate) const INSTALL: &str = "sudo apt-get install -y --no-install-recommends nginx-light";

/// How long it may take to start.
const START_LIMIT: Duration = Duration::from_secs(10);

/// Whether it is there, or could be installed because this is root on Debian or Ubuntu.
///
/// # Errors
/// When the distribution's installer fails.
pub(crate) fn ensure(paths: &Paths, step: &Step) -> anyhow::Result<bool> {
    if shell::on_path("nginx").is_none() && debian::can_install(paths) {
        debian::install(paths, step, "nginx-light")?;
    }
    Ok(shell::on_path("nginx").is_some())
}

/// A running nginx; dropping it stops it.
pub(crate) struct Nginx {
    child: Child,
    /// Where it listens.
    pub(crate) address: std::net::SocketAddr,
}

impl Nginx {
    /// Serves the files of `root/files`, one worker for each core, as fast as it can be told to; its own files lie in `root` too.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn start(root: &Path) -> anyhow::Result<Self> {
        let port = server::free_port()?;
        let file = root.join("nginx.conf");
        std::fs::write(&file, configuration(root, port))
            .with_context(|| format!("cannot write {}", file.display()))?;
        let child = Command::new("nginx")
            .arg("-c")
            .arg(&file)
            .arg("-p")
            .arg(root)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start nginx")?;
        let nginx = Self { child, address: server::address(port) };
        let started = Instant::now();
        while http::get(nginx.address, "/").is_err() {
            if started.elapsed() > START_LIMIT {
                bail!("nginx does not answer; its errors are in {}", root.join("error.log").display());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(nginx)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The master takes its workers along when it is asked to end.
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-QUIT", &id]).status();
        let _ = self.child.wait();
    }
}

fn configuration(root: &Path, port: u16) -> String {
    let root = root.display();
    // Who is root may have folders that nobody else may look into; for all others the first line says nothing.
    format!(
        "user root;\ndaemon off;\nworker_processes auto;\npid {root}/nginx.pid;\nerror_log {root}/error.log;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n  access_log off;\n  sendfile on;\n  tcp_nopush on;\n  tcp_nodelay on;\n  keepalive_requests 1000000000;\n  \
         open_file_cache max=10000 inactive=1h;\n  open_file_cache_valid 1h;\n  \
         client_body_temp_path {root}/body;\n  proxy_temp_path {root}/proxy;\n  fastcgi_temp_path {root}/fastcgi;\n  \
         uwsgi_temp_path {root}/uwsgi;\n  scgi_temp_path {root}/scgi;\n  \
         server {{ listen 127.0.0.1:{port}; root {root}/files; etag on; }}\n}}\n"
    )
}
