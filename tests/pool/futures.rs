//! How large the futures of a request are. A future lies in a static of its task: what is in it twice is RAM lost.
//!
//! Measured on a machine of 64 bits, where pointers are twice as large as on a microcontroller.
#![cfg(target_pointer_width = "64")]

use core::future::Future;

use socketpool::{
    Resources, SocketPool,
    mock::{Peer, Script, Step, block_on},
    requests::Session,
};

/// The bytes of a future, and then its output.
fn measured<F: Future>(sizes: &mut Vec<usize>, future: F) -> F::Output {
    sizes.push(size_of_val(&future));
    block_on(future)
}

#[test]
fn no_future_of_a_plain_request_is_larger_than_this() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]";
    let steps = [Step::Receive(b"\r\n\r\n"), Step::Send(answer), Step::Receive(b"0\r\n\r\n"), Step::Send(answer)];
    let peers = [Peer::new("host.example", 80, &steps)];
    let script = Script::new(&peers);
    let (mut network, mut memory) = (script.network(), Resources::<1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    let http = Session::plain(&pool);
    let (mut sizes, mut buffer) = (Vec::new(), [0; 16]);

    let mut response = measured(&mut sizes, http.get("http://host.example/").send()).expect("an answer");
    measured(&mut sizes, response.content(&mut buffer)).expect("a body");
    drop(response);
    let post = http.post("http://host.example/").stream(&b"yesterday"[..], None);
    let mut response = measured(&mut sizes, post.send()).expect("an answer");
    measured(&mut sizes, response.json::<[u8; 0]>(&mut buffer)).expect("JSON");
    measured(&mut sizes, response.close()).expect("in order");
    measured(&mut sizes, pool.socket()).expect("a socket");

    assert_eq!(script.connections(), 1);
    assert!(*sizes.iter().max().expect("futures") <= LARGEST, "{sizes:?}");
}

/// Bytes.
const LARGEST: usize = 1832;
