//! GET with edge-http, which reads no URL; the body into a buffer.
#![no_std]
#![no_main]

use core::hint::black_box;

use edge_http::{
    Method,
    io::{Error, client::Connection},
};
use edge_nal::TcpConnect;
use embedded_io_async::{ErrorKind, Read};
use embedded_nal_async::{AddrType, Dns};
use size::Wire;

size::program!(get());

async fn get() -> Result<(), Error<<Wire as TcpConnect>::Error>> {
    let (mut memory, mut buffer) = ([0; 2048], [0; 256]);
    let host = black_box("api.example.com");
    let address = Wire.get_host_by_name(host, AddrType::IPv4).await.map_err(Error::Io)?;
    let mut connection: Connection<'_, Wire> = Connection::new(&mut memory, &Wire, (address, 80).into());
    connection
        .initiate_request(true, Method::Get, black_box("/now"), &[("Host", host), ("Content-Length", "0")])
        .await?;
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
    black_box(&buffer[..len]);
    connection.complete().await
}
