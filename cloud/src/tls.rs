//! TLS by rustls, where the operator gives a certificate; without one the service stands behind something that has it.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What TLS connections are accepted by: TLS 1.2 and 1.3, HTTP/1.1 within.
///
/// # Errors
/// When a file cannot be read, holds no certificate or key, or the key is not the certificate's.
pub fn acceptor(certificate: &Path, key: &Path) -> anyhow::Result<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("cannot read the certificate in {}", certificate.display()))?;
    ensure!(!chain.is_empty(), "{} holds no certificate in PEM", certificate.display());
    let key = PrivateKeyDer::from_pem_file(key)
        .with_context(|| format!("cannot read the private key (PEM) in {}", key.display()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .with_context(|| format!("the certificate in {} cannot be used", certificate.display()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A file of `tls_samples`: `certificate.pem` is for `localhost` and belongs to `key.pem`.
    pub(crate) fn sample(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tls_samples").join(name)
    }

    #[test]
    fn files_that_do_not_fit_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let (none, empty) = (folder.path().join("none.pem"), folder.path().join("empty.pem"));
        std::fs::write(&empty, "").unwrap();
        let [certificate, key, other] = ["certificate.pem", "key.pem", "other-key.pem"].map(sample);
        acceptor(&certificate, &key).unwrap();
        for (certificate, key, named) in [
            (&none, &key, "none.pem"),
            (&empty, &key, "empty.pem"),
            (&certificate, &none, "none.pem"),
            (&certificate, &certificate, "private key"),
            (&certificate, &other, "cannot be used"),
        ] {
            let error =
                acceptor(certificate, key).err().map(|error| format!("{error:#}")).unwrap_or_default();
            assert!(error.contains(named), "{error}");
        }
    }
}
