//! TLS by rustls, where the operator gives a certificate; without one the service stands behind something that has it.

mod pair;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, ServerConfig,
    SignatureScheme,
};

pub use pair::{Pair, keep_looking};

/// What TLS connections are accepted by: TLS 1.2 and 1.3, HTTP/1.1 within, each shown `pair` as it is when it comes.
///
/// # Errors
/// When the library has no protocol for what is asked of it.
pub fn acceptor(pair: Arc<Pair>) -> anyhow::Result<TlsAcceptor> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(pair);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// What a service is asked by whose certificate, or whose authority's, lies in `trusted`; nothing else is trusted.
///
/// # Errors
/// When the file cannot be read or holds no certificate that can be used.
pub(crate) fn client(trusted: &Path) -> anyhow::Result<ClientConfig> {
    let verifier = Arc::new(Known::new(trusted)?);
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(config)
}

/// What the file of a certificate holds.
fn content(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("cannot read the certificate in {}", file.display()))
}

/// The certificates in the content of a file, the service's own first.
fn chain(pem: &[u8], file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let chain = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| format!("cannot read the certificate in {}", file.display()))?;
    ensure!(!chain.is_empty(), "{} holds no certificate in PEM", file.display());
    Ok(chain)
}

/// Trusts what the file's certificates vouch for under the name asked for, and the very certificate of the file under any:
/// the tools ask a service at its address, which its certificate does not name.
#[derive(Debug)]
struct Known {
    own: CertificateDer<'static>,
    usual: Arc<WebPkiServerVerifier>,
}

impl Known {
    fn new(trusted: &Path) -> anyhow::Result<Self> {
        let unusable = || format!("the certificate in {} cannot be used", trusted.display());
        let chain = chain(&content(trusted)?, trusted)?;
        let mut roots = RootCertStore::empty();
        for certificate in &chain {
            roots.add(certificate.clone()).with_context(unusable)?;
        }
        let usual =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider()))
                .build()
                .with_context(unusable)?;
        let own = chain.into_iter().next().with_context(unusable)?;
        Ok(Self { own, usual })
    }
}

impl ServerCertVerifier for Known {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified =
            self.usual.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            Err(Error::InvalidCertificate(
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. },
            )) => verified,
            // Its time is looked at before all else; whoever shows it still has to prove that the key is theirs.
            Err(_) if end_entity.as_ref() == self.own.as_ref() => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;

    /// A file of `tls_samples`: `certificate.pem` is for `localhost` and belongs to `key.pem`.
    pub(crate) fn sample(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tls_samples").join(name)
    }

    #[test]
    fn the_own_certificate_is_trusted_under_any_name_until_it_expires_and_another_under_none() {
        let known = Known::new(&sample("certificate.pem")).unwrap();
        let verified = |file: &str, name: &'static str, years: u64| {
            let shown = CertificateDer::from_pem_file(sample(file)).unwrap();
            let now = UnixTime::since_unix_epoch(Duration::from_secs(years * 31_556_952));
            known.verify_server_cert(&shown, &[], &ServerName::try_from(name).unwrap(), &[], now)
        };
        for name in ["localhost", "127.0.0.1", "segue.example"] {
            assert!(verified("certificate.pem", name, 70).is_ok(), "{name}");
            assert!(verified("other-certificate.pem", name, 70).is_err(), "{name}");
            assert!(verified("certificate.pem", name, 200).is_err(), "{name} after it has expired");
        }
        assert!(Known::new(&sample("key.pem")).unwrap_err().to_string().contains("key.pem"));
    }
}
