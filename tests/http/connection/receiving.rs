//! What is made of a response: interim ones, the end of a body, trailers, and what does not fit.

use super::*;

#[test]
fn interim_responses_are_passed_over_but_not_for_ever() {
    // RFC 9110 §15.2
    let interim = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
    for segment in [1, 1000] {
        let (result, reason) = outcome(Method::Get, &[&interim.repeat(16)[..], OK].concat(), segment);
        assert_eq!((result, reason), (Ok((200, b"ok".to_vec())), None));
        let (result, _) = outcome(Method::Get, &[&interim.repeat(17)[..], OK].concat(), segment);
        assert_eq!(result.map_err(kind), Err((Phase::Head, ErrorKind::Malformed(DecodeError::TooManyInterim))));
    }
}

#[test]
fn a_server_that_switches_protocols_unasked_is_refused() {
    // RFC 9110 §7.8, §15.2.2
    let (result, reason) = outcome(Method::Get, b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\nbinary", 1000);
    let error = result.unwrap_err();
    assert!(matches!(kind(error), (Phase::Head, ErrorKind::Status(status)) if status.as_u16() == 101));
    assert_eq!(reason, Some(CloseReason::Failed(error)));
}

#[test]
fn a_body_ends_where_the_framing_says() {
    use http::CloseReason::{AmbiguousFraming, Http10, ServerConnectionClose, UntilClose};
    let head = |reason| Some(CloseReason::Head(reason));
    // RFC 9112 §6.3, §7.1, §9.3, §9.6; RFC 9110 §15.3.6 (205), §15.4.5 (304).
    let cases: [(Method<'_>, &str, u16, &str, Option<CloseReason>); 13] = [
        (Method::Head, "200 OK\r\nContent-Length: 9\r\n\r\n", 200, "", None),
        (Method::Get, "204 \r\n\r\n", 204, "", None),
        (Method::Get, "304 \r\nContent-Length: 9\r\n\r\n", 304, "", None),
        (Method::Get, "205 \r\nContent-Length: 0\r\n\r\n", 205, "", None),
        (Method::Get, "200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", None),
        (Method::Get, "200 OK\r\nContent-Length: 5\r\n\r\nhello!", 200, "hello", Some(CloseReason::Surplus)),
        (
            Method::Get,
            "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
            200,
            "hello",
            None,
        ),
        (Method::Get, "200 OK\r\n\r\nhello", 200, "hello", head(UntilClose)),
        (
            Method::Get,
            "200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
            200,
            "ok",
            head(ServerConnectionClose),
        ),
        (Method::Get, "204 \r\nContent-Length: 2\r\n\r\n", 204, "", head(AmbiguousFraming)),
        (
            Method::Get,
            "200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            200,
            "",
            head(AmbiguousFraming),
        ),
        (Method::Get, "404 \r\nContent-Length: 1\r\n\r\nx", 404, "x", None),
        (Method::Post, "200 OK\r\nContent-Length: 10\r\n\r\n0123456789", 200, "0123456789", None),
    ];
    for (method, text, status, body, reason) in cases {
        for segment in [1, 2, 3, 5, 8, 1000] {
            let (result, found) = outcome(method, format!("HTTP/1.1 {text}").as_bytes(), segment);
            assert_eq!(result, Ok((status, body.as_bytes().to_vec())), "{text} {segment}");
            // In small segments the surplus has not arrived.
            assert!(found == reason || (reason == Some(CloseReason::Surplus) && found.is_none()), "{text} {segment}");
        }
    }
    let (result, reason) = outcome(Method::Get, b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 1000);
    assert_eq!((result, reason), (Ok((200, b"ok".to_vec())), head(Http10)));
}

#[test]
fn a_body_that_is_cut_short_is_an_error() {
    for text in ["Content-Length: 5\r\n\r\nhell", "Transfer-Encoding: chunked\r\n\r\n5\r\nhell", "Content-Le"] {
        for segment in [1, 4, 1000] {
            let (result, reason) = outcome(Method::Get, format!("HTTP/1.1 200 OK\r\n{text}").as_bytes(), segment);
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Truncated);
            assert_eq!(reason, Some(CloseReason::Failed(error)));
        }
    }
    let (result, _) = outcome(Method::Get, b"", 1000);
    assert_eq!(result.map_err(kind), Err((Phase::Head, ErrorKind::Malformed(DecodeError::NoResponse))));
}

#[test]
fn good_data_is_delivered_before_the_fault_behind_it() {
    // RFC 9112 §7.1: the second chunk has no size.
    let response = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nworld";
    for segment in [1, 2, 3, 7, 1000] {
        let line = Line::new(&[HEAD_END, send(response)]).segments(segment);
        let mut buffer = [0; 256];
        let mut connection = Connection::new(line, &mut buffer);
        let error = at_once(async {
            let mut response = connection.request(Method::Get, HOST, "/").send().await?;
            let (mut body, mut room) = (Vec::<u8>::new(), [0; 64]);
            loop {
                match response.read(&mut room).await {
                    Ok(count) => body.extend(&room[..count]),
                    Err(error) => {
                        assert_eq!(body, b"hello", "{segment}");
                        assert_eq!(response.read(&mut room).await, Err(error), "the error stays");
                        return Err::<(), _>(error);
                    }
                }
            }
        })
        .unwrap_err();
        assert_eq!(kind(error), (Phase::Body, ErrorKind::Malformed(DecodeError::InvalidChunkSize)));
        assert_eq!(connection.close_reason(), Some(CloseReason::Failed(error)));
    }
}

#[test]
fn trailers_are_there_once_the_body_was_read() {
    // RFC 9112 §7.1.2, RFC 9110 §6.5.1
    let response =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nDigest: abc\r\nHost: evil\r\n\r\n";
    for segment in [1, 3, 1000] {
        let line = Line::new(&[HEAD_END, send(response)]).segments(segment);
        let mut buffer = [0; 256];
        let mut connection = Connection::new(line, &mut buffer);
        at_once(async {
            let mut response = connection.request(Method::Get, HOST, "/").send().await?;
            assert_eq!(response.trailer("digest"), None);
            assert_eq!(response.text(&mut [0; 2]).await?, "ok");
            assert_eq!((response.trailer("digest"), response.trailer("host")), (Some("abc"), None));
            assert!(response.may_reuse());
            Ok::<_, Error>(())
        })
        .unwrap();
    }
}

#[test]
fn what_does_not_fit_is_told_with_its_size() {
    let head = "HTTP/1.1 200 OK\r\nX: 0123456789012345678901234567890123456789\r\nContent-Length: 2\r\n\r\n";
    for segment in [1, 1000] {
        for size in [64, head.len() - 1, head.len()] {
            let line = Line::new(&[HEAD_END, send(head.as_bytes()), send(b"ok")]).segments(segment);
            let mut buffer = vec![0; size];
            let mut connection = Connection::new(line, &mut buffer);
            let result = at_once(connection.request(Method::Get, HOST, "/").send()).map(|response| response.status());
            let need = ErrorKind::TooLarge { what: Limit::ResponseHead, need: Some(head.len()), have: size };
            match result {
                Ok(_) => assert_eq!(size, head.len()),
                Err(error) => assert_eq!(kind(error), (Phase::Head, need)),
            }
        }
    }
    // The request: its head, or its head with a body that has to fit.
    let head = "GET / HTTP/1.1\r\nHost: host.example\r\n\r\n";
    let line = Line::new(&[]);
    let mut buffer = [0; 16];
    let mut connection = Connection::new(line.clone(), &mut buffer);
    let error = at_once(connection.request(Method::Get, HOST, "/").send()).unwrap_err();
    let need = ErrorKind::TooLarge { what: Limit::Request, need: Some(head.len()), have: 16 };
    assert_eq!((kind(error), line.writes()), ((Phase::Setup, need), 0));
    assert!(connection.may_reuse(), "nothing was sent");
    // The response's body: the caller's buffer, and nothing is lost.
    let line = Line::new(&[HEAD_END, send(OK)]);
    let mut buffer = [0; 128];
    let mut connection = Connection::new(line, &mut buffer);
    at_once(async {
        let mut response = connection.request(Method::Get, HOST, "/").send().await?;
        let need = ErrorKind::TooLarge { what: Limit::ResponseBody, need: Some(2), have: 1 };
        assert_eq!(response.content(&mut [0; 1]).await.map_err(kind), Err((Phase::Body, need)));
        assert_eq!(response.content(&mut [0; 2]).await?, b"ok");
        Ok::<_, Error>(())
    })
    .unwrap();
}
