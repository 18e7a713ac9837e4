//! GET with the blocking face alone.
#![no_std]
#![no_main]

use core::hint::black_box;

use socketpool::{
    Resources, Result,
    blocking::{Session, SocketPool},
};

size::program!(async { get() });

fn get() -> Result<()> {
    let (mut network, mut memory) = (size::blocking_network(), Resources::<1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    let http = Session::plain(&pool);

    let mut buffer = [0; 256];
    let mut response = http.get(black_box("http://api.example.com/now")).send()?;
    black_box(response.error_for_status()?.content(&mut buffer)?);
    Ok(())
}
