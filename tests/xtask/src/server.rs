//! A `segue serve` that lives as long as the step that started it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::http;
use crate::shell;
use crate::steps::Step;

/// How long a server may take to read its catalogue.
const START_LIMIT: Duration = Duration::from_secs(120);

/// A running server; dropping it stops it.
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts `segue serve` on `port`, 0 for any free one, and waits until it is ready.
    ///
    /// # Errors
    /// When it does not start, stops again or is not ready in time.
    pub(crate) fn start(step: &Step, mut serve: Command, port: u16) -> anyhow::Result<Self> {
        let port = if port == 0 { free_port()? } else { port };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let child = spawn(step, serve.arg("--listen").arg(address.to_string()))?;
        let mut server = Self { child, address };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// The address to open in a browser.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until the server ends by itself or by the terminal's interrupt.
    ///
    /// # Errors
    /// When it ends with a failure.
    pub(crate) fn wait(mut self) -> anyhow::Result<()> {
        let status = self.child.wait().context("cannot wait for the server")?;
        if status.success() || status.code().is_none() {
            return Ok(());
        }
        bail!("the server ended with {status}")
    }

    fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let started = Instant::now();
        while started.elapsed() < START_LIMIT {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended with {status} before it was ready");
            }
            if http::get(self.address, "/readyz").is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("the server at {} is not ready after {} s", self.address, START_LIMIT.as_secs())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when the server has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(step: &Step, command: &mut Command) -> anyhow::Result<Child> {
    let (output, errors) = (step.open_log()?, step.open_log()?);
    command
        .stdout(Stdio::from(output))
        .stderr(Stdio::from(errors))
        .spawn()
        .with_context(|| format!("cannot start `{}`", shell::line(command)))
}

fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
    Ok(listener.local_addr()?.port())
}
