//! edge-http.
#![no_std]
#![no_main]

use core::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::pin,
};

use edge_http::{Method, io::client::Connection};
use embedded_io_async::{Read as _, Write as _};
use icount_connection::{
    Aligned, COLD, FIELDS, HOST, POST, POSTED, READING, Receipt, SMALL, TARGET, WARM, Wire, measure, now,
};
use qemu_board::entry;

const WHO: &str = "edge-http";

const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 80);

async fn get(connection: &mut Connection<'_, Wire, 64>) -> usize {
    let [agent, accept, encoding] = FIELDS;
    let fields = [("Host", HOST), agent, accept, encoding, ("Content-Length", "0")];
    connection.initiate_request(true, Method::Get, TARGET, &fields).await.expect("sent");
    connection.initiate_response().await.expect("a response");
    let (mut room, mut len) = (Aligned([0; 512]), 0);
    loop {
        match connection.read(&mut room.0).await.expect("a body") {
            0 => break,
            count => len += count,
        }
    }
    connection.complete().await.expect("the end");
    len
}

async fn post(connection: &mut Connection<'_, Wire, 64>) {
    let [agent, accept, encoding] = FIELDS;
    let (mut json, mut room, mut len) = ([0; 512], [0; 512], 0);
    let json_len = serde_json_core::to_slice(&READING, &mut json).expect("room");
    let mut digits = [0; 8];
    let digits_len = serde_json_core::to_slice(&json_len, &mut digits).expect("room");
    let length = core::str::from_utf8(&digits[..digits_len]).expect("digits");
    let kind = ("Content-Type", "application/json");
    let fields = [("Host", HOST), agent, accept, encoding, kind, ("Content-Length", length)];
    connection.initiate_request(true, Method::Post, TARGET, &fields).await.expect("sent");
    connection.write_all(&json[..json_len]).await.expect("sent");
    connection.initiate_response().await.expect("a response");
    loop {
        match connection.read(&mut room[len..]).await.expect("a body") {
            0 => break,
            count => len += count,
        }
    }
    connection.complete().await.expect("the end");
    serde_json_core::from_slice::<Receipt>(&room[..len]).expect("a receipt").0.check();
}

fn run() {
    let wire = Wire { response: &SMALL.0 };
    let cold = async || {
        let mut memory = [0; 2048];
        get(&mut Connection::new(&mut memory, &wire, ADDRESS)).await
    };
    assert_eq!(measure(WHO, COLD, || now(pin!(cold()))), 200);
    for (what, response, len) in WARM {
        let wire = Wire { response };
        let mut memory = [0; 2048];
        let mut connection = Connection::new(&mut memory, &wire, ADDRESS);
        now(pin!(get(&mut connection)));
        assert_eq!(measure(WHO, what, || now(pin!(get(&mut connection)))), len);
    }
    let wire = Wire { response: &POSTED.0 };
    let mut memory = [0; 2048];
    let mut connection = Connection::new(&mut memory, &wire, ADDRESS);
    now(pin!(post(&mut connection)));
    measure(WHO, POST, || now(pin!(post(&mut connection))));
}

#[entry]
fn main() -> ! {
    qemu_board::init();
    run();
    qemu_board::exit(0)
}
