//! What every implementation of a store's trait must do, as one suite per trait. Each function gets something that opens the
//! same store again and again, as after a restart; it is empty at first.

mod key_value;
mod log;
mod objects;
mod tasks;

pub use key_value::check as key_value;
pub use log::check as log;
pub use objects::check as objects;
pub use tasks::check as tasks;
