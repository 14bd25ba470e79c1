//! What a process does that the service began and that must not outlive it.

use anyhow::Context as _;

use crate::keeper::LATER;

/// How much less a processor is for it than for the service (nice).
const NICE: i32 = 10;

/// Ends this process with the service that began it, however that ends: nothing ever comes from there but the end.
///
/// # Errors
/// When the thread that waits for the end cannot be started.
pub(super) fn attend() -> anyhow::Result<()> {
    // Where this is refused, the processors are shared as usual.
    let _ = rustix::process::nice(NICE);
    let thread = std::thread::Builder::new().name("service".to_owned()).spawn(wait_for_the_end);
    thread.map(drop).context("starting the thread that waits for the service's end")
}

/// Ends this process, which somebody else keeps from its work, so that the service begins it again soon.
pub(super) fn give_way() -> ! {
    std::process::exit(LATER)
}

fn wait_for_the_end() {
    // An input that cannot be read has ended.
    let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
    std::process::exit(1);
}
