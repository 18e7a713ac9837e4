//! Tickets as a device reads them back after a sleep: all of them or none, and what was read is what is written again.
#![cfg_attr(feature = "libfuzzer", no_main)]

use sha2::{Digest, Sha256};
use socketpool::{
    sync::NoopRawMutex,
    tls::{Sessions, SessionsError},
};
use socketpool_fuzz::{take, target};

const ROOM: usize = 3;

fn written(store: &Sessions<ROOM, NoopRawMutex>) -> Vec<u8> {
    let mut out = vec![0; Sessions::<ROOM, NoopRawMutex>::MAX_STORED_LEN];
    let len = store.write_to(&mut out).expect("room");
    assert_eq!(store.write_to(&mut out[..len - 1]), Err(SessionsError::BufferTooSmall { needed: len }));
    out.truncate(len);
    out
}

/// How many tickets there are, if it is a store: a name, a version, their number, and behind a key of 16 bytes and a length
/// of two: a version, a key's length, four numbers, that key of 32 or 48 bytes, and a ticket of 1 to 512.
fn reference(content: &[u8]) -> Option<usize> {
    let (count, mut rest) = content.strip_prefix(b"SPT\x01")?.split_first()?;
    for _ in 0..*count {
        let (len, behind) = rest.get(16..)?.split_first_chunk::<2>()?;
        let (saved, behind) = behind.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        let (head, key_and_ticket) = saved.split_first_chunk::<18>()?;
        let ticket = key_and_ticket.len().checked_sub(usize::from(head[1]))?;
        if head[0] != 1 || !matches!(head[1], 32 | 48) || !(1..=512).contains(&ticket) {
            return None;
        }
        rest = behind;
    }
    rest.is_empty().then_some(usize::from(*count))
}

target!(|input| {
    let mut rest = input;
    let [is_signed] = take(&mut rest);
    let mut bytes = rest.to_vec();
    // A fuzzer does not guess a checksum.
    if is_signed & 1 == 1 {
        bytes.extend(&Sha256::digest(rest)[..16]);
    }
    let store = Sessions::<ROOM, NoopRawMutex>::new();
    let read = store.read_from(&bytes);
    let content = &bytes[..bytes.len().saturating_sub(16)];
    let is_whole = bytes.len() >= 16 && Sha256::digest(content)[..16] == bytes[content.len()..];
    match reference(content).filter(|_| is_whole) {
        None => assert!(read.is_err() && store.is_empty(), "nothing was changed"),
        Some(count) => {
            assert_eq!(read, Ok(()), "{count}");
            // A key that comes twice counts once.
            assert!(store.len() <= count.min(ROOM) && (count == 0 || !store.is_empty()));
            let first = written(&store);
            let again = Sessions::<ROOM, NoopRawMutex>::new();
            again.read_from(&first).expect("what we wrote");
            assert_eq!((again.len(), written(&again)), (store.len(), first));
            store.clear();
            assert_eq!(written(&store).len(), 21);
        }
    }
});
