//! A Chromium for the browser tests and benches.

use std::env;
use std::path::PathBuf;

use crate::paths::Paths;
use crate::shell;
use crate::steps::Step;
use crate::tools::debian;

/// The environment variable that names the user's own browser.
pub(crate) const VARIABLE: &str = "CHROME_PATH";

/// What installs the browser where nobody is root.
pub(crate) const INSTALL: &str = "sudo apt-get install -y --no-install-recommends chromium";

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A browser that is there already.
pub(crate) fn find() -> Option<PathBuf> {
    if let Some(own) = env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
        return Some(PathBuf::from(own));
    }
    let application = PathBuf::from("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome");
    let on_path = NAMES.iter().find_map(|name| shell::on_path(name));
    on_path.or_else(|| application.is_file().then_some(application))
}

/// A browser that is there, or one from the distribution when this is root on Debian or Ubuntu.
///
/// `None` means that what needs a browser has to be skipped; [`INSTALL`] is the line to show.
///
/// # Errors
/// When the distribution's installer fails.
pub(crate) fn ensure(paths: &Paths, step: &Step) -> anyhow::Result<Option<PathBuf>> {
    if let Some(browser) = find() {
        return Ok(Some(browser));
    }
    if !debian::can_install(paths) {
        return Ok(None);
    }
    debian::install(paths, step, "chromium")?;
    Ok(find())
}
