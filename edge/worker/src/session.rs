//! The visitor's session between requests: in what the visitor carries, or in a Durable Object.

use segue_core::Engine;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::host::{Cell, Fault, Host};
use crate::seal::{ROOM, Seal};

/// The cookie's name. The prefix makes browsers refuse it from other hosts and without TLS.
pub const COOKIE: &str = "__Host-segue";

/// How long a session rests before it is over, in milliseconds: 30 days.
const REST_MS: i64 = 30 * 86_400_000;

/// What a token needs beside the session.
const FRAME: usize = 64;

/// Why a session begins anew whose object is not there any more.
const GONE: &str = "session_gone";

/// A session as a request brings it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Live {
    /// Its id, 32 hexadecimal digits that nobody can guess.
    pub id: String,
    /// What the engine said to keep; empty for a new one.
    pub bytes: Vec<u8>,
    /// The version of the cell it was read from.
    pub version: u64,
    /// It begins with this request.
    pub is_new: bool,
    /// An object keeps it: without that object it is over.
    pub kept: bool,
    /// Why the one that was carried is not gone on with.
    pub restarted: Option<&'static str>,
}

/// Where sessions are between requests.
#[expect(async_fn_in_trait, reason = "an isolate has one thread")]
pub trait Sessions {
    /// The session that a token stands for, a new one without a token or with one that cannot be opened.
    ///
    /// # Errors
    /// In words, when the platform cannot read it.
    async fn open(&self, token: Option<&str>) -> Result<Live, Fault>;

    /// Lets the engine go on with it.
    ///
    /// # Errors
    /// `too_large`, `format_unknown`, `session_damaged`; the engine's session then stays as it was.
    fn restore(&self, live: &Live, engine: &mut Engine) -> segue_core::Result<()>;

    /// What has to be kept of the engine's session.
    ///
    /// # Errors
    /// `session_damaged` when it cannot be written.
    fn save(&self, engine: &Engine) -> segue_core::Result<Vec<u8>>;

    /// Keeps `bytes` as the session. False when somebody else wrote in between: `live` is theirs then, and the events
    /// are to be applied to that.
    ///
    /// # Errors
    /// In words, when the platform cannot write it.
    async fn keep(&self, live: &mut Live, bytes: Vec<u8>) -> Result<bool, Fault>;

    /// What the visitor carries for it.
    ///
    /// # Errors
    /// In words, when it does not fit.
    fn token(&self, live: &Live) -> Result<String, Fault>;

    /// Forgets the session that a token stands for.
    ///
    /// # Errors
    /// In words, when the platform cannot remove it.
    async fn forget(&self, token: Option<&str>) -> Result<(), Fault>;
}

/// What a token holds.
#[derive(Serialize, Deserialize)]
struct Carried {
    id: ByteBuf,
    issued_ms: i64,
    /// The session is in an object, which is gone when it rested too long.
    kept: bool,
    bytes: ByteBuf,
}

/// Sessions in the token itself. Of two that write at once the last one wins; every event is handed on all the same.
pub struct InToken<'a, H> {
    /// What seals.
    pub seal: &'a Seal,
    /// The platform.
    pub host: &'a H,
}

/// Sessions in Durable Objects; the token holds the id. Nothing of two that write at once is lost.
pub struct InCell<'a, H> {
    /// What seals.
    pub seal: &'a Seal,
    /// The platform.
    pub host: &'a H,
}

impl<H: Host> Sessions for InToken<'_, H> {
    async fn open(&self, token: Option<&str>) -> Result<Live, Fault> {
        let live = opened(self.seal, self.host, token);
        // What an object keeps is not at hand here: the operator changed where sessions are kept, or the visitor objects.
        Ok(if live.kept { begun(self.host, Some(GONE)) } else { live })
    }

    fn restore(&self, live: &Live, engine: &mut Engine) -> segue_core::Result<()> {
        engine.restore_brief_session(&live.bytes)
    }

    fn save(&self, engine: &Engine) -> segue_core::Result<Vec<u8>> {
        engine.save_brief_session(ROOM - FRAME)
    }

    async fn keep(&self, live: &mut Live, bytes: Vec<u8>) -> Result<bool, Fault> {
        live.bytes = bytes;
        Ok(true)
    }

    fn token(&self, live: &Live) -> Result<String, Fault> {
        sealed(self.seal, self.host, live, live.bytes.clone())
    }

    async fn forget(&self, _: Option<&str>) -> Result<(), Fault> {
        Ok(())
    }
}

