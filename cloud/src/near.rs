//! Requests to somebody near by, over plain HTTP, for threads that may wait: a service that is looked at, a collector of
//! traces.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use anyhow::Context as _;
use axum::http::HeaderMap;

/// Whoever takes longer is not well.
const PATIENCE: Duration = Duration::from_secs(5);
/// Nobody asked here answers more.
const MOST_BYTES: u64 = 4 << 20;

/// Whether `address`, such as `127.0.0.1:8787`, is reached from this machine alone.
pub(crate) fn is_loopback(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

/// Asks `address`, such as `127.0.0.1:8787`, by GET; answers status and body.
///
/// # Errors
/// When nothing answers there within five seconds, or no HTTP.
pub(crate) fn get(address: &str, path: &str) -> anyhow::Result<(u16, Vec<u8>)> {
    send(address, format!("GET {path} HTTP/1.0\r\nhost: {address}\r\n\r\n").as_bytes())
}

/// Posts `body` with these headers to `path`; answers status and body.
///
/// # Errors
/// As [`get`].
pub(crate) fn post(
    address: &str,
    path: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> anyhow::Result<(u16, Vec<u8>)> {
    let mut request = format!("POST {path} HTTP/1.0\r\nhost: {address}\r\n").into_bytes();
    for (name, value) in headers {
        request.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    request.extend(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    request.extend_from_slice(body);
    send(address, &request)
}

fn send(address: &str, request: &[u8]) -> anyhow::Result<(u16, Vec<u8>)> {
    let found = address.to_socket_addrs().with_context(|| format!("looking up {address}"))?.next();
    let found = found.with_context(|| format!("{address} has no address"))?;
    let mut stream = TcpStream::connect_timeout(&found, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    stream.take(MOST_BYTES).read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").context("it speaks no HTTP")?;
    let body = answer.split_off(end + 4);
    let head = String::from_utf8_lossy(&answer);
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.context("it speaks no HTTP")?, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_are_reached_from_this_machine_alone() {
        for address in ["127.0.0.1:8787", "127.8.0.1:1", "[::1]:8787", "localhost:8787"] {
            assert!(is_loopback(address), "{address}");
        }
        for address in ["0.0.0.0:8787", "[::]:8787", "10.0.0.1:80", "segue.example:8787"] {
            assert!(!is_loopback(address), "{address}");
        }
    }
}
