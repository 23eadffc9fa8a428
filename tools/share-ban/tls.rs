//! TLS: whose certificates are believed, and this host's own.

use std::path::Path;
use std::sync::Arc;

use pipeban::complain::{Fault, describe};
use rustls::crypto::ring::cipher_suite::TLS13_AES_256_GCM_SHA384;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::config::{Config, read_private};

/// Reads the certificates and the key of the configuration; `None` without `ca`.
pub fn of_config(config: &Config) -> Result<Option<Arc<ClientConfig>>, Fault> {
    let Some(ca) = &config.ca else {
        return Ok(None);
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca)? {
        roots
            .add(certificate)
            .map_err(|e| Fault::new(ca.display(), e))?;
    }
    let versions = [&rustls::version::TLS13, &rustls::version::TLS12];
    let builder = ClientConfig::builder_with_provider(default_provider().into())
        .with_protocol_versions(&versions)
        .map_err(|e| Fault::new("TLS", e))?
        .with_root_certificates(roots);
    let Some((certificate, key)) = &config.certificate else {
        return Ok(Some(builder.with_no_client_auth().into()));
    };
    let chain = certificates(certificate)?;
    let secret = PrivateKeyDer::from_pem_slice(&read_private(key)?)
        .map_err(|_| Fault::new(key.display(), "no private key in PEM form"))?;
    let tls = builder
        .with_client_auth_cert(chain, secret)
        .map_err(|e| Fault::new(certificate.display(), e))?;
    Ok(Some(tls.into()))
}

/// A number, in hexadecimal, that nobody knows who does not have this host's key or password; the
/// same in each run.
pub fn secret_number(config: &Config) -> Result<String, Fault> {
    let mut secret = b"share-ban client ".to_vec();
    match (&config.certificate, &config.login) {
        (Some((_, key)), _) => secret.extend(read_private(key)?),
        (None, Some((_, password))) => secret.extend(password),
        (None, None) => {}
    }
    let suite = TLS13_AES_256_GCM_SHA384.tls13();
    let sum = suite.map(|suite| suite.common.hash_provider.hash(&secret));
    let bytes = sum.iter().flat_map(|sum| sum.as_ref().iter().take(8));
    Ok(bytes.map(|byte| format!("{byte:02x}")).collect())
}

/// The certificates of a file, at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let text = std::fs::read(path).map_err(|e| Fault::new(path.display(), describe(&e)))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(Fault::new(path.display(), "no certificate in PEM form")),
    }
}
