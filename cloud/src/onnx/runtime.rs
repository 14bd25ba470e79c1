//! The library, and sessions on models.

use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::{Context, bail, ensure};
use ort::environment::Environment;
use ort::ep::{ArenaExtendStrategy, CUDA, ExecutionProvider as _};
use ort::session::Session;

use super::card::{self, Precision};
use super::halves::with_half_products;

/// The variable that names ONNX Runtime's shared library.
pub const LIBRARY: &str = "ORT_DYLIB_PATH";
/// Weights in 8 bits become f32 once, when a session is made, as in the core. Left to itself ONNX Runtime keeps them and looks
/// for kernels that read them, which are others from version to version.
const WHOLE_WEIGHTS: &str = "session.disable_quant_qdq";
/// The smallest graph there is, `y = Identity(x)` (opset 13): tells whether a card works.
const IDENTITY: &[u8] = b"\x08\x08\x3a\x33\x0a\x10\x0a\x01x\x12\x01y\x22\x08Identity\x12\x01g\
    \x5a\x0d\x0a\x01x\x12\x08\x0a\x06\x08\x01\x12\x02\x0a\x00\x62\x0d\x0a\x01y\x12\x08\x0a\x06\x08\x01\x12\x02\x0a\x00\
    \x42\x04\x0a\x00\x10\x0d";
const REMEDY: &str = "`cargo xtask demo` fetches it; otherwise take libonnxruntime.so out of the PyPI wheel `onnxruntime` and name it there";

/// ONNX Runtime, loaded once.
///
/// # Errors
/// When the library is not named, missing or of another version; the message says what to do.
pub fn runtime() -> anyhow::Result<&'static Environment> {
    static RUNTIME: OnceLock<Result<Environment, String>> = OnceLock::new();
    let loaded = RUNTIME.get_or_init(|| load().map_err(|error| format!("{error:#}")));
    match loaded {
        Ok(environment) => Ok(environment),
        Err(message) => bail!("{message}"),
    }
}

fn load() -> anyhow::Result<Environment> {
    let path = std::env::var_os(LIBRARY)
        .with_context(|| format!("{LIBRARY} does not name ONNX Runtime's library: {REMEDY}"))?;
    let path = Path::new(&path);
    ensure!(path.is_file(), "{LIBRARY} names {}, which is no file: {REMEDY}", path.display());
    let builder = ort::init_from(path)
        .with_context(|| format!("cannot load ONNX Runtime from {}: {REMEDY}", path.display()))?;
    builder.build().context("ONNX Runtime does not start")
}

/// What computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// The processor.
    Cpu,
    /// An NVIDIA card, through ONNX Runtime's CUDA execution provider. Products of 32 bits are so in full, not TF32.
    Cuda,
}

impl Provider {
    /// As reports name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        }
    }
}

/// What computes, and of what its products of matrices are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    /// What computes.
    pub provider: Provider,
    /// Of what products are made; a processor can be told so too, for tests of what cards do.
    pub precision: Precision,
}

impl Device {
    /// The processor, in 32 bits: what is there always, and can do everything.
    pub const PROCESSOR: Self = Self { provider: Provider::Cpu, precision: Precision::Single };

    /// What towers, the refresh's ranker and exact search run on.
    #[must_use]
    pub fn in_force() -> Self {
        #[cfg(test)]
        if let Some(device) = FORCED.get() {
            return device;
        }
        match provider() {
            Provider::Cpu => Self::PROCESSOR,
            Provider::Cuda => Self { provider: Provider::Cuda, precision: card::in_force().precision },
        }
    }

    /// What takes over what this one cannot do: itself in 32 bits, then the processor; none from the processor.
    pub(crate) fn instead(self) -> Option<Self> {
        match self {
            Self::PROCESSOR => None,
            Self { provider, precision: Precision::Half } => {
                Some(Self { provider, precision: Precision::Single })
            }
            Self { precision: Precision::Single, .. } => Some(Self::PROCESSOR),
        }
    }

    /// What `open` makes of `what` on this device, or on the first of those that take over.
    ///
    /// # Errors
    /// What `open` says on the last of them.
    pub(crate) fn open<T>(self, what: &str, open: impl Fn(Self) -> anyhow::Result<T>) -> anyhow::Result<T> {
        match (open(self), self.instead()) {
            (Err(error), Some(instead)) => {
                self.hand_over(what, instead, &error);
                instead.open(what, open)
            }
            (answer, _) => answer,
        }
    }

    /// Says that another device does `what` from now on.
    pub(crate) fn hand_over(self, what: &str, instead: Self, why: &anyhow::Error) {
        let remark = format!("the {what} went from {self} to {instead}: {why:#}");
        tracing::warn!("{remark}");
        let mut remarks = REMARKS.lock().unwrap_or_else(PoisonError::into_inner);
        if !remarks.contains(&remark) {
            remarks.push(remark);
        }
    }

    /// Has `work` find this device in force, in the same thread.
    #[cfg(test)]
    pub(crate) fn forced<T>(self, work: impl FnOnce() -> T) -> T {
        struct Free;
        impl Drop for Free {
            fn drop(&mut self) {
                FORCED.set(None);
            }
        }
        let _free = Free;
        FORCED.set(Some(self));
        work()
    }
}

