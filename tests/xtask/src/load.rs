//! Requests at a rate, each timed from the moment it was due: a server that falls behind cannot hide it by being asked less.
//!
//! An open loop as far as there are connections: what is due while all of them wait for an answer waits too, and its wait
//! counts (Tene, "How NOT to Measure Latency", 2015: coordinated omission).

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// How long a request may stay without an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is asked, how often and for how long.
pub(crate) struct Load {
    /// Where the server listens.
    pub(crate) address: SocketAddr,
    /// Requests due in a second; none: each as soon as the one before it on its connection was answered.
    pub(crate) per_second: Option<f64>,
    /// How long requests fall due.
    pub(crate) lasts: Duration,
    /// Connections that stay open, one thread each.
    pub(crate) connections: u64,
}

/// What came of a load.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// Milliseconds from when each request was due until its whole answer was there, ascending.
    pub(crate) milliseconds: Vec<f64>,
    /// Answers with another status than the expected one.
    pub(crate) unexpected: u64,
    /// Bytes of the bodies.
    pub(crate) bytes: u64,
    /// From the first request until the last answer.
    pub(crate) seconds: f64,
}

impl Answers {
    /// Answered requests in a second.
    pub(crate) fn per_second(&self) -> f64 {
        self.milliseconds.len() as f64 / self.seconds
    }

    /// The wait that so many hundredths stay within, in milliseconds.
    pub(crate) fn percentile(&self, hundredths: f64) -> f64 {
        let last = self.milliseconds.len().saturating_sub(1);
        let place = (self.milliseconds.len() as f64 * hundredths / 100.0).ceil() as usize;
        self.milliseconds.get(place.saturating_sub(1).min(last)).copied().unwrap_or(f64::NAN)
    }

    /// Itself, where every answer was the expected one.
    ///
    /// # Errors
    /// Names how many were not.
    pub(crate) fn all_expected(self, what: &str) -> anyhow::Result<Self> {
        match self.unexpected {
            0 if !self.milliseconds.is_empty() => Ok(self),
            0 => bail!("{what}: nothing was answered"),
            count => bail!("{what}: {count} answers had another status than the expected one"),
        }
    }

    fn add(&mut self, other: Self) {
        self.milliseconds.extend(other.milliseconds);
        self.unexpected += other.unexpected;
        self.bytes += other.bytes;
    }
}

impl Load {
    /// Sends what `request` writes for each number from 0 on, and expects `status`.
    ///
    /// # Errors
    /// When a connection cannot be made or breaks.
    pub(crate) fn send<R>(&self, status: u16, request: R) -> anyhow::Result<Answers>
    where
        R: Fn(u64, &mut Vec<u8>) + Sync,
    {
        let (next, started) = (AtomicU64::new(0), Instant::now());
        let one = || self.on_one_connection(status, &request, &next, started);
        let each: anyhow::Result<Vec<Answers>> = thread::scope(|scope| {
            let threads: Vec<_> = (0..self.connections).map(|_| scope.spawn(one)).collect();
            let joined = threads.into_iter().map(|thread| thread.join());
            joined
                .map(|answers| answers.unwrap_or_else(|_| bail!("a connection's thread panicked")))
                .collect()
        });
        let mut all = Answers::default();
        each?.into_iter().for_each(|answers| all.add(answers));
        all.seconds = started.elapsed().as_secs_f64();
        all.milliseconds.sort_by(f64::total_cmp);
        Ok(all)
    }

    fn on_one_connection<R: Fn(u64, &mut Vec<u8>)>(
        &self,
        status: u16,
        request: &R,
        next: &AtomicU64,
        started: Instant,
    ) -> anyhow::Result<Answers> {
        let mut connection = Connection::open(self.address)?;
        let (mut answers, mut bytes) = (Answers::default(), Vec::new());
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let due = self.due(number, started);
            if due.duration_since(started) >= self.lasts {
                return Ok(answers);
            }
            thread::sleep(due.saturating_duration_since(Instant::now()));
            bytes.clear();
            request(number, &mut bytes);
            let (answered, length) = connection.exchange(&bytes)?;
            answers.milliseconds.push(due.elapsed().as_secs_f64() * 1e3);
            answers.unexpected += u64::from(answered != status);
            answers.bytes += length as u64;
        }
    }

    fn due(&self, number: u64, started: Instant) -> Instant {
        match self.per_second {
            Some(rate) => started + Duration::from_secs_f64(number as f64 / rate),
            None => Instant::now(),
        }
    }
}

/// The head and body of a request over a connection that stays open.
pub(crate) fn request(into: &mut Vec<u8>, method: &str, path: &str, headers: &str, body: &[u8]) {
    let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}");
    into.extend(head.as_bytes());
    if !body.is_empty() {
        into.extend(
            format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()).as_bytes(),
        );
    }
    into.extend(b"\r\n");
    into.extend(body);
}

struct Connection {
    stream: BufReader<TcpStream>,
    line: String,
    body: Vec<u8>,
}

impl Connection {
    fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)
            .with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::with_capacity(1 << 16, stream), line: String::new(), body: Vec::new() })
    }

    /// Sends a request; the answer's status and how many bytes its body has.
    fn exchange(&mut self, request: &[u8]) -> anyhow::Result<(u16, usize)> {
        self.stream.get_mut().write_all(request)?;
        let status = self.head_line()?.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status: u16 = status.context("the first line has no status")?;
        let mut length = 0;
        loop {
            let line = self.head_line()?;
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().with_context(|| format!("a length of {value}"))?;
            }
        }
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body)?;
        Ok((status, length))
    }

    fn head_line(&mut self) -> anyhow::Result<&str> {
        self.line.clear();
        if self.stream.read_line(&mut self.line)? == 0 {
            bail!("the server closed the connection");
        }
        Ok(self.line.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Answers each request after a pause.
    fn server(pause: Duration) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                thread::spawn(move || {
                    let mut line = String::new();
                    while stream.read_line(&mut line).unwrap_or(0) > 0 {
                        if line == "\r\n" {
                            thread::sleep(pause);
                            stream
                                .get_mut()
                                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                                .unwrap();
                        }
                        line.clear();
                    }
                });
            }
        });
        address
    }

    fn load(pause: u64, per_second: f64) -> Answers {
        let address = server(Duration::from_millis(pause));
        let lasts = Duration::from_millis(500);
        let load = Load { address, per_second: Some(per_second), lasts, connections: 1 };
        load.send(200, |_, bytes| request(bytes, "GET", "/", "", b"")).unwrap()
    }

    #[test]
    fn as_many_are_sent_as_fall_due() {
        let answers = load(0, 100.0);
        assert_eq!((answers.milliseconds.len(), answers.unexpected, answers.bytes), (50, 0, 100));
    }

    #[test]
    fn a_server_that_falls_behind_is_seen_to() {
        // Ten fall due, 50 ms apart, and each takes 100 ms on the one connection: the last one waits for nine others.
        let answers = load(100, 20.0);
        assert_eq!(answers.milliseconds.len(), 10);
        assert!(answers.percentile(100.0) > 400.0, "{answers:?}");
    }

    #[test]
    fn another_status_is_counted() {
        let address = server(Duration::ZERO);
        let load =
            Load { address, per_second: Some(20.0), lasts: Duration::from_millis(100), connections: 2 };
        let answers = load.send(304, |_, bytes| request(bytes, "GET", "/", "", b"")).unwrap();
        assert_eq!(answers.unexpected, 2);
        assert!(answers.all_expected("asking").is_err());
    }
}
