//! How much of an update is there, and how the rest is asked for.

use embedded_storage::nor_flash::NorFlashError;
use heapless::String;
use sha2::{Digest, Sha256};
use socketpool::{
    requests::{Response, Session},
    traits::{SocketPool, TlsContext},
};

use super::{
    HEAD, Offer, Refusal, Slot, Source, UpdateError,
    slot::{self, PAGE},
};

/// The longest entity tag that is remembered. With a longer one, a download that is cut begins anew.
const TAG: usize = 64;

/// An update that is on the way.
pub(super) struct Download {
    /// Bytes of the file that are here.
    len: u64,
    head: [u8; HEAD],
    /// What the first [`HEAD`] bytes say, once they are here.
    offer: Option<Offer>,
    /// What is here and not in flash yet: less than a page.
    page: [u8; PAGE],
    /// The strong entity tag of the file that `len` bytes are here of; or, if that is 0, of one that was of no use.
    tag: String<TAG>,
}

impl Download {
    pub(super) const fn new() -> Self {
        Self { len: 0, head: [0; HEAD], offer: None, page: [0; PAGE], tag: String::new() }
    }

    /// Asks for the update, or for what is missing of it. What it offers if it is whole, and in flash; `None` if there is
    /// nothing newer.
    pub(super) async fn round<'p, P, T>(
        &mut self,
        http: &Session<'p, P, T>,
        source: &Source<'_>,
        slot: &mut impl Slot,
    ) -> Result<Option<Offer>, UpdateError>
    where
        P: SocketPool,
        T: TlsContext<P::Socket<'p>>,
    {
        let outcome = self.fetch(http, source, slot).await;
        let is_cut = matches!(outcome, Err(UpdateError::Exchange(_)));
        if !is_cut || self.tag.is_empty() {
            (self.len, self.offer) = (0, None);
        }
        if matches!(outcome, Err(UpdateError::Refused(_) | UpdateError::Flash(_))) {
            self.tag.clear();
        }
        outcome
    }

    async fn fetch<'p, P, T>(
        &mut self,
        http: &Session<'p, P, T>,
        source: &Source<'_>,
        slot: &mut impl Slot,
    ) -> Result<Option<Offer>, UpdateError>
    where
        P: SocketPool,
        T: TlsContext<P::Socket<'p>>,
    {
        let tag = self.tag.clone();
        let request = http.get(source.url);
        let request = match (self.len, tag.as_str()) {
            (_, "") => request,
            (0, tag) => request.header("If-None-Match", tag),
            (len, tag) => request.range(len, None).header("If-Range", tag),
        };
        let mut response = request.send().await?;
        if response.status().as_u16() == 304 && self.len == 0 && !tag.is_empty() {
            slot.keep().map_err(UpdateError::Flash)?;
            return Ok(None);
        }
        response.error_for_status()?;
        let file_len = self.begin(&response)?;
        let mut piece = [0; 512];
        loop {
            let count = response.read(&mut piece).await?;
            if count == 0 {
                break;
            }
            self.take(&piece[..count], file_len, source, slot)?;
            if self.offer.is_some_and(|offer| offer.version <= source.version) {
                return Ok(None);
            }
        }
        let offer = self.offer.ok_or(Refusal::NoOffer)?;
        if self.len != offer.file_len() {
            return Err(Refusal::Length.into());
        }
        let mut hash = Sha256::new();
        let flash = slot.flash().map_err(UpdateError::Flash)?;
        slot::read(flash, offer.len, |piece| hash.update(piece)).map_err(|error| UpdateError::Flash(error.kind()))?;
        if <[u8; 32]>::from(hash.finalize()) == offer.hash { Ok(Some(offer)) } else { Err(Refusal::Hash.into()) }
    }

    /// Which part of the file a response holds: the rest, or all of it. How long the server says that the file is.
    fn begin<P: SocketPool>(&mut self, response: &Response<'_, P>) -> Result<Option<u64>, UpdateError> {
        let tag = response.header("etag").filter(|tag| tag.starts_with('"')).unwrap_or_default();
        if response.status().as_u16() != 206 {
            (self.len, self.offer) = (0, None);
            self.tag = String::try_from(tag).unwrap_or_default();
            return Ok(response.content_length());
        }
        let part = response.content_range().filter(|_| self.len > 0).ok_or(Refusal::Range)?;
        if tag != self.tag {
            return Err(Refusal::EntityTag.into());
        }
        if part.first != self.len || part.complete.is_some_and(|complete| part.last.checked_add(1) != Some(complete)) {
            return Err(Refusal::Range.into());
        }
        let file_len = part.last.checked_add(1);
        if self.offer.is_some_and(|offer| file_len != Some(offer.file_len())) {
            return Err(Refusal::Length.into());
        }
        info!("update: goes on after {} bytes", self.len);
        Ok(file_len)
    }

    /// Takes what arrived.
    fn take(
        &mut self,
        mut bytes: &[u8],
        file_len: Option<u64>,
        source: &Source<'_>,
        slot: &mut impl Slot,
    ) -> Result<(), UpdateError> {
        while !bytes.is_empty() {
            let Some(offer) = self.offer else {
                bytes = self.take_head(bytes, file_len, source, slot)?;
                continue;
            };
            if offer.version <= source.version {
                return Ok(());
            }
            let at = self.len - HEAD as u64;
            let (begun, left) = ((at % PAGE as u64) as usize, u64::from(offer.len).saturating_sub(at));
            let count = bytes.len().min(PAGE - begun).min(usize::try_from(left).unwrap_or(usize::MAX));
            if count == 0 {
                return Err(Refusal::Length.into());
            }
            let (these, rest) = bytes.split_at(count);
            if begun == 0 {
                self.page.fill(0xFF);
            }
            self.page[begun..begun + count].copy_from_slice(these);
            (self.len, bytes) = (self.len + count as u64, rest);
            if begun + count == PAGE || self.len == offer.file_len() {
                let flash = slot.flash().map_err(UpdateError::Flash)?;
                let page = (at - begun as u64) as u32; // an image is no longer than that
                slot::write(flash, page, &self.page).map_err(|error| UpdateError::Flash(error.kind()))?;
            }
        }
        Ok(())
    }

    /// Takes bytes of the offer, and gives what is behind it. Once it is complete and the author's, what runs is kept.
    fn take_head<'b>(
        &mut self,
        bytes: &'b [u8],
        file_len: Option<u64>,
        source: &Source<'_>,
        slot: &mut impl Slot,
    ) -> Result<&'b [u8], UpdateError> {
        let begun = usize::try_from(self.len).unwrap_or(HEAD).min(HEAD);
        let (these, rest) = bytes.split_at(bytes.len().min(HEAD - begun));
        self.head[begun..begun + these.len()].copy_from_slice(these);
        self.len += these.len() as u64;
        if self.len == HEAD as u64 {
            let offer = Offer::verified(&self.head, source.key)?;
            slot.keep().map_err(UpdateError::Flash)?;
            self.offer = Some(offer);
            if offer.version > source.version {
                if file_len.is_some_and(|len| len != offer.file_len()) {
                    return Err(Refusal::Length.into());
                }
                slot::has_room(&slot.flash().map_err(UpdateError::Flash)?, offer.len)?;
                info!("update: version {}, {} bytes", offer.version, offer.len);
            }
        }
        Ok(rest)
    }
}
