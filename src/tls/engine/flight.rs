//! The server's flight behind its ServerHello (RFC 8446 §4.3, §4.4).

use super::{
    Config, Environment, Progress, Session,
    hello::{extension, misplaced},
    record::MAX_INNER_LEN,
    schedule::{derive, verify_data},
    state::State,
    wire::{Reader, extensions},
};
use crate::tls::{TlsError, verify::CertificateError};

/// The certificates of a Certificate message, the server's own first. Their form was checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chain<'m>(Reader<'m>);

impl<'m> Iterator for Chain<'m> {
    type Item = &'m [u8];

    fn next(&mut self) -> Option<&'m [u8]> {
        let certificate = self.0.vector24().ok()?;
        self.0.vector16().ok()?;
        Some(certificate)
    }
}

impl Session {
    /// EncryptedExtensions (RFC 8446 §4.3.1).
    #[inline(never)]
    pub(super) fn encrypted_extensions(&mut self, message: &[u8], config: &Config<'_>) -> Result<(), TlsError> {
        let mut body = Reader::new(message);
        body.take(4)?;
        let list = body.vector16()?;
        body.end()?;
        extensions(list, |kind, data| {
            let mut data = Reader::new(data);
            match kind {
                extension::SERVER_NAME if config.server_name.is_some() => {}
                // What the server would like better next time: not our matter.
                extension::SUPPORTED_GROUPS => {
                    data.vector16()?;
                }
                extension::ALPN if !config.alpn.is_empty() => {
                    let mut list = Reader::new(data.vector16()?);
                    let name = list.vector8()?;
                    list.end()?;
                    if name.is_empty() {
                        return Err(TlsError::Decode);
                    }
                    let chosen = config.alpn.iter().position(|offered| *offered == name);
                    self.alpn = Some(chosen.ok_or(TlsError::IllegalParameter)?);
                }
                extension::RECORD_SIZE_LIMIT => {
                    let limit = usize::from(data.u16()?);
                    if !(64..=MAX_INNER_LEN).contains(&limit) {
                        return Err(TlsError::IllegalParameter);
                    }
                    self.limit_tx = limit;
                    self.limit_agreed = true;
                }
                // Offered only with something to choose from.
                extension::SERVER_NAME | extension::ALPN => return Err(TlsError::UnsupportedExtension),
                kind => return Err(misplaced(kind)),
            }
            data.end()
        })?;
        if self.shrinks && !self.limit_agreed {
            return Err(TlsError::NoRecordSizeLimit);
        }
        self.state = if self.has_psk { State::Finished } else { State::CertificateOrRequest };
        Ok(())
    }

    /// CertificateRequest (RFC 8446 §4.3.2).
    #[inline(never)]
    pub(super) fn certificate_request(&mut self, message: &[u8], config: &Config<'_>) -> Result<(), TlsError> {
        let mut body = Reader::new(message);
        body.take(4)?;
        // A context is for requests after the handshake.
        if !body.vector8()?.is_empty() {
            return Err(TlsError::IllegalParameter);
        }
        let list = body.vector16()?;
        body.end()?;
        let ours = config.identity.map(|identity| identity.signer.scheme().code());
        let (mut may_sign, mut has_algorithms) = (false, false);
        extensions(list, |kind, data| {
            let mut data = Reader::new(data);
            match kind {
                extension::SIGNATURE_ALGORITHMS => {
                    let mut schemes = Reader::new(data.vector16()?);
                    data.end()?;
                    if schemes.is_empty() {
                        return Err(TlsError::Decode);
                    }
                    while !schemes.is_empty() {
                        let scheme = schemes.u16()?;
                        may_sign |= ours == Some(scheme);
                    }
                    has_algorithms = true;
                    Ok(())
                }
                // What TLS 1.3 knows and has no place here; the rest is to be ignored (RFC 8446 §4.2).
                0 | 1 | 10 | 14..=16 | 19..=21 | 28 | 41..=45 | 49 | 51 => Err(TlsError::IllegalParameter),
                _ => Ok(()),
            }
        })?;
        if !has_algorithms {
            return Err(TlsError::MissingExtension);
        }
        (self.is_asked, self.may_sign) = (true, may_sign);
        self.state = State::Certificate;
        Ok(())
    }

    /// Certificate (RFC 8446 §4.4.2). As long as it is [`Progress::Again`], the message stays where it is.
    #[inline(never)]
    pub(super) fn certificate(
        &mut self,
        message: &[u8],
        environment: &mut dyn Environment,
    ) -> Result<Progress, TlsError> {
        let mut body = Reader::new(message);
        body.take(4)?;
        if !body.vector8()?.is_empty() {
            return Err(TlsError::IllegalParameter);
        }
        let list = Reader::new(body.vector24()?);
        body.end()?;
        if list.is_empty() {
            return Err(TlsError::Certificate(CertificateError::EmptyChain));
        }
        let mut entries = list;
        while !entries.is_empty() {
            if entries.vector24()?.is_empty() {
                return Err(TlsError::Decode);
            }
            // We asked for none.
            extensions(entries.vector16()?, |kind, _| Err(misplaced(kind)))?;
        }
        let progress = environment.chain(Chain(list))?;
        if progress == Progress::Done {
            self.state = State::CertificateVerify;
        }
        Ok(progress)
    }

    /// CertificateVerify (RFC 8446 §4.4.3).
    #[inline(never)]
    pub(super) fn certificate_verify(
        &mut self,
        message: &[u8],
        environment: &mut dyn Environment,
    ) -> Result<(), TlsError> {
        let mut body = Reader::new(message);
        body.take(4)?;
        let scheme = body.u16()?;
        let signature = body.vector16()?;
        body.end()?;
        let hash = self.transcript.as_ref().ok_or(TlsError::Engine)?.finish();
        environment.signature(scheme, hash.as_bytes(), signature)?;
        self.state = State::Finished;
        Ok(())
    }

    /// Finished (RFC 8446 §4.4.4): from here on the server is proven.
    #[inline(never)]
    pub(super) fn finished(&mut self, message: &[u8]) -> Result<(), TlsError> {
        let (suite, transcript) = self.suite.zip(self.transcript.as_mut()).ok_or(TlsError::Engine)?;
        let hash = suite.hash();
        let mut body = Reader::new(message);
        body.take(4)?;
        let theirs = body.take(hash.output_len())?;
        body.end()?;
        if !verify_data(hash, &self.server, &transcript.finish()).is(theirs) {
            return Err(TlsError::BadFinished);
        }
        transcript.update(message);
        let so_far = transcript.finish();
        self.server = derive(hash, &self.main, "s ap traffic", so_far.as_bytes());
        self.next_client = derive(hash, &self.main, "c ap traffic", so_far.as_bytes());
        self.read_with_new_keys(suite);
        self.written = 0;
        self.state = if self.is_asked { State::OurCertificate } else { State::OurFinished };
        Ok(())
    }
}
