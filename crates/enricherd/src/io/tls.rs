//! Keys and certificates: from PEM files to what a TLS connection needs, and from what goes wrong
//! to a sentence that names the file or key to change.
//!
//! TLS 1.2 and 1.3, the ciphers that are fit for use today; RFC 7011 §11.1 asks for TLS 1.1 too,
//! which nobody should speak any more [RFC 8996].
//!
//! Not here: connections (`io::connection`), which files (`config`).
//! Bound: files of at most [`PEM_OCTETS_MAX`] octets.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{AlertDescription, CertificateError, ClientConfig, Error, RootCertStore};

use crate::config::{CollectorTls, Host, TlsIdentity};

/// Longer files are no certificates.
const PEM_OCTETS_MAX: u64 = 4 << 20;

/// Returns what a connection to a collector needs, and the name that its certificate must bear.
/// The files are read anew each time: certificates are renewed while we run.
///
/// # Errors
/// A sentence: which file cannot be used, and why.
pub fn client(
    tls: &CollectorTls,
    host: &Host,
) -> Result<(Arc<ClientConfig>, ServerName<'static>), String> {
    let builder = ClientConfig::builder().with_root_certificates(roots(&tls.ca_file)?);
    let config = match &tls.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (certificates, key) = pair(identity)?;
            let built = builder.with_client_auth_cert(certificates, key);
            built.map_err(|error| unfit(identity, &error))?
        }
    };
    let name = match (&tls.server_name, host) {
        (Some(name), _) => name.clone(),
        (None, Host::Name(name)) => name.trim_end_matches('.').to_owned(),
        (None, Host::Address(address)) => address.to_string(),
    };
    let wrong = |_| format!("tls.server_name {name} is no name that a certificate can bear");
    let server_name = ServerName::try_from(name.clone()).map_err(wrong)?;
    Ok((Arc::new(config), server_name))
}

fn roots(ca_file: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca_file, "ca_file")? {
        let added = roots.add(certificate);
        added.map_err(|error| {
            let path = ca_file.display();
            format!("tls.ca_file {path}: a certificate in it cannot be used ({error})")
        })?;
    }
    Ok(roots)
}

/// Reads a certificate with those behind it, and the key.
fn pair(
    identity: &TlsIdentity,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let certificates = certificates(&identity.certificate_file, "certificate_file")?;
    let path = identity.key_file.display();
    let pem = read(&identity.key_file, "key_file")?;
    let key = PrivateKeyDer::from_pem_slice(&pem);
    let key = key.map_err(|_| {
        format!("tls.key_file {path}: no private key in it; it must be PEM, without a password")
    })?;
    Ok((certificates, key))
}

fn certificates(path: &Path, name: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = read(path, name)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let shown = path.display();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(format!(
            "tls.{name} {shown}: no certificate in it; it must be PEM"
        )),
        Err(error) => Err(format!("tls.{name} {shown}: not PEM ({error})")),
    }
}

fn read(path: &Path, name: &str) -> Result<Vec<u8>, String> {
    let octets = fs::metadata(path).and_then(|file| match file.len() {
        0..=PEM_OCTETS_MAX => fs::read(path),
        _ => Err(io::Error::other("larger than any certificate")),
    });
    octets.map_err(|error| format!("tls.{name} {}: {error}", path.display()))
}

fn unfit(identity: &TlsIdentity, error: &Error) -> String {
    format!(
        "tls.key_file {} is not the key of the certificate in {} ({error})",
        identity.key_file.display(),
        identity.certificate_file.display()
    )
}

/// Returns what the operator should know of a connection to a collector that failed.
#[must_use]
pub fn meaning(error: &Error) -> String {
    use CertificateError as Certificate;
    match error {
        Error::InvalidCertificate(Certificate::UnknownIssuer) => {
            "its certificate is signed by nobody in tls.ca_file; put the certificate of its \
             authority there, or look who answers at that port"
                .to_owned()
        }
        Error::InvalidCertificate(Certificate::BadSignature) => {
            "its certificate is signed by another authority of the name that is in tls.ca_file; \
             if that authority has a new certificate, put it there"
                .to_owned()
        }
        Error::InvalidCertificate(Certificate::Expired | Certificate::ExpiredContext { .. }) => {
            "its certificate has expired; it must be renewed there, or our clock set".to_owned()
        }
        Error::InvalidCertificate(
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. },
        ) => "its certificate is not valid yet; look at the clocks of both hosts".to_owned(),
        Error::InvalidCertificate(
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. },
        ) => "its certificate bears another name; set tls.server_name to that, or look who \
              answers at that port"
            .to_owned(),
        Error::InvalidCertificate(other) => format!("its certificate cannot be used ({other})"),
        Error::AlertReceived(alert) => refusal(*alert),
        Error::InvalidMessage(_) => {
            "what answers does not speak TLS; use its TLS port, or protocol: tcp".to_owned()
        }
        other => format!("TLS fails: {other}"),
    }
}

/// What a collector that refuses us means.
fn refusal(alert: AlertDescription) -> String {
    let remedy = match alert {
        AlertDescription::CertificateRequired => {
            "it wants to know who we are: write tls.certificate_file and tls.key_file"
        }
        AlertDescription::UnknownCA | AlertDescription::DecryptError => {
            "it does not know who signed our certificate: put that authority's certificate there"
        }
        AlertDescription::CertificateExpired => "our certificate has expired: renew it",
        AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateRevoked
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::AccessDenied => "it refuses our certificate: look into its log",
        AlertDescription::HandshakeFailure | AlertDescription::ProtocolVersion => {
            "it speaks no TLS that is fit for use (1.2 or 1.3), or wants a certificate of ours"
        }
        _ => "it ended the connection",
    };
    format!("{remedy} (TLS alert {alert:?})")
}
