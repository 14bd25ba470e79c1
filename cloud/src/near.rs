//! Requests to somebody near by, over plain HTTP or TLS, for threads that may wait: a service that is looked at, a collector
//! of traces.

use std::io::{Read, Write};
use std::net::{IpAddr, TcpStream, ToSocketAddrs as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::http::HeaderMap;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConnection, StreamOwned};

use crate::tls;

/// Whoever takes longer is not well.
const PATIENCE: Duration = Duration::from_secs(5);
/// Nobody asked here answers more.
const MOST_BYTES: u64 = 4 << 20;
/// What stands before an address that is asked over TLS.
const SECURE: &str = "https://";
const NO_HTTP: &str = "it speaks no HTTP; where it speaks TLS, name it as https://HOST:PORT";

/// Whether `address`, such as `127.0.0.1:8787` or `https://127.0.0.1:8787`, is reached from this machine alone.
pub(crate) fn is_loopback(address: &str) -> bool {
    let host = host(authority(address));
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Asks `address`, such as `127.0.0.1:8787` or `https://segue.example:8787`, by GET; answers status and body. TLS trusts the
/// certificates in `trusted` alone.
///
/// # Errors
/// When nothing answers there within five seconds, no HTTP, or somebody whose certificate is not trusted.
pub(crate) fn get(address: &str, trusted: Option<&Path>, path: &str) -> anyhow::Result<(u16, Vec<u8>)> {
    let host = authority(address);
    send(address, trusted, format!("GET {path} HTTP/1.0\r\nhost: {host}\r\n\r\n").as_bytes())
}

/// Posts `body` with these headers to `path` over plain HTTP; answers status and body.
///
/// # Errors
/// When nothing answers there within five seconds, or no HTTP.
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
    send(address, None, &request)
}

/// Host and port of an address, without what it is spoken to in and a slash at the end.
fn authority(address: &str) -> &str {
    let rest = address.strip_prefix(SECURE).or_else(|| address.strip_prefix("http://")).unwrap_or(address);
    rest.trim_end_matches('/')
}

/// The host of `HOST:PORT`.
fn host(authority: &str) -> &str {
    authority.rsplit_once(':').map_or(authority, |(host, _)| host).trim_matches(['[', ']'])
}

fn send(address: &str, trusted: Option<&Path>, request: &[u8]) -> anyhow::Result<(u16, Vec<u8>)> {
    let stream = connect(authority(address))?;
    if address.starts_with(SECURE) {
        let stream = secured(stream, address, trusted)?;
        return exchange(stream, request).with_context(|| match trusted {
            Some(trusted) => format!(
                "over TLS, trusting {} (serve.tls_certificate_file): where that was renewed, the service shows it within half a minute, or its log says why it cannot; where another service is meant, name its certificate there; where it speaks plainly, write http:// before its address",
                trusted.display()
            ),
            None => "over TLS".to_owned(),
        });
    }
    exchange(stream, request)
}

fn connect(authority: &str) -> anyhow::Result<TcpStream> {
    let unfound = || format!("looking up {authority}, which has to be HOST:PORT");
    let found = authority.to_socket_addrs().with_context(unfound)?.next();
    let found = found.with_context(|| format!("{authority} has no address"))?;
    let stream = TcpStream::connect_timeout(&found, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// The connection in TLS, which is agreed on with the first bytes.
fn secured(
    stream: TcpStream,
    address: &str,
    trusted: Option<&Path>,
) -> anyhow::Result<StreamOwned<ClientConnection, TcpStream>> {
    let trusted = trusted.with_context(|| {
        format!("{address} is asked over TLS and no certificate is trusted: name the service's, or its authority's, in serve.tls_certificate_file")
    })?;
    let name = host(authority(address));
    let name = ServerName::try_from(name.to_owned())
        .with_context(|| format!("`{name}` can be no certificate's name"))?;
    Ok(StreamOwned::new(ClientConnection::new(Arc::new(tls::client(trusted)?), name)?, stream))
}

fn exchange(mut stream: impl Read + Write, request: &[u8]) -> anyhow::Result<(u16, Vec<u8>)> {
    stream.write_all(request)?;
    let mut answer = Vec::new();
    stream.take(MOST_BYTES).read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").context(NO_HTTP)?;
    let body = answer.split_off(end + 4);
    let head = String::from_utf8_lossy(&answer);
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.context(NO_HTTP)?, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_are_reached_from_this_machine_alone() {
        for address in
            ["127.0.0.1:8787", "127.8.0.1:1", "[::1]:8787", "localhost:8787", "https://[::1]:8787/"]
        {
            assert!(is_loopback(address), "{address}");
        }
        for address in ["0.0.0.0:8787", "[::]:8787", "10.0.0.1:80", "https://segue.example:8787"] {
            assert!(!is_loopback(address), "{address}");
        }
    }
}
