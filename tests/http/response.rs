//! What can be done with a response, through both faces: text, lines, events, elements of an array, trailers, drain,
//! decompression. Each case whole, in fragments and byte by byte.
#![cfg(all(feature = "json", feature = "gzip", feature = "mock", feature = "blocking"))]

use socketpool::mock::{Peer, Script, Step};

/// How answers arrive.
const FRAGMENTS: [usize; 4] = [usize::MAX, 64, 7, 1];

/// An answer with this field and body, chunked in threes so that chunks break everything.
fn chunked(field: &str, body: &[u8]) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 200 OK\r\n{field}\r\nTransfer-Encoding: chunked\r\n\r\n").into_bytes();
    for chunk in body.chunks(3) {
        answer.extend(format!("{:x}\r\n", chunk.len()).bytes().chain(chunk.iter().copied()).chain(*b"\r\n"));
    }
    answer.extend(b"0\r\n\r\n");
    answer
}

/// The same with a length.
fn whole(field: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\n{field}\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// Both of them, and one that lasts until close.
fn framed(field: &str, body: &[u8]) -> [Vec<u8>; 3] {
    let head = format!("HTTP/1.1 200 OK\r\n{field}\r\n\r\n");
    [whole(field, body), chunked(field, body), [head.as_bytes(), body].concat()]
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let crc = data.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { 0xEDB8_8320 ^ crc >> 1 } else { crc >> 1 })
    });
    let deflated = miniz_oxide::deflate::compress_to_vec(data, 6);
    [b"\x1f\x8b\x08\0\0\0\0\0\0\xff", &deflated[..], &(!crc).to_le_bytes(), &(data.len() as u32).to_le_bytes()].concat()
}

/// Makes a response of each of these answers, in each kind of fragments, and does something with it.
macro_rules! exchange {
    ($answers:expr, $response:ident => $body:block) => {
        exchange!(1024, $answers, $response, pool => $body)
    };
    ($answers:expr, $response:ident, $pool:ident => $body:block) => {
        exchange!(1024, $answers, $response, $pool => $body)
    };
    ($head:literal, $answers:expr, $response:ident, $pool:ident => $body:block) => {
        for answer in $answers {
            for fragment in super::FRAGMENTS {
                let steps = [super::Step::Receive(b"\r\n\r\n"), super::Step::Send(&answer), super::Step::Close];
                let peers = [super::Peer::new("host.example", 80, &steps).in_fragments_of(fragment)];
                let script = super::Script::new(&peers);
                let (mut network, mut memory) = (script.network(), socketpool::Resources::<1, 0, $head>::new());
                let $pool = SocketPool::new(&mut network, &mut memory);
                let http = Session::plain(&$pool);
                run!({
                    let mut $response = wait!(http.get("http://host.example/").send()).expect("a response");
                    $body
                });
            }
        }
    };
}

mod asynchronous {
    use socketpool::{SocketPool, requests::Session};

    macro_rules! wait {
        ($work:expr) => {
            $work.await
        };
    }
    macro_rules! run {
        ($body:block) => {
            socketpool::mock::block_on(async { $body })
        };
    }
    include!("response/cases.rs");
}

mod blocking {
    use socketpool::blocking::{Session, SocketPool};

    macro_rules! wait {
        ($work:expr) => {
            $work
        };
    }
    macro_rules! run {
        ($body:block) => {
            $body
        };
    }
    include!("response/cases.rs");
}
