//! Requests as data, so that one list of them runs through both faces over one scripted network.

use std::time::Duration;

use socketpool::{
    Error, Resources, SocketPool, blocking,
    http::Method,
    mock::{MockTls, Script, block_on},
    pool::Counts,
    requests::{Body, RequestBuilder, Session},
};

/// One request.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    pub method: Method<'a>,
    pub url: &'a str,
    pub query: &'a [(&'a str, &'a str)],
    pub headers: &'a [(&'a str, &'a str)],
    pub body: Option<&'a [u8]>,
    pub redirects: Option<u8>,
    pub timeout: Duration,
    /// Whether the body is read, or the response dropped at once.
    pub read: bool,
    pub buffer_limit: usize,
}

impl<'a> Call<'a> {
    pub fn get(url: &'a str) -> Self {
        Self {
            method: Method::Get,
            url,
            query: &[],
            headers: &[],
            body: None,
            redirects: Some(10),
            timeout: Duration::from_secs(30),
            read: true,
            buffer_limit: usize::MAX,
        }
    }

    pub fn post(url: &'a str, body: &'a [u8]) -> Self {
        Self { method: Method::Post, body: Some(body), ..Self::get(url) }
    }

    fn dress<'r, S, B: Body>(&'r self, request: RequestBuilder<'r, S, B>) -> RequestBuilder<'r, S, B> {
        request.queries(self.query).headers(self.headers).max_redirects(self.redirects).timeout(Some(self.timeout))
    }
}

/// What came of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub url: String,
    pub redirects: u8,
    pub body: Vec<u8>,
}

/// What came of all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub answers: Vec<Result<Answer, Error>>,
    /// How the pool's slots were used at the end.
    pub counts: Counts,
}

#[derive(Debug, Clone, Copy)]
pub enum Face {
    Async,
    Blocking,
}

pub const FACES: [Face; 2] = [Face::Async, Face::Blocking];

/// Makes the calls one after the other with one session over a pool of `N` sockets.
pub fn run<const N: usize>(face: Face, script: &Script<'_>, calls: &[Call<'_>]) -> Outcome {
    match face {
        Face::Async => block_on(run_async::<N>(script, calls)),
        Face::Blocking => run_blocking::<N>(script, calls),
    }
}

async fn run_async<const N: usize>(script: &Script<'_>, calls: &[Call<'_>]) -> Outcome {
    let (mut network, mut memory) = (script.network(), Box::new(Resources::<N, 0, 70_000>::new()));
    let pool = SocketPool::new(&mut network, &mut memory);
    let mut answers = Vec::new();
    for call in calls {
        let http = Session::new(&pool, &MockTls).buffer_limit(call.buffer_limit);
        let request = call.dress(http.request(call.method, call.url));
        let sent = match call.body {
            Some(body) => request.body(body).send().await,
            None => request.send().await,
        };
        let answer = async {
            let mut response = sent?;
            let mut body = vec![0; if call.read { 1 << 20 } else { 0 }];
            let mut len = 0;
            loop {
                match response.read(&mut body[len..]).await? {
                    0 => break, // the end, or no room because nobody wants it
                    count => len += count,
                }
            }
            body.truncate(len);
            let (status, redirects) = (response.status().as_u16(), response.redirects());
            Ok(Answer { status, url: response.url().to_owned(), redirects, body })
        };
        answers.push(answer.await);
    }
    Outcome { answers, counts: pool.counts() }
}

fn run_blocking<const N: usize>(script: &Script<'_>, calls: &[Call<'_>]) -> Outcome {
    let (mut network, mut memory) = (script.network(), Box::new(Resources::<N, 0, 70_000>::new()));
    let pool = blocking::SocketPool::new(&mut network, &mut memory);
    let mut answers = Vec::new();
    for call in calls {
        let http = blocking::Session::new(&pool, &MockTls).buffer_limit(call.buffer_limit);
        let request = call.dress(http.request(call.method, call.url));
        let sent = match call.body {
            Some(body) => request.body(body).send(),
            None => request.send(),
        };
        let answer = || {
            let mut response = sent?;
            let mut body = vec![0; if call.read { 1 << 20 } else { 0 }];
            let mut len = 0;
            loop {
                match response.read(&mut body[len..])? {
                    0 => break, // the end, or no room because nobody wants it
                    count => len += count,
                }
            }
            body.truncate(len);
            let (status, redirects) = (response.status().as_u16(), response.redirects());
            Ok(Answer { status, url: response.url().to_owned(), redirects, body })
        };
        answers.push(answer());
    }
    Outcome { answers, counts: pool.counts() }
}
