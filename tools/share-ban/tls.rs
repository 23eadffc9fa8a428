//! TLS: whose certificates are believed, and this host's own.

use std::path::Path;
use std::sync::Arc;

use pipeban::complain::{Fault, describe};
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

/// The certificates of a file, at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let text = std::fs::read(path).map_err(|e| Fault::new(path.display(), describe(&e)))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(Fault::new(path.display(), "no certificate in PEM form")),
    }
}
