//! Does by itself what is due from time to time, beside the service: writing the training log, letting go of old events.
//!
//! Each time is a process of its own: it holds what the service shall not, such as the events of some fifty hours, and one that
//! fails or is killed never takes the service with it. What is killed is gone on with by the next one. Its input is a pipe
//! that ends with the service, however that does, by which it knows (`segue training-log --attended`). One that has to wait for
//! somebody else ends with the status [`LATER`], and is begun again soon; where that goes on for as long as from one time to the
//! next, a time that failed is counted.

use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::clock::now_ms;

/// How often a running process is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// The status of a process that somebody else kept from its work (EX_TEMPFAIL of sysexits).
pub(crate) const LATER: i32 = 75;

/// What is done from time to time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chore {
    /// What it is called in the service's log.
    pub(crate) name: &'static str,
    /// How often.
    pub(crate) every: Duration,
    /// How soon after a start of the service, which reads the log itself.
    pub(crate) start: Duration,
    /// How soon again where somebody else kept it from its work.
    pub(crate) soon: Duration,
    /// When it was done last, in milliseconds since 1970.
    pub(crate) last_ms: Option<i64>,
    /// Counts one more time, by what became of it: `succeeded`, `failed` (also one that was put off until the next was due) or
    /// `stopped`.
    pub(crate) count: fn(&'static str),
}

/// The thread that starts the processes and waits for them; dropping it ends one that is running.
#[derive(Debug)]
pub(crate) struct Keeper {
    /// Nothing is ever sent: it is dropped when the thread has to end.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Does the chore when it is due, by the process that `command` describes.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn start(
        chore: Chore,
        command: impl Fn() -> Command + Send + 'static,
    ) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let (mut wait, mut put_off) = (first_wait(&chore, now_ms()), Duration::ZERO);
        let thread = std::thread::Builder::new().name(chore.name.to_owned()).spawn(move || {
            while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                wait = next_wait(&chore, run(chore.name, command(), &stopped), &mut put_off);
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of a chore panicked");
        }
    }
}

/// What is left until the last run is as old as one becomes, however often the service is started again.
fn first_wait(chore: &Chore, now_ms: i64) -> Duration {
    let &Chore { every, start, last_ms, .. } = chore;
    // A run of the future was by a clock that was set back since.
    let age_ms =
        last_ms.map_or(u64::MAX, |last_ms| u64::try_from(now_ms.saturating_sub(last_ms)).unwrap_or(0));
    every.saturating_sub(Duration::from_millis(age_ms)).max(every.min(start))
}

/// Counts what `became` of one time, and says how long to wait for the next. What is `put_off` again and again would be told to
/// nobody, so each time that the work was due once more meanwhile counts as one that failed.
fn next_wait(chore: &Chore, became: Option<&'static str>, put_off: &mut Duration) -> Duration {
    let Some(became) = became else {
        if *put_off >= chore.every {
            tracing::error!(chore = chore.name, "somebody else kept it from its work until it was due again");
            (chore.count)("failed");
            *put_off = Duration::ZERO;
        }
        let soon = chore.soon.min(chore.every);
        *put_off += soon;
        return soon;
    };
    (chore.count)(became);
    *put_off = Duration::ZERO;
    chore.every
}

/// What became of it; none where somebody else kept it from its work.
fn run(name: &str, mut command: Command, stopped: &Receiver<()>) -> Option<&'static str> {
    match command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn() {
        Ok(child) => wait(name, child, stopped),
        Err(error) => {
            tracing::error!(%error, chore = name, "it could not be started");
            Some("failed")
        }
    }
}