impl<H: Host> Sessions for InCell<'_, H> {
    async fn open(&self, token: Option<&str>) -> Result<Live, Fault> {
        let live = opened(self.seal, self.host, token);
        // Of a session that begins now there is nothing yet, and no object is made for it before something happens.
        if live.is_new {
            return Ok(live);
        }
        match self.host.load_cell(&live.id).await? {
            Cell { version: 0, .. } if live.kept => Ok(begun(self.host, Some(GONE))),
            // Carried in the token until now: consent came since, or the operator changed where sessions are kept.
            Cell { version: 0, .. } => Ok(live),
            Cell { version, bytes } => Ok(Live { version, bytes, kept: true, ..live }),
        }
    }

    fn restore(&self, live: &Live, engine: &mut Engine) -> segue_core::Result<()> {
        match live.version {
            0 => engine.restore_brief_session(&live.bytes),
            _ => engine.restore_session(&live.bytes),
        }
    }

    fn save(&self, engine: &Engine) -> segue_core::Result<Vec<u8>> {
        engine.save_session()
    }

    async fn keep(&self, live: &mut Live, bytes: Vec<u8>) -> Result<bool, Fault> {
        let cell = Cell { version: live.version, bytes };
        let Some(newer) = self.host.store_cell(&live.id, &cell).await? else {
            (live.bytes, live.kept) = (cell.bytes, true);
            return Ok(true);
        };
        if newer.version == 0 {
            // It rested too long, or was forgotten, since it was opened.
            live.restarted = Some(GONE);
        }
        (live.version, live.bytes) = (newer.version, newer.bytes);
        Ok(false)
    }

    fn token(&self, live: &Live) -> Result<String, Fault> {
        sealed(self.seal, self.host, live, Vec::new())
    }

    async fn forget(&self, token: Option<&str>) -> Result<(), Fault> {
        let live = opened(self.seal, self.host, token);
        if live.is_new { Ok(()) } else { self.host.forget_cell(&live.id).await }
    }
}

/// A session that begins now.
fn begun<H: Host>(host: &H, restarted: Option<&'static str>) -> Live {
    Live { id: hexadecimal(&host.random()[..16]), is_new: true, restarted, ..Live::default() }
}

fn opened<H: Host>(seal: &Seal, host: &H, token: Option<&str>) -> Live {
    let fresh = |restarted| begun(host, restarted);
    let Some(token) = token.filter(|token| !token.is_empty()) else { return fresh(None) };
    let carried = seal.open(token).and_then(|plain| rmp_serde::from_slice::<Carried>(&plain).ok());
    match carried {
        None => fresh(Some("token_invalid")),
        Some(carried) if host.now_ms().saturating_sub(carried.issued_ms) > REST_MS => {
            fresh(Some("token_expired"))
        }
        Some(carried) => Live {
            id: hexadecimal(&carried.id),
            bytes: carried.bytes.into_vec(),
            kept: carried.kept,
            ..Live::default()
        },
    }
}

fn sealed<H: Host>(seal: &Seal, host: &H, live: &Live, bytes: Vec<u8>) -> Result<String, Fault> {
    let id =
        (0..live.id.len() / 2).filter_map(|at| u8::from_str_radix(live.id.get(2 * at..2 * at + 2)?, 16).ok());
    let id = ByteBuf::from(id.collect::<Vec<u8>>());
    let carried = Carried { id, issued_ms: host.now_ms(), kept: live.kept, bytes: ByteBuf::from(bytes) };
    let plain = rmp_serde::to_vec(&carried).map_err(|error| error.to_string())?;
    seal.seal(&plain, host.random())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The cookie that carries `token`.
#[must_use]
pub fn cookie(token: &str) -> String {
    let seconds = REST_MS / 1_000;
    format!("{COOKIE}={token}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax")
}

/// What makes a browser forget the cookie.
#[must_use]
pub fn no_cookie() -> String {
    format!("{COOKIE}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax")
}
