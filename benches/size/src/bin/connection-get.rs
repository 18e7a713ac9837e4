//! GET over a connection that is there; the body into a buffer.
#![no_std]
#![no_main]

use core::hint::black_box;

use embedded_nal_async::TcpConnect;
use size::Wire;
use socketpool::{Error, ErrorKind, Phase, Result, exchange::Connection, http::Method};

size::program!(get());

async fn get() -> Result<()> {
    let line = Wire
        .connect(black_box(size::address()))
        .await
        .map_err(|kind| Error::new(Phase::Connect, ErrorKind::Io(kind)))?;
    let (mut head, mut buffer) = ([0; 2048], [0; 256]);
    let mut connection = Connection::new(line, &mut head);
    let request = connection.request(Method::Get, black_box("api.example.com"), black_box("/now"));
    let mut response = request.header("User-Agent", "size").send().await?;
    black_box(response.error_for_status()?.content(&mut buffer).await?);
    Ok(())
}
