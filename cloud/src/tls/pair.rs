//! The service's certificate with its key: read again when their files change, as whoever renews certificates replaces files.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};
use tokio::time::MissedTickBehavior;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

/// What new connections are shown, and the files that it comes from.
#[derive(Debug)]
pub struct Pair {
    certificate: PathBuf,
    key: PathBuf,
    /// What the files held at the last look; nothing where one could not be read.
    seen: Mutex<Option<[[u8; 32]; 2]>>,
    shown: RwLock<Arc<CertifiedKey>>,
}

impl Pair {
    /// Reads both files for the first time.
    ///
    /// # Errors
    /// When a file cannot be read, holds no certificate or key, or the key is not the certificate's.
    pub fn open(certificate: &Path, key: &Path) -> anyhow::Result<Arc<Self>> {
        let contents = contents(certificate, key)?;
        let seen = Mutex::new(Some(digests(&contents)));
        let shown = RwLock::new(Arc::new(pair(&contents, certificate, key)?));
        Ok(Arc::new(Self { certificate: certificate.to_owned(), key: key.to_owned(), seen, shown }))
    }

    /// Whether the files hold something else than at the last look, which is shown from now on.
    ///
    /// # Errors
    /// When that cannot be used, as it is written by halves or key and certificate are not each other's: what was shown before
    /// stays. Told once, until the files change again.
    pub fn look(&self) -> anyhow::Result<bool> {
        let contents = contents(&self.certificate, &self.key);
        let found = contents.as_ref().ok().map(digests);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == found {
            return Ok(false);
        }
        *seen = found;
        let pair = pair(&contents?, &self.certificate, &self.key)?;
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pair);
        Ok(true)
    }
}

impl ResolvesServerCert for Pair {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Looks at the files again and again, and says in the log what came of it.
pub async fn keep_looking(pair: Arc<Pair>, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let pair = Arc::clone(&pair);
        match tokio::task::spawn_blocking(move || pair.look()).await {
            Ok(Ok(false)) => {}
            Ok(Ok(true)) => {
                tracing::info!("the files of the certificate changed; new connections are shown it")
            }
            Ok(Err(error)) => {
                tracing::warn!(
                    "the files of the certificate changed; the one before stays in force: {error:#}"
                );
            }
            Err(error) => tracing::error!(%error, "looking for a renewed certificate failed"),
        }
    }
}

/// What both files hold. They are read once a look: read again to be shown, they might not be there for a moment, and what was
/// never shown would count as seen.
fn contents(certificate: &Path, key: &Path) -> anyhow::Result<[Vec<u8>; 2]> {
    let certificate = super::content(certificate)?;
    let key = std::fs::read(key).with_context(|| unreadable(key))?;
    Ok([certificate, key])
}

fn unreadable(key: &Path) -> String {
    format!("cannot read the private key (PEM) in {}", key.display())
}

/// What tells one content of the files from another. Their times do not: a file put back is older.
fn digests(contents: &[Vec<u8>; 2]) -> [[u8; 32]; 2] {
    contents.each_ref().map(|content| Sha256::digest(content).into())
}

