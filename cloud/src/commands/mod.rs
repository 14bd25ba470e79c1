//! One file per subcommand of `segue`: arguments, the call, what is printed.

mod attended;
pub mod backup;
pub mod config;
pub mod counters;
pub mod dead_letters;
pub mod doctor;
pub mod evaluate;
pub mod expire_events;
pub mod features;
pub mod generate;
pub mod import;
pub mod keys;
pub mod mend_log;
pub mod model;
pub mod policy;
pub mod refresh;
pub mod restore;
pub mod rollback;
pub mod serve;
pub mod settings;
pub mod status;
pub mod train;
pub mod training_log;
