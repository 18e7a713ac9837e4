//! edge-http: its `Connection`, which keeps one connection. It has no TLS of its own.

use std::net::{Ipv4Addr, SocketAddr};

use edge_http::{Method, io::client::Connection};
use embedded_io_async::{Read, Write};

use super::{FIELDS, forever};
use crate::{
    alternate::Client,
    cases::{Case, HOST, READING, ROOM, Receipt, TARGET, Work},
    line::{Memory, block_on},
    stacks::AsyncStack,
};

/// The same room for the head that a socket of ours has.
const HEAD: usize = 2048;

pub fn memory(case: &Case) -> Client {
    let stack: &'static AsyncStack<Memory> = forever(AsyncStack(Memory::new(case)));
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 80));
    let mut connection: Connection<'static, _, 64> = Connection::new(forever([0; HEAD]), stack, address);
    let work = case.work;
    let [agent, accept, encoding] = FIELDS;
    Client::new("edge-http", move || {
        block_on(async {
            let (mut room, mut len) = ([0; ROOM], 0);
            if let Work::Get = work {
                let fields = [("Host", HOST), agent, accept, encoding, ("Content-Length", "0")];
                connection.initiate_request(true, Method::Get, TARGET, &fields).await.expect("sent");
                connection.initiate_response().await.expect("an answer");
                loop {
                    match connection.read(&mut room).await.expect("a body") {
                        0 => break,
                        count => len += count,
                    }
                }
                connection.complete().await.expect("the end");
                return len;
            }
            let mut json = [0; ROOM];
            let json_len = serde_json_core::to_slice(&READING, &mut json).expect("room");
            let mut digits = [0; 8];
            let digits_len = serde_json_core::to_slice(&json_len, &mut digits).expect("room");
            let length = str::from_utf8(&digits[..digits_len]).expect("digits");
            let kind = ("Content-Type", "application/json");
            let fields = [("Host", HOST), agent, accept, encoding, kind, ("Content-Length", length)];
            connection.initiate_request(true, Method::Post, TARGET, &fields).await.expect("sent");
            connection.write_all(&json[..json_len]).await.expect("sent");
            connection.initiate_response().await.expect("an answer");
            loop {
                match connection.read(&mut room[len..]).await.expect("a body") {
                    0 => break,
                    count => len += count,
                }
            }
            connection.complete().await.expect("the end");
            let (receipt, _) = serde_json_core::from_slice::<Receipt>(&room[..len]).expect("a receipt");
            assert!(receipt.accepted && receipt.id == 4711);
            0
        })
    })
}