/// What the contents of the files are good for; their paths are named where that is nothing.
fn pair([chain, pem]: &[Vec<u8>; 2], certificate: &Path, key: &Path) -> anyhow::Result<CertifiedKey> {
    let chain = super::chain(chain, certificate)?;
    let key = PrivateKeyDer::from_pem_slice(pem).with_context(|| unreadable(key))?;
    CertifiedKey::from_der(chain, key, &default_provider())
        .with_context(|| format!("the certificate in {} cannot be used", certificate.display()))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;
    use tokio_rustls::rustls::pki_types::ServerName;
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    use super::*;
    use crate::tls::tests::sample;
    use crate::tls::{acceptor, client};

    #[test]
    fn files_that_do_not_fit_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let (none, empty) = (folder.path().join("none.pem"), folder.path().join("empty.pem"));
        std::fs::write(&empty, "").unwrap();
        let [certificate, key, other] = ["certificate.pem", "key.pem", "other-key.pem"].map(sample);
        Pair::open(&certificate, &key).unwrap();
        for (certificate, key, named) in [
            (&none, &key, "none.pem"),
            (&empty, &key, "empty.pem"),
            (&certificate, &none, "none.pem"),
            (&certificate, &certificate, "private key"),
            (&certificate, &other, "cannot be used"),
        ] {
            let error =
                Pair::open(certificate, key).err().map(|error| format!("{error:#}")).unwrap_or_default();
            assert!(error.contains(named), "{error}");
        }
    }

    /// A folder with the first pair of the samples, and how connections are accepted by it.
    fn opened() -> (TempDir, Arc<Pair>, TlsAcceptor) {
        let folder = tempfile::tempdir().unwrap();
        put(&folder, "certificate.pem", "certificate.pem");
        put(&folder, "key.pem", "key.pem");
        let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| folder.path().join(name));
        let pair = Pair::open(&certificate, &key).unwrap();
        let acceptor = acceptor(Arc::clone(&pair)).unwrap();
        (folder, pair, acceptor)
    }

    /// Replaces a file as tools do that renew certificates.
    fn put(folder: &TempDir, name: &str, by: &str) {
        let beside = folder.path().join("beside");
        std::fs::copy(sample(by), &beside).unwrap();
        std::fs::rename(beside, folder.path().join(name)).unwrap();
    }

    /// Whether a handshake ends well for one who believes this certificate of the samples alone.
    async fn shows(acceptor: &TlsAcceptor, certificate: &str) -> bool {
        let (near, far) = tokio::io::duplex(1 << 16);
        let connector = TlsConnector::from(Arc::new(client(&sample(certificate)).unwrap()));
        let name = ServerName::try_from("localhost").unwrap();
        let (accepted, connected) = tokio::join!(acceptor.accept(far), connector.connect(name, near));
        accepted.is_ok() && connected.is_ok()
    }

    #[tokio::test]
    async fn a_renewed_pair_is_shown_from_the_next_look_on() {
        let (folder, pair, acceptor) = opened();
        assert!(shows(&acceptor, "certificate.pem").await);
        assert!(!shows(&acceptor, "other-certificate.pem").await);
        assert!(!pair.look().unwrap(), "nothing has changed");
        put(&folder, "certificate.pem", "other-certificate.pem");
        put(&folder, "key.pem", "other-key.pem");
        assert!(pair.look().unwrap());
        assert!(shows(&acceptor, "other-certificate.pem").await);
        assert!(!shows(&acceptor, "certificate.pem").await);
    }

    /// Replaces the key by one that can be read once alone, while what is returned lives.
    #[cfg(target_os = "linux")]
    fn pipe(folder: &TempDir, by: &str) -> std::io::PipeReader {
        use std::io::Write as _;
        use std::os::fd::AsRawFd as _;

        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(&std::fs::read(sample(by)).unwrap()).unwrap();
        let beside = folder.path().join("beside");
        std::os::unix::fs::symlink(format!("/proc/self/fd/{}", reader.as_raw_fd()), &beside).unwrap();
        std::fs::rename(beside, folder.path().join("key.pem")).unwrap();
        reader
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn what_counts_as_seen_is_what_was_read_to_be_shown() {
        let (folder, pair, acceptor) = opened();
        put(&folder, "certificate.pem", "other-certificate.pem");
        let _held = pipe(&folder, "other-key.pem");
        assert!(pair.look().unwrap());
        assert!(shows(&acceptor, "other-certificate.pem").await);
        let _held = pipe(&folder, "other-key.pem");
        let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| folder.path().join(name));
        Pair::open(&certificate, &key).unwrap();
    }

    #[tokio::test]
    async fn a_pair_that_cannot_be_used_is_told_once_and_leaves_the_one_in_force() {
        let (folder, pair, acceptor) = opened();
        let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| folder.path().join(name));
        let whole = std::fs::read(sample("other-certificate.pem")).unwrap();
        let steps: [(&str, &dyn Fn()); 4] = [
            ("cannot read the certificate", &|| {
                std::fs::write(&certificate, &whole[..whole.len() / 2]).unwrap();
            }),
            ("cannot be used", &|| std::fs::write(&certificate, &whole).unwrap()),
            ("cannot read the private key", &|| std::fs::write(&key, "").unwrap()),
            ("cannot read the private key", &|| std::fs::remove_file(&key).unwrap()),
        ];
        for (named, change) in steps {
            change();
            let error = format!("{:#}", pair.look().unwrap_err());
            assert!(error.contains(named), "{error}");
            assert!(!pair.look().unwrap(), "{named} is told again");
            assert!(shows(&acceptor, "certificate.pem").await, "{named}");
        }
        put(&folder, "key.pem", "other-key.pem");
        assert!(pair.look().unwrap());
        assert!(shows(&acceptor, "other-certificate.pem").await);
    }
}
