//! `segue serve --refresh-every`: starts `segue refresh` from time to time, as a process of its own.
//!
//! A refresh that fails, runs out of memory or is killed never takes the service with it.

use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often a running refresh is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// The timer; dropping it ends a refresh that is running.
#[derive(Debug)]
pub struct Refresher {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Refresher {
    /// Starts `command` after `first`, then `every` so often.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(mut command: Command, first: Duration, every: Duration) -> std::io::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new().name("refresher".to_owned()).spawn(move || {
            let mut wait = first;
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(wait) {
                let result = run(&mut command, &stopped);
                metrics::counter!("segue_refresh_runs_total", "result" => result).increment(1);
                wait = every;
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Refresher {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the refresh timer panicked");
        }
    }
}

fn run(command: &mut Command, stopped: &mpsc::Receiver<()>) -> &'static str {
    match command.spawn() {
        Ok(child) => wait(child, stopped),
        Err(error) => {
            tracing::error!(%error, "the refresh could not be started");
            "failed"
        }
    }
}

fn wait(mut child: Child, stopped: &mpsc::Receiver<()>) -> &'static str {
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return "succeeded",
            Ok(Some(status)) => {
                tracing::error!(%status, "the refresh failed; the generation before it stays served");
                return "failed";
            }
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "the refresh cannot be watched"),
        }
        if let Err(RecvTimeoutError::Disconnected) = stopped.recv_timeout(LOOK) {
            // Both fail only when it has ended; what it had not published is cleared by the next run.
            let _ = child.kill();
            let _ = child.wait();
            return "stopped";
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_that_is_running_ends_with_the_service() {
        let (stop, stopped) = mpsc::channel();
        drop(stop);
        assert_eq!(run(Command::new("sleep").arg("600"), &stopped), "stopped");
    }

    #[test]
    fn the_result_of_a_refresh_is_told_apart() {
        let (_stop, stopped) = mpsc::channel();
        assert_eq!(run(&mut Command::new("true"), &stopped), "succeeded");
        assert_eq!(run(&mut Command::new("false"), &stopped), "failed");
        assert_eq!(run(&mut Command::new("/does/not/exist"), &stopped), "failed");
    }
}
