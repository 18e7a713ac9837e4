//! POST of JSON over a connection that is there; the response parsed: whole degrees.
#![no_std]
#![no_main]

use core::hint::black_box;

use embedded_nal_async::TcpConnect;
use serde::{Deserialize, Serialize};
use size::Wire;
use socketpool::{Error, ErrorKind, Phase, Result, exchange::Connection, http::Method};

size::program!(post());

#[derive(Deserialize, Serialize)]
struct Reading<'a> {
    city: &'a str,
    celsius: i32,
}

async fn post() -> Result<()> {
    let line = Wire
        .connect(black_box(size::address()))
        .await
        .map_err(|kind| Error::new(Phase::Connect, ErrorKind::Io(kind)))?;
    let (mut head, mut buffer) = ([0; 2048], [0; 256]);
    let mut connection = Connection::new(line, &mut head);
    let reading = black_box(Reading { city: "Utrecht", celsius: 21 });
    let request = connection.request(Method::Post, black_box("api.example.com"), black_box("/readings"));
    let mut response = request.header("User-Agent", "size").json(&reading).send().await?;
    let reading: Reading<'_> = response.error_for_status()?.json(&mut buffer).await?;
    black_box((reading.city, reading.celsius));
    Ok(())
}
