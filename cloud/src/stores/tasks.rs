//! Commands that run beside the service.

use std::ffi::OsString;
use std::fmt::Debug;
use std::io;
use std::path::PathBuf;

/// A command line, and how often it may be begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// What to run.
    pub program: PathBuf,
    /// With what.
    pub arguments: Vec<OsString>,
    /// How often it is begun again when its worker dies under it. One that ends by itself and fails is not, since it would fail
    /// again, and neither is one that was asked to end.
    pub retries: u32,
}

impl Task {
    /// A program without arguments, begun once.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), arguments: Vec::new(), retries: 0 }
    }

    /// The same with more arguments.
    #[must_use]
    pub fn with(mut self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::<OsString>::into));
        self
    }
}

/// What became of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Not yet anything.
    Running,
    /// It ended with success.
    Succeeded,
    /// It ended without, or could not be begun; says why.
    Failed(String),
    /// It was cancelled.
    Cancelled,
}

/// Runs commands beside the service, each under a name of its own. They do their work on what they share with the service, so
/// that one may be begun again, or twice, without harm.
pub trait TaskRunner: Debug + Send + Sync {
    /// Begins a task; where one of this name is known nothing happens, so that whoever heard no answer asks again.
    ///
    /// # Errors
    /// It is not known whether the task was begun.
    fn submit(&self, name: &str, task: Task) -> io::Result<()>;

    /// How far the task of this name has come; none where it is not known (any more).
    ///
    /// # Errors
    /// The runner cannot be asked; the task may be running.
    fn outcome(&self, name: &str) -> io::Result<Option<Outcome>>;

    /// Ends a task that is running; nothing happens where it is not. What it had done by then stays.
    ///
    /// # Errors
    /// It may be running still.
    fn cancel(&self, name: &str) -> io::Result<()>;
}
