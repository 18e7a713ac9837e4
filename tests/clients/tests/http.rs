//! reqwless over `pool::Connector`, against the nginx of tests/interop: it speaks HTTP, we do the TLS below it.

use std::{env, fs};

use clients::{device, directory};
use reqwless::{
    Error,
    client::HttpClient,
    headers::ContentType,
    request::{Method, RequestBuilder},
    response::StatusCode,
};

/// Where nginx speaks TLS. The URL says `http` all the same: reqwless is to do no TLS of its own.
fn url(path: &str) -> String {
    format!(
        "http://localhost:{}{path}",
        env::var("INTEROP_NGINX").expect("these tests are run by tests/interop/run.py")
    )
}

#[test]
fn requests_each_on_a_connection_of_its_own() {
    device!(asynchronous, "root", |pool, tls| {
        let connector = pool.connector(&tls, "localhost");
        let mut http = HttpClient::new(&connector, &connector);
        let mut buffer = vec![0; 2 << 20];
        for _ in 0..3 {
            let url = url("/json");
            let mut request = http.request(Method::GET, &url).await.unwrap();
            let response = request.send(&mut buffer).await.unwrap();
            assert_eq!(response.status, StatusCode(200));
            assert_eq!(response.body().read_to_end().await.unwrap(), br#"{"city": "Utrecht", "celsius": 12.5}"#);
        }
        assert_eq!(pool.counts().free, 2);

        let url = url("/big");
        let mut request = http.request(Method::GET, &url).await.unwrap();
        let response = request.send(&mut buffer).await.unwrap();
        let big = response.body().read_to_end().await.unwrap();
        assert!(*big == *fs::read(directory().join("site/big")).unwrap(), "a megabyte arrives whole");
        drop(request);
        assert_eq!(pool.counts().free, 2);
    });
}

#[test]
fn many_requests_on_one_connection() {
    device!(asynchronous, "root", |pool, tls| {
        let connector = pool.connector(&tls, "localhost");
        let mut http = HttpClient::new(&connector, &connector);
        let (url, mut buffer) = (url("/"), [0; 4096]);
        let mut nginx = http.resource(&url).await.unwrap();
        for count in 0..20 {
            let body = format!("{{\"count\": {count}}}");
            let request = nginx.post("httpbin/post").content_type(ContentType::ApplicationJson).body(body.as_bytes());
            let response = request.send(&mut buffer).await.unwrap();
            assert_eq!(response.status, StatusCode(200));
            let echo = response.body().read_to_end().await.unwrap();
            assert!(str::from_utf8(echo).unwrap().contains(&format!("\"count\": {count}")), "{count}");
            assert_eq!(pool.counts().in_use, 1);
        }
        drop(nginx);
        assert_eq!(pool.counts().free, 2);
    });
}

#[test]
fn whoever_is_not_that_server_hears_no_request() {
    for (root, host) in [("stranger", "localhost"), ("root", "other.example")] {
        device!(asynchronous, root, |pool, tls| {
            let connector = pool.connector(&tls, host);
            let mut http = HttpClient::new(&connector, &connector);
            let url = url("/refused-by-reqwless");
            assert!(matches!(http.request(Method::GET, &url).await, Err(Error::Network(_))), "{root} {host}");
            assert_eq!(pool.counts().free, 2);
        });
    }
    let log = fs::read_to_string(directory().join("requests.log")).unwrap();
    assert!(!log.contains("refused-by-reqwless"));
}
