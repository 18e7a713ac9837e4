//! Our connection.
#![no_std]
#![no_main]

use core::pin::pin;

use icount_connection::{
    Aligned, COLD, FIELDS, HOST, Line, POST, POSTED, READING, Receipt, SMALL, TARGET, WARM, Wire, measure, now,
};
use qemu_board::entry;
use socketpool::{
    exchange::{Connection, Stream},
    http::Method,
};

const WHO: &str = "socketpool";

async fn get(connection: &mut Connection<'_, Stream<Line>>) -> usize {
    let request = connection.request(Method::Get, HOST, TARGET).headers(&FIELDS);
    let mut response = request.send().await.expect("a response");
    let (mut room, mut len) = (Aligned([0; 512]), 0);
    loop {
        match response.read(&mut room.0).await.expect("a body") {
            0 => return len,
            count => len += count,
        }
    }
}

async fn post(connection: &mut Connection<'_, Stream<Line>>) {
    let request = connection.request(Method::Post, HOST, TARGET).headers(&FIELDS).json(&READING);
    let mut response = request.send().await.expect("a response");
    let mut room = [0; 512];
    response.json::<Receipt>(&mut room).await.expect("a receipt").check();
}

fn run() {
    let wire = Wire { response: &SMALL.0 };
    let len = measure(WHO, COLD, || {
        let mut memory = [0; 2048];
        let mut connection = Connection::new(wire.line(), &mut memory);
        now(pin!(get(&mut connection)))
    });
    assert_eq!(len, 200);
    for (what, response, len) in WARM {
        let mut memory = [0; 2048];
        let mut connection = Connection::new(Wire { response }.line(), &mut memory);
        now(pin!(get(&mut connection)));
        assert_eq!(measure(WHO, what, || now(pin!(get(&mut connection)))), len);
    }
    let mut memory = [0; 2048];
    let mut connection = Connection::new(Wire { response: &POSTED.0 }.line(), &mut memory);
    now(pin!(post(&mut connection)));
    measure(WHO, POST, || now(pin!(post(&mut connection))));
}

#[entry]
fn main() -> ! {
    qemu_board::init();
    run();
    qemu_board::exit(0)
}
