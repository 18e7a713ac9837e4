//! GET; the body into a buffer.
#![no_std]
#![no_main]

use core::hint::black_box;

use socketpool::{Resources, Result, SocketPool, requests::Session};

size::program!(get());

async fn get() -> Result<()> {
    let (mut network, mut memory) = (size::network(), Resources::<1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    let http = Session::plain(&pool);

    let mut buffer = [0; 256];
    let mut response = http.get(black_box("http://api.example.com/now")).send().await?;
    black_box(response.error_for_status()?.content(&mut buffer).await?);
    Ok(())
}
