//! A body that was read whole: as text.

use crate::error::{Error, ErrorKind, Limit, Phase, Result};

/// The length of what was left of a body. Nothing, where something was read before, is not the body.
pub(crate) fn whole(len: usize, was_begun: bool) -> Result<usize> {
    if len == 0 && was_begun { Err(Error::new(Phase::Body, ErrorKind::AlreadyRead)) } else { Ok(len) }
}

pub(crate) fn as_text(buffer: &[u8], len: usize) -> Result<&str> {
    let text = buffer.get(..len).unwrap_or_default();
    let text = core::str::from_utf8(text).map_err(|_| Error::new(Phase::Body, ErrorKind::NotUtf8))?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// Makes UTF-8 of the Latin-1 text at the start of `buffer`, in place.
pub(crate) fn as_latin1(buffer: &mut [u8], len: usize) -> Result<&str> {
    let have = buffer.len();
    let text = buffer.get(..len).unwrap_or_default();
    let need = len + text.iter().filter(|byte| !byte.is_ascii()).count();
    let too_large = ErrorKind::TooLarge { what: Limit::ResponseBody, need: Some(need), have };
    let room = buffer.get_mut(..need).ok_or(Error::new(Phase::Body, too_large))?;
    // From the end, so that nothing is overwritten that is still needed.
    let (mut read, mut write) = (len, need);
    while read < write {
        read -= 1;
        let mut utf8 = [0; 2];
        let utf8 = char::from(room[read]).encode_utf8(&mut utf8).as_bytes();
        write -= utf8.len();
        room[write..write + utf8.len()].copy_from_slice(utf8);
    }
    core::str::from_utf8(room).map_err(|_| Error::new(Phase::Body, ErrorKind::NotUtf8))
}
