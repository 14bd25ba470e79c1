//! One refresh or rollback.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Makes the next generation.
    Refresh,
    /// Publishes an earlier generation anew.
    Rollback,
}

impl Kind {
    /// The stable word for it, which is also the command's.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Refresh => "refresh",
            Self::Rollback => "rollback",
        }
    }
}

/// How far a job has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = JobStage)]
pub enum Stage {
    /// It is under way.
    Running,
    /// Its generation is published.
    Succeeded,
    /// Nothing was published; the service's log says why.
    Failed,
    /// The service ended before it did.
    Stopped,
}

impl Stage {
    /// The stable word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }
}

/// A refresh or rollback, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// Its name.
    pub job: String,
    /// What it does.
    pub kind: Kind,
    /// How far it has come.
    pub stage: Stage,
    /// When it was asked for or due, in milliseconds since 1970.
    pub asked_ms: i64,
    /// When it ended, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<i64>,
    /// The generation that a rollback was to go back to, where one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
    /// The generation in force when it had succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
}