#[cfg(test)]
thread_local! {
    static FORCED: std::cell::Cell<Option<Device>> = const { std::cell::Cell::new(None) };
}

static REMARKS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// What this process handed over to another device so far, in words.
pub(crate) fn remarks() -> Vec<String> {
    REMARKS.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

impl std::fmt::Display for Device {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bits = match self.precision {
            Precision::Half => 16,
            Precision::Single => 32,
        };
        write!(formatter, "{} in {bits} bits", self.provider.name())
    }
}

/// A card, where ONNX Runtime's library is one for cards and the card works; tried once.
pub fn provider() -> Provider {
    static PROVIDER: OnceLock<Provider> = OnceLock::new();
    *PROVIDER.get_or_init(|| match try_cuda() {
        Ok(true) => Provider::Cuda,
        Ok(false) => Provider::Cpu,
        Err(error) => {
            tracing::warn!(
                "ONNX Runtime is one for CUDA, which does not work here; the processor does it: {error:#}"
            );
            Provider::Cpu
        }
    })
}

/// Whether a graph can be opened on a card; false where the library knows of none, or there is no library.
fn try_cuda() -> anyhow::Result<bool> {
    if std::env::var_os(LIBRARY).is_none() || runtime().is_err() || !CUDA::is_available()? {
        return Ok(false);
    }
    plain(IDENTITY, 1, Provider::Cuda).map(|_| true)
}

/// A session on a model's bytes, on the processor; `threads` 0 leaves the number to ONNX Runtime.
///
/// # Errors
/// When the runtime cannot be loaded or refuses the model.
pub fn session(model: &[u8], threads: usize) -> anyhow::Result<Session> {
    plain(model, threads, Provider::Cpu)
}

/// As [`session`] on `device`.
///
/// # Errors
/// As [`session`], when the card does not work or has no room, and for a model that cannot have products of 16 bits.
pub(crate) fn session_on(model: &[u8], threads: usize, device: Device) -> anyhow::Result<Session> {
    match device.precision {
        Precision::Single => plain(model, threads, device.provider),
        Precision::Half => plain(&with_half_products(model)?, threads, device.provider),
    }
}

/// A session on a graph as it is.
pub(crate) fn plain(graph: &[u8], threads: usize, provider: Provider) -> anyhow::Result<Session> {
    let builder = Session::builder(runtime()?).context("ONNX Runtime makes no session")?;
    let builder = builder.with_intra_threads(threads).map_err(|error| anyhow::anyhow!("{error}"))?;
    let mut builder =
        builder.with_config_entry(WHOLE_WEIGHTS, "1").map_err(|error| anyhow::anyhow!("{error}"))?;
    if provider == Provider::Cuda {
        // Runs have other numbers of rows each time: plans of memory for each of them, and blocks twice as large, would stay.
        builder = builder.with_memory_pattern(false).map_err(|error| anyhow::anyhow!("{error}"))?;
        let cuda = CUDA::default()
            .with_tf32(false)
            .with_arena_extend_strategy(ArenaExtendStrategy::SameAsRequested)
            .build()
            .error_on_failure();
        builder = builder.with_execution_providers([cuda]).map_err(|error| anyhow::anyhow!("{error}"))?;
    }
    builder.commit_from_memory(graph).context("ONNX Runtime refuses the model")
}

#[cfg(test)]
mod tests {
    use ort::value::Tensor;

    use super::*;

    #[test]
    fn what_a_device_cannot_open_the_next_one_does_and_it_is_remarked() {
        let card = Device { provider: Provider::Cuda, precision: Precision::Half };
        let tried = std::cell::RefCell::new(Vec::new());
        let open = |device: Device| {
            tried.borrow_mut().push(device.to_string());
            if device == Device::PROCESSOR { Ok(7) } else { bail!("no room for this test") }
        };
        assert_eq!(card.open("sum", open).unwrap(), 7);
        assert_eq!(*tried.borrow(), ["cuda in 16 bits", "cuda in 32 bits", "cpu in 32 bits"]);
        let said = "the sum went from cuda in 32 bits to cpu in 32 bits: no room for this test";
        assert!(remarks().iter().any(|remark| remark == said), "{:?}", remarks());
        let refused = card.open("sum", |device| -> anyhow::Result<()> { bail!("{device} refuses") });
        assert_eq!(refused.unwrap_err().to_string(), "cpu in 32 bits refuses");
    }

    #[test]
    fn the_smallest_graph_is_one_and_runs_on_what_is_there() {
        if std::env::var_os(LIBRARY).is_none() {
            assert_eq!(provider(), Provider::Cpu);
            return crate::skipped::note("no ONNX Runtime is named", "cargo xtask test");
        }
        let mut session = plain(IDENTITY, 1, provider()).unwrap();
        let values = Tensor::from_array(([2_usize], vec![3.0_f32, 4.0])).unwrap();
        let outputs = session.run(ort::inputs!["x" => values]).unwrap();
        assert_eq!(outputs["y"].try_extract_tensor::<f32>().unwrap().1, [3.0, 4.0]);
    }
}
