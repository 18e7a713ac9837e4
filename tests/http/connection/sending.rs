//! What is sent: head and content, in how many writes, and what a server can say meanwhile.

use super::*;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Reading<'a> {
    city: &'a str,
    celsius: i32,
}

#[test]
fn json_goes_out_in_one_write_behind_the_head_and_comes_back_as_a_value() {
    let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 31\r\n\r\n{\"city\":\"Den Haag\",\"celsius\":7}";
    let line = Line::new(&[Act::Await(b"}"), send(reply)]);
    let mut buffer = [0; 256];
    let mut connection = Connection::new(line.clone(), &mut buffer);
    let sent = Reading { city: "Utrecht", celsius: 21 };
    let mut room = [0; 64];
    let received: Reading<'_> = at_once(async {
        connection.request(Method::Post, HOST, "/log").json(&sent).send().await?.json(&mut room).await
    })
    .unwrap();
    assert_eq!(received, Reading { city: "Den Haag", celsius: 7 });
    // RFC 9112 §5: blanks before a value are no part of it. The number is known after the body is written.
    let head =
        "POST /log HTTP/1.1\r\nHost: host.example\r\nContent-Type: application/json\r\nContent-Length:  31\r\n\r\n";
    let body = r#"{"city":"Utrecht","celsius":21}"#;
    assert_eq!((line.sent(), line.writes()), (format!("{head}{body}"), 1));
}

#[test]
fn a_method_that_gives_content_meaning_says_that_there_is_none() {
    // RFC 9110 §8.6
    let lengths = [(Method::Post, true), (Method::Put, true), (Method::Get, false), (Method::Delete, false)];
    for (method, says) in lengths {
        for is_form in [false, true] {
            let line = Line::new(&[HEAD_END, send(OK)]);
            let mut buffer = [0; 256];
            let mut connection = Connection::new(line.clone(), &mut buffer);
            let request = connection.request(method, HOST, "/");
            if is_form {
                at_once(request.form(&[]).expect_continue().send()).unwrap();
            } else {
                at_once(request.expect_continue().send()).unwrap();
            }
            assert_eq!(line.sent().contains("Content-Length: 0\r\n\r\n"), says, "{}", line.sent());
            // RFC 9110 §10.1.1: nothing is expected without content.
            assert!(!line.sent().contains("Expect"), "{}", line.sent());
        }
    }
}

#[test]
fn bytes_that_do_not_fit_follow_the_head_from_where_they_are() {
    let body = "x".repeat(1000);
    for (size, writes) in [(1200, 1), (128, 2)] {
        let line = Line::new(&[HEAD_END, send(OK)]);
        let mut buffer = vec![0; size];
        let mut connection = Connection::new(line.clone(), &mut buffer);
        at_once(connection.request(Method::Put, HOST, "/").body(body.as_bytes()).send()).unwrap();
        let head = "PUT / HTTP/1.1\r\nHost: host.example\r\nContent-Length: 1000\r\n\r\n";
        assert_eq!((line.sent(), line.writes()), (format!("{head}{body}"), writes));
    }
}

#[test]
fn a_stream_is_sent_piece_by_piece() {
    // RFC 9112 §7.1, §6.2
    let data: Vec<u8> = (b'a'..=b'z').cycle().take(700).collect();
    for (len, listens) in [(None, false), (None, true), (Some(700), false), (Some(700), true)] {
        let line =
            Line::new(&[HEAD_END, Act::Await(if len.is_none() { b"0\r\n\r\n" } else { b"x" }), send(OK)]).hesitating();
        let mut buffer = [0; 256];
        let result = if listens {
            let mut connection = Connection::from_halves(line.clone(), line.clone(), &mut buffer);
            block_on(connection.request(Method::Put, HOST, "/").stream(&data[..], len).send()).map(drop)
        } else {
            let mut connection = Connection::new(line.clone(), &mut buffer);
            block_on(connection.request(Method::Put, HOST, "/").stream(&data[..], len).send()).map(drop)
        };
        result.unwrap();
        let sent = line.sent();
        let (head, mut body) = sent.split_once("\r\n\r\n").unwrap();
        let mut received = String::new();
        if len.is_some() {
            assert!(head.ends_with("Content-Length: 700"));
            received.push_str(body);
        } else {
            assert!(head.ends_with("Transfer-Encoding: chunked"));
            while let Some((size, rest)) = body.split_once("\r\n") {
                let size = usize::from_str_radix(size, 16).unwrap();
                received.push_str(&rest[..size]);
                body = rest[size..].strip_prefix("\r\n").unwrap();
            }
        }
        assert_eq!(received.as_bytes(), data);
    }
}

#[test]
fn a_source_that_is_not_as_long_as_announced_ends_the_exchange() {
    for (len, wanted) in [(9, SourceError::TooLong), (11, SourceError::EndedEarly)] {
        let line = Line::new(&[]);
        let mut buffer = [0; 128];
        let mut connection = Connection::new(line, &mut buffer);
        let request = connection.request(Method::Put, HOST, "/").stream(&b"0123456789"[..], len);
        let error = at_once(request.send()).unwrap_err();
        assert_eq!(kind(error), (Phase::Send, ErrorKind::Source(wanted)));
        assert_eq!(connection.close_reason(), Some(CloseReason::Failed(error)));
    }
}

