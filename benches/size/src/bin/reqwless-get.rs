//! GET with reqwless; the body into a buffer.
#![no_std]
#![no_main]

use core::hint::black_box;

use reqwless::{Error, client::HttpClient, request::Method};
use size::Wire;

size::program!(get());

async fn get() -> Result<(), Error> {
    let mut client = HttpClient::new(&Wire, &Wire);
    let mut buffer = [0; 2048];
    let mut request = client.request(Method::GET, black_box("http://api.example.com/now")).await?;
    let response = request.send(&mut buffer).await?;
    if !response.status.is_successful() {
        return Err(Error::Codec);
    }
    black_box(response.body().read_to_end().await?);
    Ok(())
}
