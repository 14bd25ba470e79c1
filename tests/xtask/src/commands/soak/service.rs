//! The service under test: started, killed and started again at one address.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::paths::Paths;
use crate::server::{self, Server};
use crate::steps::Step;
use crate::whole_path::Segue;

/// Admits the export; nothing outside of this process ever sees it.
const KEY: &str = "the-key-of-a-soak-with-its-thirty-two-bytes";

/// How long the service and a refresh may live between two kills.
const LIFE_MS: std::ops::Range<u64> = 500..12_000;

/// A service that dies now and then.
pub(super) struct Service<'a> {
    paths: &'a Paths,
    step: &'a Step,
    segue: &'a Segue,
    pub(super) data: &'a Path,
    seed: u64,
    /// Where it listens whenever it lives.
    pub(super) address: SocketAddr,
    running: Mutex<Option<Server>>,
    /// How often the service was killed.
    pub(super) kills: AtomicU64,
    /// How often a refresh was killed.
    pub(super) killed_refreshes: AtomicU64,
}

impl<'a> Service<'a> {
    /// A service over `data`, not started yet.
    pub(super) fn new(
        paths: &'a Paths,
        step: &'a Step,
        segue: &'a Segue,
        data: &'a Path,
        seed: u64,
    ) -> anyhow::Result<Self> {
        let address = server::address(server::free_port()?);
        let (kills, killed_refreshes) = (AtomicU64::new(0), AtomicU64::new(0));
        Ok(Self {
            paths,
            step,
            segue,
            data,
            seed,
            address,
            running: Mutex::default(),
            kills,
            killed_refreshes,
        })
    }

    /// The header that admits the export.
    pub(super) fn authorization() -> String {
        format!("Authorization: Bearer {KEY}")
    }

    /// Starts it and waits until it is ready.
    pub(super) fn start(&self) -> anyhow::Result<()> {
        let mut command = self.segue.serve_command(self.paths, self.data, None);
        command.env("SEGUE_SERVICE_KEYS", KEY).env("SEGUE_LOG", "warn");
        let server = Server::start(self.step, command, self.address.port())?;
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(server);
        Ok(())
    }

    /// Kills and restarts it at random moments until `ends`; it is dead afterwards.
    pub(super) fn kill_until(&self, ends: Instant, told: impl Fn(Duration)) -> anyhow::Result<()> {
        let mut draws = Draws::new(self.seed);
        loop {
            let dies = (Instant::now() + draws.duration()).min(ends);
            while Instant::now() < dies {
                told(ends.saturating_duration_since(Instant::now()));
                thread::sleep(Duration::from_millis(200).min(dies.saturating_duration_since(Instant::now())));
            }
            // Dropping a server kills it with SIGKILL.
            drop(self.running.lock().unwrap_or_else(PoisonError::into_inner).take());
            self.kills.fetch_add(1, Ordering::Relaxed);
            if Instant::now() >= ends {
                return Ok(());
            }
            self.start()?;
        }
    }

    /// Kills it for good.
    pub(super) fn stop(&self) {
        drop(self.running.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// What `segue counters` prints.
    pub(super) fn counters(&self, more: &[&str]) -> anyhow::Result<String> {
        let arguments = [["counters", "--json", "--count", "5000"].as_slice(), more].concat();
        let output = self.segue.command(self.paths, &arguments, self.data).output()?;
        ensure!(output.status.success(), "segue counters: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Refreshes again and again, killing most of them on the way.
    pub(super) fn refresh_and_kill(&self, is_over: &AtomicBool) -> anyhow::Result<()> {
        let mut draws = Draws::new(self.seed ^ u64::MAX);
        while !is_over.load(Ordering::Acquire) {
            let mut refresh = self.refresh()?.spawn()?;
            let dies = Instant::now() + draws.duration();
            while refresh.try_wait()?.is_none() {
                if Instant::now() >= dies || is_over.load(Ordering::Acquire) {
                    refresh.kill()?;
                    self.killed_refreshes.fetch_add(1, Ordering::Relaxed);
                    refresh.wait()?;
                    break;
                }
                thread::sleep(Duration::from_millis(50));
            }
        }
        Ok(())
    }

    fn refresh(&self) -> anyhow::Result<Command> {
        let mut command = self.segue.command(self.paths, &["refresh"], self.data);
        command.stdout(self.step.open_log()?).stderr(self.step.open_log()?);
        Ok(command)
    }
}

/// Numbers that look random: SplitMix64 (Steele, Lea, Flood, 2014).
pub(super) struct Draws(u64);

impl Draws {
    /// Draws that only `seed` decides.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number from `range`.
    pub(super) fn within(&mut self, range: std::ops::Range<u64>) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        range.start + (mixed ^ (mixed >> 31)) % (range.end - range.start)
    }

    fn duration(&mut self) -> Duration {
        Duration::from_millis(self.within(LIFE_MS))
    }
}
