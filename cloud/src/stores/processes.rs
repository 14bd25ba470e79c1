//! Tasks as processes of this machine.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::signal::unix::SignalKind;

use super::{Outcome, Task, TaskRunner};

/// Tasks remembered; the oldest that ended go first.
const REMEMBERED: usize = 1_000;

/// Tasks as processes of this machine, which end with the service that began them.
#[derive(Debug, Default)]
pub struct Processes(Mutex<Vec<Process>>);

#[derive(Debug)]
struct Process {
    name: String,
    task: Task,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Running(Child),
    Ended(Outcome),
}

impl Process {
    fn outcome(&mut self) -> io::Result<Outcome> {
        let child = match &mut self.stage {
            Stage::Ended(outcome) => return Ok(outcome.clone()),
            Stage::Running(child) => child,
        };
        let Some(status) = child.try_wait()? else { return Ok(Outcome::Running) };
        if died(status) && self.task.retries > 0 {
            tracing::warn!(task = %self.name, %status, "the process of a task died; it is begun again");
            self.task.retries -= 1;
            self.stage = begin(&self.task);
            return self.outcome();
        }
        let outcome = ended(status);
        self.stage = Stage::Ended(outcome.clone());
        Ok(outcome)
    }

    fn end(&mut self) {
        self.task.retries = 0;
        // One that has ended by itself keeps its outcome.
        let _ = self.outcome();
        if let Stage::Running(child) = &mut self.stage {
            // Both fail only when it has ended.
            let _ = child.kill();
            let _ = child.wait();
            self.stage = Stage::Ended(Outcome::Cancelled);
        }
    }
}

impl Processes {
    fn known(&self) -> MutexGuard<'_, Vec<Process>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TaskRunner for Processes {
    fn submit(&self, name: &str, task: Task) -> io::Result<()> {
        let mut known = self.known();
        if known.iter().any(|process| process.name == name) {
            return Ok(());
        }
        if known.len() >= REMEMBERED
            && let Some(oldest) = known.iter().position(|process| matches!(process.stage, Stage::Ended(_)))
        {
            known.remove(oldest);
        }
        let stage = begin(&task);
        known.push(Process { name: name.to_owned(), task, stage });
        Ok(())
    }

    fn outcome(&self, name: &str) -> io::Result<Option<Outcome>> {
        let mut known = self.known();
        known.iter_mut().find(|process| process.name == name).map(Process::outcome).transpose()
    }

    fn cancel(&self, name: &str) -> io::Result<()> {
        if let Some(process) = self.known().iter_mut().find(|process| process.name == name) {
            process.end();
        }
        Ok(())
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.known().iter_mut().for_each(Process::end);
    }
}

fn begin(task: &Task) -> Stage {
    let mut command = Command::new(&task.program);
    command.args(&task.arguments).stdin(Stdio::null()).stdout(Stdio::null());
    match command.spawn() {
        Ok(child) => Stage::Running(child),
        Err(error) => Stage::Ended(Outcome::Failed(format!("{}: {error}", task.program.display()))),
    }
}

/// Whether a signal ended a process that nobody asked to end. Ctrl-C and a supervisor's stop reach the service's children with
/// it, often before the service comes to say that it is closing.
fn died(status: ExitStatus) -> bool {
    let asked = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()];
    status.signal().is_some_and(|signal| asked.iter().all(|kind| kind.as_raw_value() != signal))
}

fn ended(status: ExitStatus) -> Outcome {
    if status.success() { Outcome::Succeeded } else { Outcome::Failed(status.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_signal_that_asks_nobody_makes_a_process_one_that_died() {
        let of_signal = |kind: SignalKind| ExitStatus::from_raw(kind.as_raw_value());
        let asked =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()];
        assert!(asked.into_iter().all(|kind| !died(of_signal(kind))));
        // SIGKILL, which the system sends where memory is short, and a segmentation fault.
        assert!([9, 11].into_iter().all(|signal| died(ExitStatus::from_raw(signal))));
        // An exit with code 3.
        assert!(!died(ExitStatus::from_raw(3 << 8)));
    }
}
