//! GET with both faces in one image.
#![no_std]
#![no_main]

use core::hint::black_box;

use socketpool::{Resources, Result, SocketPool, blocking, requests::Session};

size::program!(async { get().await.and_then(|()| get_blocking()) });

async fn get() -> Result<()> {
    let (mut network, mut memory) = (size::network(), Resources::<1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    let http = Session::plain(&pool);

    let mut buffer = [0; 256];
    let mut response = http.get(black_box("http://api.example.com/now")).send().await?;
    black_box(response.error_for_status()?.content(&mut buffer).await?);
    Ok(())
}

fn get_blocking() -> Result<()> {
    let (mut network, mut memory) = (size::blocking_network(), Resources::<1>::new());
    let pool = blocking::SocketPool::new(&mut network, &mut memory);
    let http = blocking::Session::plain(&pool);

    let mut buffer = [0; 256];
    let mut response = http.get(black_box("http://api.example.com/now")).send()?;
    black_box(response.error_for_status()?.content(&mut buffer)?);
    Ok(())
}