#[test]
fn a_server_that_is_asked_first_gets_the_content_or_not() {
    // RFC 9110 §10.1.1. Status, body sent, reason to close, milliseconds.
    let refusal = b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n";
    let cases: [(&[Act], u16, bool, Option<CloseReason>, u64); 5] = [
        (&[HEAD_END, send(b"HTTP/1.1 100 Continue\r\n\r\n"), Act::Await(b"body"), send(OK)], 200, true, None, 0),
        (&[HEAD_END, send(refusal), Act::End], 417, false, Some(CloseReason::RequestCut), 0),
        // Silent for a second: the content is sent all the same.
        (&[HEAD_END, Act::Await(b"body"), send(OK)], 200, true, None, 1000),
        // Other interim responses are no answer to the question.
        (
            &[HEAD_END, send(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 \r\n\r\n"), Act::Await(b"body"), send(OK)],
            200,
            true,
            None,
            0,
        ),
        (&[HEAD_END, send(OK)], 200, false, Some(CloseReason::RequestCut), 0),
    ];
    for (acts, status, sent, reason, millis) in cases {
        for size in [128, 400] {
            for segment in [1, 1000] {
                let (line, time) = (Line::new(acts).segments(segment), Time::default());
                let mut buffer = vec![0; size];
                let mut connection = Connection::over(Stream::new(line.clone()).with_timer(&time), &mut buffer);
                connection.set_deadline(Deadline::at(Instant::from_millis(30_000)));
                let request = connection.request(Method::Put, HOST, "/").body(b"the body").expect_continue();
                let mut response = block_on(request.send()).unwrap();
                assert_eq!(response.status().as_u16(), status);
                block_on(response.content(&mut [0; 8])).unwrap();
                assert_eq!(line.sent().ends_with("Expect: 100-continue\r\n\r\nthe body"), sent);
                assert_eq!((connection.close_reason(), time.now().as_millis()), (reason, millis));
            }
        }
    }
}

#[test]
fn without_a_clock_a_server_is_asked_and_not_waited_for() {
    let line = Line::new(&[Act::Await(b"body"), send(OK)]);
    let mut buffer = [0; 256];
    let mut connection = Connection::new(line.clone(), &mut buffer);
    at_once(connection.request(Method::Put, HOST, "/").body(b"the body").expect_continue().send()).unwrap();
    assert!(line.sent().ends_with("Expect: 100-continue\r\n\r\nthe body"));
}

#[test]
fn a_refusal_is_heard_while_the_content_is_sent() {
    // RFC 9112 §9.5: the server stops reading, says why, and the client stops sending.
    let refusal = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno!";
    let body = vec![b'x'; 5000];
    for is_stream in [false, true] {
        for segment in [1, 9, 1000] {
            let line =
                Line::new(&[Act::Accept(300), Act::Await(b"xxxx"), Act::Accept(0), send(refusal)]).segments(segment);
            let mut buffer = [0; 400];
            let mut connection = Connection::over(Halves::new(line.clone(), line.clone()), &mut buffer);
            let request = connection.request(Method::Put, HOST, "/");
            let (status, content) = block_on(async {
                let mut room = [0; 8];
                let mut response = match is_stream {
                    true => request.stream(&body[..], None).send().await?,
                    false => request.body(&body).send().await?,
                };
                let content = response.content(&mut room).await?.to_vec();
                Ok::<_, Error>((response.status().as_u16(), content))
            })
            .unwrap();
            assert_eq!((status, &content[..]), (413, &b"no!"[..]));
            assert_eq!(connection.close_reason(), Some(CloseReason::RequestCut));
        }
    }
}

#[test]
fn a_success_that_comes_early_does_not_cut_the_content_short() {
    let body = vec![b'x'; 5000];
    for is_stream in [false, true] {
        let line = Line::new(&[Act::Accept(300), Act::Await(b"xxxx"), send(OK)]).segments(5);
        let mut buffer = [0; 400];
        let mut connection = Connection::from_halves(line.clone(), line.clone(), &mut buffer);
        let request = connection.request(Method::Put, HOST, "/");
        let content = block_on(async {
            let mut room = [0; 8];
            let mut response = match is_stream {
                true => request.stream(&body[..], 5000).send().await?,
                false => request.body(&body).send().await?,
            };
            Ok::<_, Error>(response.content(&mut room).await?.to_vec())
        });
        assert_eq!(content.unwrap(), b"ok");
        assert_eq!(line.sent().matches('x').count(), 5000 + 1, "and the one in the name of the host");
        assert!(connection.may_reuse());
    }
}

#[test]
fn a_server_that_hung_up_on_the_content_may_have_said_why() {
    let refusal = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 3\r\n\r\nwho";
    let body = vec![b'x'; 5000];
    for is_stream in [false, true] {
        for has_reason in [true, false] {
            let reason: &[u8] = if has_reason { refusal } else { b"" };
            let line = Line::new(&[HEAD_END, send(reason), Act::Refuse, Act::End]);
            let mut buffer = [0; 128];
            let mut connection = Connection::new(line, &mut buffer);
            let request = connection.request(Method::Put, HOST, "/");
            let status = at_once(async {
                Ok::<_, Error>(match is_stream {
                    true => request.stream(&body[..], None).send().await?.status().as_u16(),
                    false => request.body(&body).send().await?.status().as_u16(),
                })
            });
            if has_reason {
                assert_eq!(status, Ok(401));
                assert_eq!(connection.close_reason(), Some(CloseReason::RequestCut));
            } else {
                let reset = (Phase::Send, ErrorKind::Io(IoKind::ConnectionReset));
                assert_eq!(status.map_err(kind), Err(reset));
                assert!(!connection.response_began());
            }
        }
    }
}
