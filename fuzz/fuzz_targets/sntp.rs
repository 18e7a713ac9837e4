//! What a time server sends back: taken only if it is what RFC 5905 says, and within the window.
#![cfg_attr(feature = "libfuzzer", no_main)]

use socketpool::ntp::{Request, WINDOW};
use socketpool_fuzz::{take, target};

target!(|input| {
    let mut packet = input;
    let [echo] = take(&mut packet);
    let floor = u64::from_be_bytes(take(&mut packet)) >> 16;
    let request = Request::new(0x0123_4567_89AB_CDEF);
    let mut answer = packet.to_vec();
    // A fuzzer does not guess 64 bits.
    if echo & 1 == 1 && answer.len() >= 32 {
        answer[24..32].copy_from_slice(&request.packet()[40..]);
    }
    match request.read(&answer, floor) {
        Ok(reply) => {
            let since = reply.time.as_secs().checked_sub(floor).expect("not before the floor");
            assert!(since < WINDOW.as_secs() && (1..16).contains(&reply.stratum));
            assert_eq!((answer[0] & 0x3F, answer[24..32] == request.packet()[40..]), (0x24, true));
            // Our seconds are theirs, whichever era it is.
            assert_eq!(
                (reply.time.as_secs() + 2_208_988_800) as u32,
                u32::from_be_bytes(answer[40..44].try_into().unwrap())
            );
        }
        Err(error) => _ = (error.to_string(), error.blame()),
    }
});
