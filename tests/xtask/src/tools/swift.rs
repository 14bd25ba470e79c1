//! A Swift toolchain: this machine's own, or one in a folder with the next release of the distribution, which has one.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::paths::Paths;
use crate::shell;
use crate::stamp;
use crate::steps::Step;
use crate::tools::debian;

/// The release that has a toolchain, and what is installed of it.
const RELEASE: &str = "trixie";
const PACKAGES: [&str; 3] = ["swiftlang", "libc6-dev", "libstdc++-14-dev"];

/// The work folder as programs inside of the release's folder see it.
pub(crate) const INSIDE: &str = "/segue";

/// What to do where neither is possible.
pub(crate) const INSTALL: &str =
    "install Swift 6 from https://www.swift.org/install, or run as root on Debian";

/// Where `swift` runs.
#[derive(Debug)]
pub(crate) enum Swift {
    /// On this machine.
    Here,
    /// Inside of a folder, by `chroot`.
    Inside(PathBuf),
}

impl Swift {
    /// One that is there, or is installed now; `None` where that is not possible.
    ///
    /// # Errors
    /// When the distribution's installer fails.
    pub(crate) fn ensure(paths: &Paths, step: &Step) -> anyhow::Result<Option<Self>> {
        if shell::on_path("swift").is_some() {
            return Ok(Some(Self::Here));
        }
        if !debian::can_install(paths) || !Path::new("/etc/debian_version").is_file() {
            return Ok(None);
        }
        let root = paths.cache.join("swift").join(RELEASE);
        let done = root.join(".segue-installed");
        let wanted = PACKAGES.join(" ");
        if !stamp::is_current(&done, &wanted) {
            install(paths, step, &root)?;
            stamp::write(&done, &wanted)?;
        }
        // Without it the compiler does not find its own libraries. Some containers refuse to mount.
        let mount = |arguments: &[&str]| {
            shell::answer(shell::program(paths, "mount", arguments).arg(root.join("proc")))
        };
        let has_processes = root.join("proc/self").exists() || mount(&["-t", "proc", "proc"]).is_some();
        Ok(has_processes.then_some(Self::Inside(root)))
    }

    /// The folder that its programs see as [`INSIDE`], or any folder where it runs here.
    pub(crate) fn work(&self, paths: &Paths) -> PathBuf {
        match self {
            Self::Here => paths.cache.join("mobile/swift"),
            Self::Inside(root) => root.join(INSIDE.trim_start_matches('/')),
        }
    }

    /// `swift ARGUMENTS` in a folder below the work folder; its programs know the work folder by the name that is
    /// handed to `arguments`.
    pub(crate) fn command(
        &self,
        paths: &Paths,
        below: &str,
        arguments: impl Fn(&str) -> Vec<String>,
    ) -> Command {
        match self {
            Self::Here => {
                let work = self.work(paths);
                let mut command = shell::program(paths, "swift", arguments(&work.to_string_lossy()));
                command.current_dir(work.join(below));
                command
            }
            Self::Inside(root) => {
                let mut command = shell::program(paths, "chroot", [root]);
                command.args(["env", "-C", &format!("{INSIDE}/{below}"), "swift"]);
                command.args(arguments(INSIDE));
                command
            }
        }
    }
}

fn install(paths: &Paths, step: &Step, root: &Path) -> anyhow::Result<()> {
    if shell::on_path("debootstrap").is_none() {
        debian::install(paths, step, "debootstrap")?;
    }
    let _ = std::fs::remove_dir_all(root);
    std::fs::create_dir_all(root).with_context(|| format!("cannot make {}", root.display()))?;
    let mut base = shell::program(paths, "debootstrap", ["--variant=minbase", RELEASE]);
    shell::run(step, base.arg(root))?;
    let mut packages = shell::program(paths, "chroot", [root]);
    packages.args(["apt-get", "install", "-y", "--no-install-recommends"]).args(PACKAGES);
    shell::run(step, packages.env("DEBIAN_FRONTEND", "noninteractive"))?;
    Ok(())
}