fn wait(name: &str, mut child: Child, stopped: &Receiver<()>) -> Option<&'static str> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Some("succeeded"),
            Ok(Some(status)) if status.code() == Some(LATER) => {
                tracing::info!(chore = name, "somebody else is at what it works on; trying again soon");
                return None;
            }
            Ok(Some(status)) => {
                tracing::error!(%status, chore = name, "it failed; trying again later");
                return Some("failed");
            }
            Ok(None) => {}
            Err(error) => tracing::error!(%error, chore = name, "it cannot be watched"),
        }
        if stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Disconnected) {
            // Both fail only when it has ended; what is not finished is done by the next run.
            let _ = child.kill();
            let _ = child.wait();
            return Some("stopped");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};
    use std::time::Instant;

    use super::*;

    const START: Duration = Duration::from_secs(60);

    fn chore(every: Duration, last_ms: Option<i64>) -> Chore {
        Chore { name: "test", every, start: START, soon: every, last_ms, count: |_| {} }
    }

    fn ending_with(status: i32) -> Command {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("exit {status}"));
        command
    }

    #[test]
    fn it_runs_again_and_again_until_it_is_dropped() {
        let begun = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&begun);
        let command = move || {
            // One that fails is tried again like one that does not.
            let programs = ["true", "false", "/does/not/exist"];
            Command::new(programs[counted.fetch_add(1, Ordering::SeqCst) % programs.len()])
        };
        let keeper = Keeper::start(chore(Duration::from_millis(1), None), command).unwrap();
        let started = Instant::now();
        while begun.load(Ordering::SeqCst) < 7 {
            assert!(started.elapsed() < Duration::from_secs(60), "it does not run again");
            std::thread::sleep(Duration::from_millis(5));
        }
        drop(keeper);
        let ended = begun.load(Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(begun.load(Ordering::SeqCst), ended);
    }

    #[test]
    fn only_what_somebody_else_kept_from_its_work_neither_succeeded_nor_failed() {
        let (_stop, stopped) = channel();
        let became = [0, 1, LATER].map(|status| run("test", ending_with(status), &stopped));
        assert_eq!(became, [Some("succeeded"), Some("failed"), None]);
    }

    #[test]
    fn what_somebody_else_kept_from_its_work_is_begun_again_soon_and_not_counted() {
        static COUNTED: Mutex<Vec<&str>> = Mutex::new(Vec::new());
        let (begun, begins) = channel();
        let moment = Duration::from_millis(1);
        let hour = Duration::from_secs(3_600);
        let count = |became| COUNTED.lock().unwrap().push(became);
        let chore = Chore { start: moment, soon: moment, count, ..chore(hour, None) };
        let keeper = Keeper::start(chore, move || {
            begun.send(()).unwrap();
            ending_with(LATER)
        });
        for _ in 0..3 {
            begins.recv_timeout(Duration::from_secs(60)).expect("it is not begun again");
        }
        drop(keeper.unwrap());
        // The last one may have been stopped.
        assert_eq!(COUNTED.lock().unwrap().iter().find(|became| **became != "stopped"), None);
    }

    #[test]
    fn what_is_put_off_until_it_is_due_again_counts_as_failed_once_each_time() {
        static COUNTED: Mutex<Vec<&str>> = Mutex::new(Vec::new());
        let hour = Duration::from_secs(3_600);
        let count = |became| COUNTED.lock().unwrap().push(became);
        let chore = Chore { soon: hour / 4, count, ..chore(hour, None) };
        let mut put_off = Duration::ZERO;
        let mut counted = |became: Option<&'static str>, times: usize| {
            for _ in 0..times {
                let wanted = if became.is_some() { hour } else { hour / 4 };
                assert_eq!(next_wait(&chore, became, &mut put_off), wanted);
            }
            std::mem::take(&mut *COUNTED.lock().unwrap())
        };
        assert_eq!(counted(None, 4), [""; 0], "three quarters of an hour");
        assert_eq!(counted(None, 1), ["failed"], "an hour");
        assert_eq!(counted(None, 3), [""; 0]);
        assert_eq!(counted(None, 1), ["failed"], "two hours");
        assert_eq!(counted(None, 3), [""; 0]);
        assert_eq!(counted(Some("succeeded"), 1), ["succeeded"]);
        assert_eq!(counted(None, 4), [""; 0], "it begins anew");
        assert_eq!(counted(None, 1), ["failed"]);
    }

    #[test]
    fn what_is_running_ends_with_the_service() {
        let (begun, begins) = channel();
        let keeper = Keeper::start(chore(Duration::from_millis(1), None), move || {
            begun.send(()).unwrap();
            let mut command = Command::new("sleep");
            command.arg("600");
            command
        });
        begins.recv().unwrap();
        let stopped = Instant::now();
        drop(keeper.unwrap());
        assert!(stopped.elapsed() < Duration::from_secs(300), "it was waited for");
    }

    #[test]
    fn a_restart_puts_off_nothing_that_is_due_but_the_start_comes_first() {
        let hour = Duration::from_secs(3_600);
        let first_wait = |every, last_ms, now_ms| first_wait(&chore(every, last_ms), now_ms);
        assert_eq!(first_wait(hour, None, 5), START);
        assert_eq!(first_wait(hour, Some(0), 600_000), Duration::from_secs(3_000));
        assert_eq!(first_wait(hour, Some(0), 9_000_000), START);
        assert_eq!(first_wait(Duration::from_secs(1), None, 5), Duration::from_secs(1));
        // A clock that was set back.
        assert_eq!(first_wait(hour, Some(5_000), 0), hour);
    }
}
