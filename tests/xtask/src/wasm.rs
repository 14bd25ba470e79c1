//! Builds the browser engine: WebAssembly, its JavaScript module, the npm package, the player.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::paths::Paths;
use crate::shell;
use crate::stamp;
use crate::steps::Step;
use crate::tools::{node_packages, rust_target};

/// The npm package, inside the checkout.
pub(crate) const PACKAGE: &str = "edge/browser/npm";

/// The player, inside the checkout.
pub(crate) const PLAYER: &str = "web-demo";

/// The packed npm package: what users install, and what the player installs.
const TARBALL: &str = "segue-browser-0.1.0.tgz";

/// The generated module's files.
const MODULE: &str = "segue_wasm";

/// What decides the module's bytes.
const MODULE_SOURCES: [&str; 10] = [
    "Cargo.lock",
    "Cargo.toml",
    ".cargo/config.toml",
    "rust-toolchain.toml",
    "core",
    "edge/browser/Cargo.toml",
    "edge/browser/build.rs",
    "edge/browser/src",
    "edge/browser/npm/package.json",
    "tests/bindgen",
];

/// The engine's build: which sources, and where its results are kept.
pub(crate) struct Build<'a> {
    paths: &'a Paths,
    /// The folder in the cache that holds the generated module.
    module: PathBuf,
    hash: String,
}

impl<'a> Build<'a> {
    /// Looks at the sources.
    ///
    /// # Errors
    /// When a source file cannot be read.
    pub(crate) fn new(paths: &'a Paths) -> anyhow::Result<Self> {
        let hash = stamp::sources_hash(paths, &MODULE_SOURCES)?;
        let module = paths.cache.join("wasm").join(&hash[..16]);
        Ok(Self { paths, module, hash })
    }

    /// Whether these sources have been built already.
    pub(crate) fn is_current(&self) -> bool {
        stamp::is_current(&self.module.join(".segue-built"), &self.hash)
    }

    /// Compiles the engine for WebAssembly.
    ///
    /// # Errors
    /// When the target cannot be installed or the compiler fails.
    pub(crate) fn compile(&self, step: &Step) -> anyhow::Result<()> {
        rust_target::ensure(self.paths, step, rust_target::WASM)?;
        // As a cdylib alone: with an rlib beside it, cargo leaves link-time optimisation out.
        let mut arguments =
            vec!["rustc", "--locked", "--package", "segue-wasm", "--lib", "--crate-type", "cdylib"];
        arguments.extend(["--profile", "wasm", "--target", rust_target::WASM]);
        shell::run(step, &mut shell::cargo(self.paths, arguments))?;
        Ok(())
    }

    /// Installs wasm-opt and the TypeScript compiler.
    ///
    /// # Errors
    /// When npm fails.
    pub(crate) fn install_tools(&self, step: &Step) -> anyhow::Result<()> {
        node_packages::ensure(self.paths, step, &self.paths.file(PACKAGE))
    }

    /// Builds the generator of JavaScript modules.
    ///
    /// # Errors
    /// When the compiler fails.
    pub(crate) fn build_generator(&self, step: &Step) -> anyhow::Result<()> {
        let arguments = ["build", "--locked", "--package", "segue-bindgen"];
        shell::run(step, &mut shell::cargo(self.paths, arguments))?;
        Ok(())
    }

    /// Turns the compiled engine into the module that ships, as small as it gets.
    ///
    /// # Errors
    /// When a tool fails.
    pub(crate) fn generate(&self, step: &Step) -> anyhow::Result<()> {
        let compiled = self.paths.target.join(rust_target::WASM).join("wasm").join(format!("{MODULE}.wasm"));
        fresh_folder(&self.module)?;
        let generator = self.paths.executable("debug", "segue-bindgen");
        let mut command = shell::program(self.paths, generator, [&compiled, &self.module]);
        shell::run(step, &mut command)?;
        self.place_module()?;
        let mut optimise = node_packages::npm(self.paths, &self.paths.file(PACKAGE), ["run", "optimise"]);
        shell::run(step, &mut optimise)?;
        let optimised = self.dist_module().join(format!("{MODULE}_bg.wasm"));
        copy(&optimised, &self.module.join(format!("{MODULE}_bg.wasm")))?;
        stamp::write(&self.module.join(".segue-built"), &self.hash)
    }

