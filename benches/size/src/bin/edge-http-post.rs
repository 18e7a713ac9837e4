//! POST of JSON with edge-http, which reads no URL; the answer parsed: whole degrees.
#![no_std]
#![no_main]

use core::hint::black_box;

use edge_http::{
    Method,
    io::{Error, client::Connection},
};
use edge_nal::TcpConnect;
use embedded_io_async::{ErrorKind, Read, Write};
use embedded_nal_async::{AddrType, Dns};
use serde::{Deserialize, Serialize};
use size::Wire;

size::program!(post());

#[derive(Deserialize, Serialize)]
struct Reading<'a> {
    city: &'a str,
    celsius: i32,
}

async fn post() -> Result<(), Error<<Wire as TcpConnect>::Error>> {
    let (mut memory, mut buffer) = ([0; 2048], [0; 256]);
    let reading = black_box(Reading { city: "Utrecht", celsius: 21 });
    let text = serde_json_core::to_string::<_, 256>(&reading).map_err(|_| Error::Io(ErrorKind::Other))?;
    // The length as text, which edge-http wants.
    let (len, mut digits, mut at) = (text.len(), [0; 3], 3);
    let mut left = len;
    while at > 0 && (left > 0 || at == 3) {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
    }
    let len = core::str::from_utf8(&digits[at..]).unwrap_or_default();

    let host = black_box("api.example.com");
    let address = Wire.get_host_by_name(host, AddrType::IPv4).await.map_err(Error::Io)?;
    let mut connection: Connection<'_, Wire> = Connection::new(&mut memory, &Wire, (address, 80).into());
    let fields = [("Host", host), ("Content-Type", "application/json"), ("Content-Length", len)];
    connection.initiate_request(true, Method::Post, black_box("/readings"), &fields).await?;
    connection.write_all(text.as_bytes()).await?;
    connection.initiate_response().await?;
    if connection.headers()?.code >= 400 {
        return Err(Error::Io(ErrorKind::Other));
    }
    let mut len = 0;
    loop {
        match connection.read(&mut buffer[len..]).await? {
            0 => break,
            count => len += count,
        }
    }
    connection.complete().await?;
    let (answer, _) =
        serde_json_core::from_slice::<Reading<'_>>(&buffer[..len]).map_err(|_| Error::Io(ErrorKind::Other))?;
    black_box((answer.city, answer.celsius));
    Ok(())
}
