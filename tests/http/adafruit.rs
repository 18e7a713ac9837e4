//! The cases of adafruit_requests' own tests that concern responses and the reuse of connections, made ours.
//!
//! Two deviate, and on purpose: where the first of two responses is not read, and where data is left on a connection.
#![cfg(all(feature = "json", feature = "mock", feature = "blocking"))]

use socketpool::{
    ErrorKind,
    mock::{Peer, Script, Step},
};

const HOST: &str = "wifitest.adafruit.com";
const URL: &str = "http://wifitest.adafruit.com/testwifi/index.html";
const TEXT: &str = "This is a test of Adafruit WiFi!\r\nIf you can read this, its working :)";
const END: Step<'static> = Step::Receive(b"\r\n\r\n");

fn plain() -> Vec<u8> {
    format!("HTTP/1.0 200 OK\r\nContent-Length: 70\r\n\r\n{TEXT}").into_bytes()
}

/// In chunks of 33 bytes, whose size lines end like this.
fn chunked(blanks: &str, extension: &str) -> Vec<u8> {
    let mut answer = format!("HTTP/1.0 200 OK\r\nTransfer-Encoding:{blanks}chunked\r\n\r\n");
    for chunk in TEXT.as_bytes().chunks(33) {
        answer += &format!("{:x}{extension}\r\n{}\r\n", chunk.len(), std::str::from_utf8(chunk).unwrap());
    }
    (answer + "0\r\n\r\n").into_bytes()
}

