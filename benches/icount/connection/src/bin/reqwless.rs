//! reqwless.
#![no_std]
#![no_main]

use core::pin::pin;

use embedded_io_async::Read;
use icount_connection::{
    Aligned, BASE, COLD, FIELDS, Line, POST, POSTED, READING, Receipt, SMALL, TARGET, URL, WARM, Wire, measure, now,
};
use qemu_board::entry;
use reqwless::{
    client::{HttpClient, HttpResource},
    headers::ContentType,
    request::{Method, RequestBuilder as _},
    response::Response,
};

const WHO: &str = "reqwless";

async fn body_len<C: Read>(response: Response<'_, '_, C>) -> usize {
    let mut reader = response.body().reader();
    let (mut room, mut len) = (Aligned([0; 512]), 0);
    loop {
        match reader.read(&mut room.0).await.expect("a body") {
            0 => return len,
            count => len += count,
        }
    }
}

async fn get(resource: &mut HttpResource<'_, Line>) -> usize {
    let mut head = [0; 2048];
    let request = resource.get(TARGET).headers(&FIELDS);
    body_len(request.send(&mut head).await.expect("a response")).await
}

async fn post(resource: &mut HttpResource<'_, Line>) {
    let (mut json, mut head) = ([0; 512], [0; 2048]);
    let len = serde_json_core::to_slice(&READING, &mut json).expect("room");
    let request = resource.post(TARGET).headers(&FIELDS).content_type(ContentType::ApplicationJson);
    let response = request.body(&json[..len]).send(&mut head).await.expect("a response");
    let body = response.body().read_to_end().await.expect("a body");
    serde_json_core::from_slice::<Receipt>(body).expect("a receipt").0.check();
}

fn run() {
    let wire = Wire { response: &SMALL.0 };
    let cold = async || {
        let mut client = HttpClient::new(&wire, &wire);
        let mut head = [0; 2048];
        let mut request = client.request(Method::GET, URL).await.expect("a connection").headers(&FIELDS);
        body_len(request.send(&mut head).await.expect("a response")).await
    };
    assert_eq!(measure(WHO, COLD, || now(pin!(cold()))), 200);
    for (what, response, len) in WARM {
        let wire = Wire { response };
        let mut client = HttpClient::new(&wire, &wire);
        let mut resource = now(pin!(client.resource(BASE))).expect("a connection");
        now(pin!(get(&mut resource)));
        assert_eq!(measure(WHO, what, || now(pin!(get(&mut resource)))), len);
    }
    let wire = Wire { response: &POSTED.0 };
    let mut client = HttpClient::new(&wire, &wire);
    let mut resource = now(pin!(client.resource(BASE))).expect("a connection");
    now(pin!(post(&mut resource)));
    measure(WHO, POST, || now(pin!(post(&mut resource))));
}

#[entry]
fn main() -> ! {
    qemu_board::init();
    run();
    qemu_board::exit(0)
}
