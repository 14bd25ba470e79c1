//! ONNX Runtime's shared library, out of its registry wheel, with the hash pinned.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::paths::Paths;
use crate::shell;
use crate::stamp;
use crate::steps::Step;
use crate::tools::python;

/// The environment variable through which the `segue` command finds the library.
pub(crate) const VARIABLE: &str = "ORT_DYLIB_PATH";

const VERSION: &str = "1.31.1";

/// One wheel of the registry. The library in it does not depend on the Python version in its name.
struct Wheel {
    operating_system: &'static str,
    architecture: &'static str,
    platform: &'static str,
    sha256: &'static str,
    library: &'static str,
}

const WHEELS: [Wheel; 3] = [
    Wheel {
        operating_system: "linux",
        architecture: "x86_64",
        platform: "manylinux_2_28_x86_64",
        sha256: "1f3dea47f2f0e5117c2404cea7d21fd253ae7836a3bf167a501cdfbb2600d536",
        library: "libonnxruntime.so.1.31.1",
    },
    Wheel {
        operating_system: "linux",
        architecture: "aarch64",
        platform: "manylinux_2_28_aarch64",
        sha256: "0b9a492176886992e0e875f06bc0367e333f5fff11711a2d642e18b02f3009cc",
        library: "libonnxruntime.so.1.31.1",
    },
    Wheel {
        operating_system: "macos",
        architecture: "aarch64",
        platform: "macosx_14_0_arm64",
        sha256: "96dd2564b10ea7153ad9c207e7cd8e5917cb3ba521e0e0a62ac03486fdc8d56c",
        library: "libonnxruntime.1.31.1.dylib",
    },
];

/// The library's path: the user's own, the cached one, or one fetched now.
///
/// # Errors
/// When the platform has no pinned wheel, the download fails or its hash differs.
pub(crate) fn ensure(paths: &Paths, step: &Step) -> anyhow::Result<PathBuf> {
    if let Some(own) = env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
        return Ok(PathBuf::from(own));
    }
    let wheel = wheel_for(env::consts::OS, env::consts::ARCH)?;
    let folder = paths.cache.join("onnxruntime").join(VERSION);
    let library = folder.join(wheel.library);
    if stamp::is_current(&folder.join(".segue-wheel"), wheel.sha256) && library.is_file() {
        return Ok(library);
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let archive = download(paths, step, wheel, &folder)?;
    check(&archive, wheel)?;
    unpack(&archive, wheel, &library)?;
    fs::remove_file(&archive).with_context(|| format!("cannot remove {}", archive.display()))?;
    stamp::write(&folder.join(".segue-wheel"), wheel.sha256)?;
    Ok(library)
}

fn wheel_for(operating_system: &str, architecture: &str) -> anyhow::Result<&'static Wheel> {
    let mut wheels = WHEELS.iter();
    let found =
        wheels.find(|wheel| wheel.operating_system == operating_system && wheel.architecture == architecture);
    found.with_context(|| {
        format!(
            "no ONNX Runtime wheel is pinned for {operating_system} on {architecture}: install ONNX Runtime \
             {VERSION} yourself and set {VARIABLE} to its shared library"
        )
    })
}

fn download(paths: &Paths, step: &Step, wheel: &Wheel, folder: &Path) -> anyhow::Result<PathBuf> {
    let python = python::plain(paths, step)?;
    let mut command = shell::program(paths, python, ["-m", "pip", "download", "--no-deps"]);
    command.args(["--only-binary=:all:", "--progress-bar", "off", "--implementation", "cp"]);
    command.args(["--python-version", "3.12", "--abi", "cp312", "--platform", wheel.platform]);
    command.arg("--dest").arg(folder).arg(format!("onnxruntime=={VERSION}"));
    shell::run(step, &mut command)?;
    Ok(folder.join(format!("onnxruntime-{VERSION}-cp312-cp312-{}.whl", wheel.platform)))
}

fn check(archive: &Path, wheel: &Wheel) -> anyhow::Result<()> {
    let hash = stamp::file_hash(archive)?;
    if hash == wheel.sha256 {
        return Ok(());
    }
    // A damaged file must not be found again by the next run.
    fs::remove_file(archive).with_context(|| format!("cannot remove {}", archive.display()))?;
    bail!("{} has the SHA-256 {hash}, expected {}", archive.display(), wheel.sha256)
}

fn unpack(archive: &Path, wheel: &Wheel, library: &Path) -> anyhow::Result<()> {
    let name = format!("onnxruntime/capi/{}", wheel.library);
    let file = File::open(archive).with_context(|| format!("cannot read {}", archive.display()))?;
    let mut zip = zip::ZipArchive::new(file).context("the wheel is not a zip archive")?;
    let mut entry = zip.by_name(&name).with_context(|| format!("the wheel holds no {name}"))?;
    let partial = library.with_extension("partial");
    let mut output = File::create(&partial).with_context(|| format!("cannot write {}", partial.display()))?;
    std::io::copy(&mut entry, &mut output).with_context(|| format!("cannot unpack {name}"))?;
    output.sync_all()?;
    fs::rename(&partial, library).with_context(|| format!("cannot write {}", library.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_platform_has_its_own_wheel() {
        let wheel = wheel_for("linux", "aarch64").expect("it is pinned");
        assert_eq!(wheel.platform, "manylinux_2_28_aarch64");
    }

    #[test]
    fn an_unknown_platform_is_told_what_to_do() {
        let error = wheel_for("plan9", "mips").map(|wheel| wheel.platform).unwrap_err();
        assert!(error.to_string().contains(VARIABLE));
    }

    #[test]
    fn a_damaged_download_is_refused_and_removed() {
        let file = env::temp_dir().join(format!("segue-damaged-{}.whl", std::process::id()));
        fs::write(&file, b"not a wheel").expect("the temporary folder is writable");
        assert!(check(&file, &WHEELS[0]).is_err());
        assert!(!file.exists());
    }
}