macro_rules! cases {
    ($face:ident, $Pool:path, $Session:path, $wait:ident, $run:ident) => {
        mod $face {
            use super::*;
            use socketpool::{Resources, mock::MockTls};
            use {$Pool as Pool, $Session as Session};

            /// protocol_test, chunk_test: the text, whole and in pieces.
            #[test]
            fn the_text_however_it_is_framed() {
                let answers =
                    [plain(), chunked(" ", ""), chunked(" ", ";blahblah; blah"), chunked("  ", ""), chunked("", " ")];
                for (answer, fragment) in answers.iter().flat_map(|answer| [(answer, 1000), (answer, 205), (answer, 1)]) {
                    let steps = [END, Step::Send(answer)];
                    let peers = [Peer::new(HOST, 80, &steps).in_fragments_of(fragment)];
                    let script = Script::new(&peers);
                    let (mut network, mut memory) = (script.network(), Resources::<1>::new());
                    let pool = Pool::new(&mut network, &mut memory);
                    $run!({
                        let mut buffer = [0; 100];
                        let mut response = $wait!(Session::plain(&pool).get(URL).send()).expect("a response");
                        assert_eq!($wait!(response.text(&mut buffer)), Ok(TEXT));
                    });
                }
            }

            /// protocol_test: where a request goes; chunk_test: a response may be closed before it is read.
            #[test]
            fn closing_without_reading_is_no_failure() {
                for (url, port, answer) in [(URL, 80, plain()), ("https://wifitest.adafruit.com/", 443, chunked(" ", ""))] {
                    let steps = [END, Step::Send(&answer)];
                    let peers = [Peer::new(HOST, port, &steps).in_fragments_of(50)];
                    let script = Script::new(&peers);
                    let (mut network, mut memory) = (script.network(), Resources::<1>::new());
                    let pool = Pool::new(&mut network, &mut memory);
                    $run!({
                        let response = $wait!(Session::new(&pool, &MockTls).get(url).send()).expect("a response");
                        assert_eq!($wait!(response.close()), Ok(()));
                    });
                    assert_eq!(pool.counts().in_use, 0);
                }
            }

            /// parse_test: JSON behind a head whose end lies at a boundary of their buffer.
            #[test]
            fn json_behind_a_boundary() {
                let answer = b"HTTP/1.0 200 OK\r\npadding: 000\r\nContent-Type: application/json\r\nContent-Length: 25\r\n\r\n\
                    {\"Date\": \"July 25, 2019\"}";
                #[derive(serde::Deserialize)]
                #[serde(rename_all = "PascalCase")]
                struct Dated<'b> {
                    date: &'b str,
                }
                let steps = [END, Step::Send(answer)];
                let peers = [Peer::new(HOST, 80, &steps).in_fragments_of(32)];
                let script = Script::new(&peers);
                let (mut network, mut memory) = (script.network(), Resources::<1>::new());
                let pool = Pool::new(&mut network, &mut memory);
                $run!({
                    let mut buffer = [0; 32];
                    let mut response = $wait!(Session::plain(&pool).get(URL).send()).expect("a response");
                    let dated: Dated<'_> = $wait!(response.json(&mut buffer)).expect("JSON");
                    assert_eq!(dated.date, "July 25, 2019");
                });
            }

            /// reuse_test: two requests, one connection.
            #[test]
            fn a_second_request_uses_the_connection_again() {
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 70\r\n\r\n{TEXT}").into_bytes();
                let steps = [END, Step::Send(&answer), END, Step::Send(&answer)];
                let peers = [Peer::new(HOST, 80, &steps)];
                let script = Script::new(&peers);
                let (mut network, mut memory) = (script.network(), Resources::<1>::new());
                let pool = Pool::new(&mut network, &mut memory);
                $run!({
                    let http = Session::plain(&pool);
                    for _ in 0..2 {
                        let mut buffer = [0; 100];
                        let mut response = $wait!(http.get(URL).send()).expect("a response");
                        assert_eq!($wait!(response.text(&mut buffer)), Ok(TEXT));
                    }
                });
                assert_eq!(script.connections(), 1);
            }

            /// reuse_test, the second request while the first is unread. The first deliberate deviation: there the first
            /// response dies ("Newer Response closed this one"), here each has its own connection and both can be read.
            #[test]
            fn a_newer_response_does_not_close_the_older() {
                let (first, second) = ([END, Step::Send(b"HTTP/1.0 200 OK\r\nContent-Length: 70\r\n\r\n"), Step::Send(TEXT.as_bytes())], plain());
                let second = [END, Step::Send(&second)];
                let peers = [Peer::new(HOST, 80, &first), Peer::new(HOST, 80, &second)];
                let script = Script::new(&peers);
                let (mut network, mut memory) = (script.network(), Resources::<2>::new());
                let pool = Pool::new(&mut network, &mut memory);
                $run!({
                    let http = Session::plain(&pool);
                    let mut buffer = [0; 100];
                    let mut older = $wait!(http.get(URL).send()).expect("a response");
                    let mut newer = $wait!(http.get(URL).send()).expect("a response");
                    assert_eq!($wait!(newer.text(&mut buffer)), Ok(TEXT));
                    assert_eq!($wait!(older.text(&mut buffer)), Ok(TEXT));
                });
                assert_eq!(script.connections(), 2);
            }

            /// The same case has a body that is cut off by what looks like the next answer. The second deliberate
            /// deviation: there what is left is taken for the answer to the next request, here it is a body of 70 bytes,
            /// and a connection with data left on it is never used again.
            #[test]
            fn what_is_left_of_a_body_is_never_an_answer() {
                let left = b"HTTP/1.1 200 OK\r\nContent-Length: 70\r\n\r\nHTTP/1.1 200 Smuggled\r\nContent-Length: 4\r\n\r\nEVIL";
                let answer = plain();
                let (first, second) = ([END, Step::Send(left)], [END, Step::Send(&answer)]);
                let peers = [Peer::new(HOST, 80, &first), Peer::new(HOST, 80, &second)];
                let script = Script::new(&peers);
                let (mut network, mut memory) = (script.network(), Resources::<1>::new());
                let pool = Pool::new(&mut network, &mut memory);
                $run!({
                    let http = Session::plain(&pool);
                    let mut buffer = [0; 100];
                    drop($wait!(http.get(URL).send()).expect("a response"));
                    let mut response = $wait!(http.get(URL).send()).expect("a response");
                    assert_eq!($wait!(response.text(&mut buffer)), Ok(TEXT));
                });
                assert_eq!(script.connections(), 2);
            }

            /// reuse_test: a kept connection that takes nothing, or answers nothing, is replaced once.
            #[test]
            fn a_dead_connection_is_replaced() {
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 70\r\n\r\n{TEXT}").into_bytes();
                for death in [&[Step::Reset][..], &[END, Step::Close], &[Step::Close]] {
                    let first = [&[END, Step::Send(&answer)], death].concat();
                    let second = [END, Step::Send(&answer)];
                    let peers = [Peer::new(HOST, 80, &first), Peer::new(HOST, 80, &second)];
                    let script = Script::new(&peers);
                    let (mut network, mut memory) = (script.network(), Resources::<1>::new());
                    let pool = Pool::new(&mut network, &mut memory);
                    $run!({
                        let http = Session::plain(&pool);
                        for _ in 0..2 {
                            let mut buffer = [0; 100];
                            let mut response = $wait!(http.get(URL).send()).expect("a response");
                            assert_eq!($wait!(response.text(&mut buffer)), Ok(TEXT));
                        }
                    });
                    assert_eq!((script.connections(), script.open()), (2, 1));
                }
            }

            /// real_call_test: an answer without a body ends at once; a redirect is followed, or not.
            #[test]
            fn no_content_and_redirects() {
                let moved = b"HTTP/1.1 301 Moved\r\nLocation: /to\r\nContent-Length: 0\r\n\r\n";
                let nothing = b"HTTP/1.1 204 No Content\r\n\r\n";
                let steps = [END, Step::Send(moved), END, Step::Send(nothing), END, Step::Send(moved)];
                let peers = [Peer::new(HOST, 80, &steps)];
                let script = Script::new(&peers);
                let (mut network, mut memory) = (script.network(), Resources::<1>::new());
                let pool = Pool::new(&mut network, &mut memory);
                $run!({
                    let http = Session::plain(&pool);
                    let mut response = $wait!(http.get(URL).send()).expect("a response");
                    assert_eq!((response.status().as_u16(), response.redirects()), (204, 1));
                    assert_eq!($wait!(response.text(&mut [0; 4])), Ok(""));
                    drop(response);
                    let response = $wait!(http.get(URL).max_redirects(None).send()).expect("a response");
                    assert_eq!((response.status().as_u16(), response.header("location")), (301, Some("/to")));
                });
                assert_eq!(script.connections(), 1);
            }

            /// What upstream gets wrong: a body that is cut short is an error, not a shorter text.
            #[test]
            fn a_body_cut_short_is_an_error() {
                let cut = plain();
                let steps = [END, Step::Send(&cut[..cut.len() - 1]), Step::Close];
                let peers = [Peer::new(HOST, 80, &steps)];
                let script = Script::new(&peers);
                let (mut network, mut memory) = (script.network(), Resources::<1>::new());
                let pool = Pool::new(&mut network, &mut memory);
                $run!({
                    let mut response = $wait!(Session::plain(&pool).get(URL).send()).expect("a response");
                    let error = $wait!(response.text(&mut [0; 100])).expect_err("cut");
                    assert_eq!(error.kind(), ErrorKind::Truncated);
                });
            }
        }
    };
}
macro_rules! awaited {
    ($work:expr) => {
        $work.await
    };
}
macro_rules! at_once {
    ($work:expr) => {
        $work
    };
}
macro_rules! block_on {
    ($body:block) => {
        socketpool::mock::block_on(async { $body })
    };
}
macro_rules! now {
    ($body:block) => {
        $body
    };
}
cases!(asynchronous, socketpool::SocketPool, socketpool::requests::Session, awaited, block_on);
cases!(blocking, socketpool::blocking::SocketPool, socketpool::blocking::Session, at_once, now);
