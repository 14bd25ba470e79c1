//! A `segue serve` that lives as long as the step that started it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, ExitCode, Stdio};
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
        let address = address(port);
        let child = spawn(step, serve.arg("--listen").arg(address.to_string()))?;
        let mut server = Self { child, address };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// The address to open in a browser.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The memory that it has now, where the system tells.
    pub(crate) fn memory_bytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1_024)
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

/// This machine's own address with `port`.
pub(crate) fn address(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Whether a server can listen on `port`.
///
/// # Errors
/// When another program does already.
pub(crate) fn check_port(port: u16) -> anyhow::Result<()> {
    TcpListener::bind(address(port)).map(drop).with_context(|| {
        format!("port {port} is taken: stop what listens there, or choose another with --port")
    })
}

/// Replaces this process by the server.
///
/// # Errors
/// When the server cannot start.
#[cfg(unix)]
pub(crate) fn become_server(command: &mut Command) -> anyhow::Result<ExitCode> {
    use std::os::unix::process::CommandExt as _;
    let error = command.exec();
    Err(error).with_context(|| format!("cannot start `{}`", shell::line(command)))
}

/// Runs the server until it ends.
///
/// # Errors
/// When the server cannot start or ends with a failure.
#[cfg(not(unix))]
pub(crate) fn become_server(command: &mut Command) -> anyhow::Result<ExitCode> {
    let status = command.status().with_context(|| format!("cannot start `{}`", shell::line(command)))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn spawn(step: &Step, command: &mut Command) -> anyhow::Result<Child> {
    let (output, errors) = (step.open_log()?, step.open_log()?);
    command
        .stdout(Stdio::from(output))
        .stderr(Stdio::from(errors))
        .spawn()
        .with_context(|| format!("cannot start `{}`", shell::line(command)))
}

/// A port that nothing listens on.
///
/// # Errors
/// When the system has none.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
    Ok(listener.local_addr()?.port())
}
