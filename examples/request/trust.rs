//! The roots of `--cacert`.

use std::fs;

use socketpool::tls::pem::{self, PemError};

use crate::failure::Failure;

/// Every certificate in these files as DER, and where it is from. A file may be one certificate in DER, or PEM text with
/// several.
pub fn read<'a>(paths: &[&'a str]) -> Result<Vec<(&'a str, Vec<u8>)>, Failure> {
    let mut certificates = Vec::new();
    for path in paths {
        let usage = |reason: &dyn core::fmt::Display| Failure::Usage(format!("--cacert {path}: {reason}"));
        let file = fs::read(path).map_err(|error| usage(&error))?;
        let is_pem = file.windows(11).any(|window| window == b"-----BEGIN ");
        let found = if is_pem { from_pem(&file).map_err(|error| usage(&error))? } else { vec![file] };
        certificates.extend(found.into_iter().map(|der| (*path, der)));
    }
    Ok(certificates)
}

fn from_pem(text: &[u8]) -> Result<Vec<Vec<u8>>, PemError> {
    let mut certificates = Vec::new();
    for block in pem::blocks(text) {
        let block = block?;
        if block.label() == pem::CERTIFICATE {
            let mut der = vec![0; block.decoded_len()?];
            block.decode(&mut der)?;
            certificates.push(der);
        }
    }
    if certificates.is_empty() { Err(PemError::NotFound) } else { Ok(certificates) }
}