    /// Compiles the TypeScript front doors and packs the npm package, unless that has been done.
    ///
    /// # Errors
    /// When the module has not been generated or a tool fails.
    pub(crate) fn pack(&self, step: &Step) -> anyhow::Result<PathBuf> {
        let folder = self.paths.file(PACKAGE);
        let tarball = folder.join(TARBALL);
        let stamp_file = folder.join("node_modules/.segue-packed");
        let hash = stamp::text_hash(&(stamp::sources_hash(self.paths, &[PACKAGE])? + &self.hash));
        if tarball.is_file() && stamp::is_current(&stamp_file, &hash) {
            return Ok(tarball);
        }
        self.install_tools(step)?;
        fresh_folder(&folder.join("dist"))?;
        self.place_module()?;
        shell::run(step, &mut node_packages::npm(self.paths, &folder, ["run", "build"]))?;
        shell::run(step, &mut node_packages::npm(self.paths, &folder, ["pack"]))?;
        if !tarball.is_file() {
            bail!("npm pack made no {TARBALL}");
        }
        stamp::write(&stamp_file, &hash)?;
        Ok(tarball)
    }

    /// The optimised WebAssembly file.
    pub(crate) fn file(&self) -> PathBuf {
        self.module.join(format!("{MODULE}_bg.wasm"))
    }

    fn dist_module(&self) -> PathBuf {
        self.paths.file(PACKAGE).join("dist/wasm")
    }

    fn place_module(&self) -> anyhow::Result<()> {
        let destination = self.dist_module();
        fresh_folder(&destination)?;
        for entry in fs::read_dir(&self.module)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(MODULE) {
                copy(&entry.path(), &destination.join(entry.file_name()))?;
            }
        }
        Ok(())
    }
}

/// Builds the player from the packed npm package, unless that has been done; returns its folder.
///
/// # Errors
/// When npm or a build tool fails.
pub(crate) fn build_player(paths: &Paths, step: &Step, tarball: &Path) -> anyhow::Result<PathBuf> {
    let folder = paths.file(PLAYER);
    let output = folder.join("dist");
    let stamp_file = folder.join("node_modules/.segue-built");
    let hash = stamp::text_hash(&(stamp::sources_hash(paths, &[PLAYER])? + &stamp::file_hash(tarball)?));
    if output.join("index.html").is_file() && stamp::is_current(&stamp_file, &hash) {
        return Ok(output);
    }
    install_with_tarball(paths, step, &folder, tarball)?;
    shell::run(step, &mut node_packages::npm(paths, &folder, ["run", "build"]))?;
    stamp::write(&stamp_file, &hash)?;
    Ok(output)
}

/// `npm ci` in a folder whose lock file names the packed tarball, whose bytes no lock file can know.
///
/// # Errors
/// When npm fails.
pub(crate) fn install_with_tarball(
    paths: &Paths,
    step: &Step,
    folder: &Path,
    tarball: &Path,
) -> anyhow::Result<()> {
    let done = folder.join("node_modules/.segue-tarball");
    let hash = stamp::file_hash(tarball)?;
    if !stamp::is_current(&done, &hash) && folder.join("node_modules").exists() {
        let modules = folder.join("node_modules");
        fs::remove_dir_all(&modules).with_context(|| format!("cannot remove {}", modules.display()))?;
    }
    node_packages::ensure(paths, step, folder)?;
    stamp::write(&done, &hash)
}

/// Makes the folder, empty.
///
/// # Errors
/// When it cannot be made.
pub(crate) fn fresh_folder(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}

/// Copies a file.
///
/// # Errors
/// When it cannot be copied.
pub(crate) fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}
