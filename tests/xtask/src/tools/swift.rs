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

/// Says inside of the release's folder what was installed.
const INSTALLED: &str = ".segue-installed";

/// The work folder as programs inside of the release's folder see it.
const INSIDE: &str = "/segue";

/// What to do where neither is possible.
pub(crate) const INSTALL: &str =
    "install Swift 6 from https://www.swift.org/install, or run as root on Debian";

/// Where `swift` runs.
#[derive(Debug)]
pub(crate) enum Swift {
    /// On this machine.
    Here,
    /// Inside of a folder with a system of its own.
    Inside(PathBuf),
}

impl Swift {
    /// Whether this machine has one of its own.
    pub(crate) fn is_here() -> bool {
        shell::on_path("swift").is_some()
    }

    /// One that is there, without installing anything.
    pub(crate) fn find(paths: &Paths) -> Option<Self> {
        if Self::is_here() {
            return Some(Self::Here);
        }
        let root = root(paths);
        let works = is_installed(&root) && shell::answer(inside(paths, &root, "/").arg("true")).is_some();
        works.then_some(Self::Inside(root))
    }

    /// One that is there, or is installed now; `None` where that is not possible.
    ///
    /// # Errors
    /// When the distribution's installer fails.
    pub(crate) fn ensure(paths: &Paths, step: &Step) -> anyhow::Result<Option<Self>> {
        let found = Self::find(paths);
        if found.is_some() || !debian::can_install(paths) || !Path::new("/etc/debian_version").is_file() {
            return Ok(found);
        }
        let root = root(paths);
        if !is_installed(&root) {
            install(paths, step, &root)?;
            stamp::write(&root.join(INSTALLED), &PACKAGES.join(" "))?;
        }
        Ok(Self::find(paths))
    }

    /// The folder that its programs work in.
    pub(crate) fn work(&self, paths: &Paths) -> PathBuf {
        match self {
            Self::Here => paths.cache.join("mobile/swift"),
            Self::Inside(root) => root.join(INSIDE.trim_start_matches('/')),
        }
    }

    /// The name that its programs know the work folder by.
    pub(crate) fn work_inside(&self, paths: &Paths) -> PathBuf {
        match self {
            Self::Here => self.work(paths),
            Self::Inside(_) => INSIDE.into(),
        }
    }

    /// `swift` in a folder below the work folder.
    pub(crate) fn command(&self, paths: &Paths, below: &str) -> Command {
        match self {
            Self::Here => {
                let mut command = shell::program(paths, "swift", [""; 0]);
                command.current_dir(self.work(paths).join(below));
                command
            }
            Self::Inside(root) => {
                let mut command = inside(paths, root, &format!("{INSIDE}/{below}"));
                command.arg("swift");
                command
            }
        }
    }
}

fn root(paths: &Paths) -> PathBuf {
    paths.cache.join("swift").join(RELEASE)
}

fn is_installed(root: &Path) -> bool {
    stamp::is_current(&root.join(INSTALLED), &PACKAGES.join(" "))
}

/// A program in `folder` of the release. Without `/proc` the compiler does not find its own libraries; it is mounted for
/// this program alone, which some containers refuse.
fn inside(paths: &Paths, root: &Path, folder: &str) -> Command {
    let mut command = shell::program(paths, "unshare", ["--mount-proc"]);
    command.arg(format!("--root={}", root.display())).arg(format!("--wd={folder}"));
    command
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
    let mut clean = shell::program(paths, "chroot", [root]);
    shell::run(step, clean.args(["apt-get", "clean"])).map(drop)
}
