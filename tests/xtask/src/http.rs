//! The little HTTP the commands need to look at a server they started.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail};

/// An answer: status, head, body.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    head: String,
    /// The body's bytes.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A line of the head, by its name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }
}

/// Asks for `path`.
///
/// # Errors
/// When the server cannot be reached or answers something that is not HTTP.
pub(crate) fn get(address: SocketAddr, path: &str) -> anyhow::Result<Answer> {
    exchange(address, "GET", path, "", "")
}

/// Asks for `path` with one more line of the head, such as `Authorization: Bearer KEY`.
///
/// # Errors
/// As [`get`].
pub(crate) fn get_with(address: SocketAddr, path: &str, header: &str) -> anyhow::Result<Answer> {
    exchange(address, "GET", path, &format!("{header}\r\n"), "")
}

/// Sends a JSON body to `path`.
///
/// # Errors
/// When the server cannot be reached or answers something that is not HTTP.
pub(crate) fn post_json(address: SocketAddr, path: &str, body: &str) -> anyhow::Result<Answer> {
    exchange(address, "POST", path, "", body)
}

/// Sends a JSON body to `path` with one more line of the head.
///
/// # Errors
/// As [`post_json`].
pub(crate) fn post_with(address: SocketAddr, path: &str, header: &str, body: &str) -> anyhow::Result<Answer> {
    exchange(address, "POST", path, &format!("{header}\r\n"), body)
}

/// Asks that `path` be deleted, with one more line of the head.
///
/// # Errors
/// As [`get`].
pub(crate) fn delete_with(address: SocketAddr, path: &str, header: &str) -> anyhow::Result<Answer> {
    exchange(address, "DELETE", path, &format!("{header}\r\n"), "")
}

fn exchange(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> anyhow::Result<Answer> {
    // An export reads the whole log before its first row; on a busy machine that takes a while.
    let timeout = Duration::from_secs(120);
    let mut stream = TcpStream::connect_timeout(&address, timeout)
        .with_context(|| format!("cannot connect to {address}"))?;
    stream.set_read_timeout(Some(timeout))?;
    // Version 1.0 asks for an answer that ends where the connection ends.
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).with_context(|| format!("no whole answer to {method} {path}"))?;
    parse(&bytes).with_context(|| format!("{method} {path} was not answered in HTTP"))
}

fn parse(bytes: &[u8]) -> anyhow::Result<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").context("the head has no end")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split_whitespace().nth(1).and_then(|word| word.parse().ok());
    let Some(status) = status else { bail!("the first line has no status: {head}") };
    Ok(Answer { status, head, body: bytes[end + 4..].to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_body_are_read() {
        let answer = parse(b"HTTP/1.0 202 Accepted\r\na: b\r\n\r\n{}").expect("it is HTTP");
        assert_eq!((answer.status, answer.body.as_slice()), (202, b"{}".as_slice()));
        assert_eq!((answer.header("A"), answer.header("b")), (Some("b"), None));
    }

    #[test]
    fn something_else_is_refused() {
        assert!(parse(b"hello").is_err());
        assert!(parse(b"hello\r\n\r\n").is_err());
    }
}
