//! `segue` as a process, for the tests that kill, stop and starve it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running service; dropping it kills it.
pub(crate) struct Serve {
    pub(crate) child: Child,
    pub(crate) address: String,
}

impl Serve {
    pub(crate) fn start(data: &Path) -> Self {
        Self::run(command(data).stderr(Stdio::null()))
    }

    /// With more said in the command.
    pub(crate) fn run(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").expect(&line);
        // As the tools take it: one that speaks TLS with what says so.
        let address = address.strip_prefix("http://").unwrap_or(address).to_owned();
        Self { child, address }
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `segue serve` on a free port.
pub(crate) fn command(data: &Path) -> Command {
    let mut command = segue();
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
    command
}

/// `segue` without what this process's environment says.
pub(crate) fn segue() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_segue"));
    command.env_remove("SEGUE_CONFIG").env_remove("SEGUE_DATA");
    command
}

/// Posts one batch; the answer, or nothing where the connection broke.
pub(crate) fn answer(address: &str, ids: &[String]) -> String {
    let events: Vec<String> = ids
        .iter()
        .map(|id| format!(r#"{{"event_id":"{id}","item":"t1","kind":"like","time_ms":1}}"#))
        .collect();
    let body = format!(r#"{{"events":[{}]}}"#, events.join(","));
    let head =
        "POST /api/v1/events HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json";
    let Ok(mut stream) = TcpStream::connect(address) else { return String::new() };
    let request = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let mut answer = Vec::new();
    if stream.write_all(request.as_bytes()).is_ok() {
        let _ = stream.read_to_end(&mut answer);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Posts one batch; true when it was acknowledged.
pub(crate) fn post(address: &str, ids: &[String]) -> bool {
    answer(address, ids).starts_with("HTTP/1.1 202")
}

/// The ids in the log.
pub(crate) fn stored(data: &Path) -> Vec<String> {
    let mut ids = Vec::new();
    segue_cloud::events::read_since(data, 0, |_, event| ids.push(event.event_id)).unwrap();
    ids
}
