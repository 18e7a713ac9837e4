//! POST of JSON with reqwless; the answer parsed: whole degrees.
#![no_std]
#![no_main]

use core::hint::black_box;

use reqwless::{
    Error,
    client::HttpClient,
    headers::ContentType,
    request::{Method, RequestBuilder},
};
use serde::{Deserialize, Serialize};
use size::Wire;

size::program!(post());

#[derive(Deserialize, Serialize)]
struct Reading<'a> {
    city: &'a str,
    celsius: i32,
}

async fn post() -> Result<(), Error> {
    let mut client = HttpClient::new(&Wire, &Wire);
    let (mut text, mut buffer) = ([0; 256], [0; 2048]);
    let reading = black_box(Reading { city: "Utrecht", celsius: 21 });
    let len = serde_json_core::to_slice(&reading, &mut text).map_err(|_| Error::Codec)?;
    let mut request = client
        .request(Method::POST, black_box("http://api.example.com/readings"))
        .await?
        .content_type(ContentType::ApplicationJson)
        .body(&text[..len]);
    let response = request.send(&mut buffer).await?;
    if !response.status.is_successful() {
        return Err(Error::Codec);
    }
    let body = response.body().read_to_end().await?;
    let (answer, _) = serde_json_core::from_slice::<Reading<'_>>(body).map_err(|_| Error::Codec)?;
    black_box((answer.city, answer.celsius));
    Ok(())
}
