//! POST of JSON; the answer parsed: fractions of degrees.
#![no_std]
#![no_main]

use core::hint::black_box;

use serde::{Deserialize, Serialize};
use socketpool::{Resources, Result, SocketPool, requests::Session};

size::program!(post());

#[derive(Deserialize, Serialize)]
struct Reading<'a> {
    city: &'a str,
    celsius: f32,
}

async fn post() -> Result<()> {
    let (mut network, mut memory) = (size::network(), Resources::<1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    let http = Session::plain(&pool);

    let mut buffer = [0; 256];
    let reading = black_box(Reading { city: "Utrecht", celsius: 21.5 });
    let mut response = http.post(black_box("http://api.example.com/readings")).json(&reading).send().await?;
    let answer: Reading<'_> = response.error_for_status()?.json(&mut buffer).await?;
    black_box((answer.city, answer.celsius));
    Ok(())
}
