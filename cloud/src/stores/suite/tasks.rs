//! What every [`TaskRunner`] must do on a machine with a shell.

use std::path::Path;
use std::time::{Duration, Instant};

use super::super::{Outcome, Task, TaskRunner};

/// How long a task is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the suite; tasks leave their marks in `folder`, which is empty and which workers share with the test.
///
/// # Panics
/// When the runner breaks a promise of its contract.
pub fn check(tasks: &dyn TaskRunner, folder: &Path) {
    an_unknown_name_has_no_outcome(tasks);
    outcomes_are_told_apart(tasks);
    a_name_is_begun_once(tasks, folder);
    a_task_that_is_cancelled_ends(tasks);
    a_task_whose_worker_died_is_begun_again_and_one_that_failed_is_not(tasks, folder);
}

fn shell(script: &str) -> Task {
    Task::new("sh").with(["-c", script])
}

fn ended(tasks: &dyn TaskRunner, name: &str) -> Outcome {
    let begun = Instant::now();
    loop {
        match tasks.outcome(name).unwrap() {
            Some(Outcome::Running) => assert!(begun.elapsed() < PATIENCE, "{name} does not end"),
            outcome => return outcome.unwrap(),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A script that leaves another line in a file.
fn noting(file: &Path) -> String {
    format!("echo begun >> '{}'", file.display())
}

fn lines(file: &Path) -> usize {
    std::fs::read_to_string(file).unwrap().lines().count()
}

fn an_unknown_name_has_no_outcome(tasks: &dyn TaskRunner) {
    assert_eq!(tasks.outcome("nobody").unwrap(), None);
    tasks.cancel("nobody").unwrap();
}

fn outcomes_are_told_apart(tasks: &dyn TaskRunner) {
    tasks.submit("well", shell("exit 0")).unwrap();
    tasks.submit("ill", shell("exit 3")).unwrap();
    tasks.submit("nothing", Task::new("/does/not/exist")).unwrap();
    assert_eq!(ended(tasks, "well"), Outcome::Succeeded);
    assert!(matches!(ended(tasks, "ill"), Outcome::Failed(_)));
    assert!(matches!(ended(tasks, "nothing"), Outcome::Failed(why) if why.contains("/does/not/exist")));
}

fn a_name_is_begun_once(tasks: &dyn TaskRunner, folder: &Path) {
    let file = folder.join("once");
    for _ in 0..3 {
        tasks.submit("once", shell(&noting(&file))).unwrap();
        assert_eq!(ended(tasks, "once"), Outcome::Succeeded);
    }
    assert_eq!(lines(&file), 1);
}

fn a_task_that_is_cancelled_ends(tasks: &dyn TaskRunner) {
    tasks.submit("long", Task::new("sleep").with(["600"])).unwrap();
    assert_eq!(tasks.outcome("long").unwrap(), Some(Outcome::Running));
    tasks.cancel("long").unwrap();
    assert_eq!(ended(tasks, "long"), Outcome::Cancelled);
    tasks.cancel("well").unwrap();
    assert_eq!(ended(tasks, "well"), Outcome::Succeeded);
}

fn a_task_whose_worker_died_is_begun_again_and_one_that_failed_is_not(tasks: &dyn TaskRunner, folder: &Path) {
    let died = folder.join("died");
    let once_more = format!("{}; test $(wc -l < '{}') -ge 2 || kill -9 $$", noting(&died), died.display());
    tasks.submit("died", Task { retries: 2, ..shell(&once_more) }).unwrap();
    assert_eq!(ended(tasks, "died"), Outcome::Succeeded);
    assert_eq!(lines(&died), 2);
    let dies = folder.join("dies");
    let always = format!("{}; kill -9 $$", noting(&dies));
    tasks.submit("dies", Task { retries: 2, ..shell(&always) }).unwrap();
    assert!(matches!(ended(tasks, "dies"), Outcome::Failed(_)));
    assert_eq!(lines(&dies), 3);
    let failed = folder.join("failed");
    tasks.submit("failed", Task { retries: 2, ..shell(&format!("{}; exit 1", noting(&failed))) }).unwrap();
    assert!(matches!(ended(tasks, "failed"), Outcome::Failed(_)));
    assert_eq!(lines(&failed), 1);
}
