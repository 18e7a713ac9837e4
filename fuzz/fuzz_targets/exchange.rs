//! A whole exchange on the mock, from the request to the end of the body: the same at any split and on both faces, and no
//! connection left open.
#![cfg_attr(feature = "libfuzzer", no_main)]

use socketpool::{
    Error, Resources, SocketPool, blocking,
    http::Method,
    mock::{Peer, Script, Step, block_on},
    requests::Session,
};
use socketpool_fuzz::{take, target};

/// Status, fields, body, and how its reading ended.
type Outcome = Result<(u16, Vec<(String, Vec<u8>)>, Vec<u8>, Result<(), Error>), Error>;

/// How a request is made.
#[derive(Clone, Copy)]
struct Way {
    posts: bool,
    redirects: u8,
    room: usize,
}

/// The request, the reading of its response and what must hold afterwards, for a face: `$wait` is `.await` or nothing.
macro_rules! exchange {
    ($pool:ident, $session:ty, $way:ident, $($wait:tt)*) => {{
        let http = <$session>::plain(&$pool).max_redirects(Some($way.redirects));
        let method = if $way.posts { Method::Post } else { Method::Get };
        let sent = http.request(method, "http://host/path").send()$($wait)*;
        match sent {
            Err(error) => Err(error),
            Ok(mut response) => {
                let fields = response.headers().iter().map(|(name, value)| (name.to_string(), value.to_vec())).collect();
                let (status, mut body, mut room) = (response.status().as_u16(), vec![], vec![0; $way.room]);
                let end = loop {
                    match response.read(&mut room)$($wait)* {
                        Ok(0) => break Ok(()),
                        Ok(count) => body.extend(&room[..count]),
                        Err(error) => break Err(error),
                    }
                };
                if end.is_ok()
                    && let Some(len) = response.content_length()
                {
                    assert!(len == body.len() as u64, "never a shorter success");
                }
                Ok((status, fields, body, end))
            }
        }
    }};
}

fn with_script<T>(input: &[u8], fragment: usize, hesitates: bool, run: impl FnOnce(&Script<'_>) -> T) -> T {
    let steps = [Step::Receive(b"\r\n\r\n"), Step::Send(input), Step::Close];
    let peer = Peer::new("host", 80, &steps).in_fragments_of(fragment);
    let peers = [if hesitates { peer.hesitating() } else { peer }; 4];
    run(&Script::new(&peers))
}

fn by_tasks(input: &[u8], fragment: usize, hesitates: bool, way: Way) -> Outcome {
    with_script(input, fragment, hesitates, |script| {
        let outcome = {
            let (mut network, mut memory) = (script.network(), Resources::<2>::new());
            let pool = SocketPool::new(&mut network, &mut memory);
            let outcome = block_on(async { exchange!(pool, Session<_>, way, .await) });
            let counts = pool.counts();
            assert_eq!((counts.in_use, counts.waiting, counts.idle), (0, 0, script.open()), "no slot is lost");
            outcome
        };
        assert_eq!(script.open(), 0);
        outcome
    })
}

fn by_waiting(input: &[u8], fragment: usize, way: Way) -> Outcome {
    with_script(input, fragment, false, |script| {
        let outcome = {
            let (mut network, mut memory) = (script.network(), Resources::<2>::new());
            let pool = blocking::SocketPool::new(&mut network, &mut memory);
            let outcome = exchange!(pool, blocking::Session<_>, way,);
            let counts = pool.counts();
            assert_eq!((counts.in_use, counts.waiting, counts.idle), (0, 0, script.open()), "no slot is lost");
            outcome
        };
        assert_eq!(script.open(), 0);
        outcome
    })
}

target!(|input| {
    let mut rest = input;
    let [flags, fragment, room] = take(&mut rest);
    let way = Way { posts: flags & 1 == 1, redirects: flags >> 1 & 3, room: 1 + usize::from(room) };
    let fragment = 1 + usize::from(fragment);
    let whole = by_tasks(rest, usize::MAX, false, way);
    let pieces = by_tasks(rest, fragment, true, way);
    let (waited, waited_pieces) = (by_waiting(rest, usize::MAX, way), by_waiting(rest, fragment, way));
    // Both faces do the same reads. What follows a response that was followed somewhere else depends on when it arrives.
    assert_eq!(whole, waited, "on both faces");
    assert_eq!(pieces, waited_pieces, "on both faces, in pieces");
    if way.redirects == 0 {
        assert_eq!(whole, pieces, "at any split");
    }
});
