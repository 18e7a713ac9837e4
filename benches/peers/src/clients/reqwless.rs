//! reqwless: its `HttpResource`, which keeps one connection.

use embedded_io_async::Read;
use reqwless::{
    client::{HttpClient, TlsConfig, TlsVerify},
    headers::ContentType,
    request::{Method, RequestBuilder as _},
    response::Response,
};

use super::{FIELDS, forever};
use crate::{
    alternate::Client,
    cases::{BASE, Case, READING, ROOM, Receipt, TARGET, Work},
    line::{Loopback, Memory, block_on},
    stacks::AsyncStack,
    tls::Target,
};

const NAME: &str = "reqwless";

/// The same room for the head that a socket of ours has.
const HEAD: usize = 2048;

async fn body_len<C: Read>(response: Response<'_, '_, C>) -> usize {
    let mut reader = response.body().reader();
    let (mut room, mut len) = ([0; ROOM], 0);
    loop {
        match reader.read(&mut room).await.expect("a body") {
            0 => return len,
            count => len += count,
        }
    }
}

pub fn memory(case: &Case) -> Client {
    let stack: &'static AsyncStack<Memory> = forever(AsyncStack(Memory::new(case)));
    let client = forever(HttpClient::new(stack, stack));
    let mut resource = block_on(client.resource(BASE)).expect("a connection");
    let work = case.work;
    Client::new(NAME, move || {
        let mut head = [0; HEAD];
        block_on(async {
            if let Work::Get = work {
                let request = resource.get(TARGET).headers(&FIELDS);
                return body_len(request.send(&mut head).await.expect("an answer")).await;
            }
            let mut json = [0; ROOM];
            let len = serde_json_core::to_slice(&READING, &mut json).expect("room");
            let request = resource.post(TARGET).headers(&FIELDS).content_type(ContentType::ApplicationJson);
            let response = request.body(&json[..len]).send(&mut head).await.expect("an answer");
            let body = response.body().read_to_end().await.expect("a body");
            let (receipt, _) = serde_json_core::from_slice::<Receipt>(body).expect("a receipt");
            assert!(receipt.accepted && receipt.id == 4711);
            0
        })
    })
}

pub fn tls(target: &'static Target) -> Client {
    let stack: &'static AsyncStack<Loopback> = forever(AsyncStack(Loopback));
    let (rx, tx) = (forever([0; 16640]), forever([0; 2048]));
    let verify = TlsVerify::Certificate { ca: &target.root, cert: None, key: None };
    let mut seed = [0; 8];
    crate::tls::random(&mut seed);
    let config = TlsConfig::new(u64::from_le_bytes(seed), rx, tx, verify);
    let client = forever(HttpClient::new_with_tls(stack, stack, config));
    if target.keeps {
        let mut resource = block_on(client.resource(&target.base)).expect("a connection");
        return Client::new(NAME, move || {
            let mut head = [0; HEAD];
            let request = resource.get(TARGET).headers(&FIELDS);
            block_on(async { body_len(request.send(&mut head).await.expect("an answer")).await })
        });
    }
    Client::new(NAME, move || {
        let mut head = [0; HEAD];
        block_on(async {
            let request = client.request(Method::GET, &target.url).await.expect("a connection");
            let mut request = request.headers(&FIELDS);
            body_len(request.send(&mut head).await.expect("an answer")).await
        })
    })
}
