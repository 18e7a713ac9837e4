//! Bodies that are read from a source while they are sent.

use super::*;

#[test]
fn a_stream_of_known_length_arrives_as_it_is() {
    for len in [0, 1, 2, 300, 400, 480, 500, 600, 601, 5000] {
        for most in [1, 7, usize::MAX] {
            let data = letters(len);
            let awaited: &[u8] = if len == 0 { b"\r\n\r\n" } else { &data };
            let steps = [Step::Receive(awaited), Step::Send(OK)];
            let peers = [Peer::new("host.example", 80, &steps)];
            both!(peers, |http| http.put(URL).stream(Reader::new(&data, most), len as u64), |outcome, traces| {
                assert_eq!(outcome, &ok());
                let (head, body) = traces.sent.split_once("\r\n\r\n").expect("a head");
                assert_eq!(body.as_bytes(), data);
                assert!(head.contains(&format!("\r\nContent-Length: {len}")) && !head.contains("Transfer-Encoding"));
                assert_eq!(traces.idle, 1);
                if most == usize::MAX {
                    assert!(traces.writes <= 1 + len / 300, "{} writes for {len}", traces.writes);
                }
            });
        }
    }
}

#[test]
fn a_stream_of_unknown_length_is_chunked_one_write_each() {
    for len in [0, 1, 15, 16, 300, 600, 1200] {
        for most in [1, 16, usize::MAX] {
            let data = letters(len);
            both!(
                answering(&[Step::Receive(b"0\r\n\r\n"), Step::Send(OK)]),
                |http| http.post(URL).stream(Reader::new(&data, most), None),
                |outcome, traces| {
                    assert_eq!(outcome, &ok());
                    let (head, body) = traces.sent.split_once("\r\n\r\n").expect("a head");
                    assert!(head.ends_with("Transfer-Encoding: chunked") && !head.contains("Content-Length"), "{head}");
                    let (arrived, chunks) = unchunked(body);
                    assert_eq!(arrived.as_bytes(), data);
                    // The first together with the head, and the last chunk.
                    assert_eq!(traces.writes, chunks + 1, "{chunks} chunks");
                    assert_eq!(traces.idle, 1);
                }
            );
        }
    }
}

#[test]
fn a_closure_is_a_stream() {
    both!(
        answering(&[Step::Receive(b"0\r\n\r\n"), Step::Send(OK)]),
        |http| {
            let mut lines = 0..3u8;
            http.post(URL).header("Content-Type", "text/plain").produce(
                move |room: &mut [u8]| {
                    Ok(lines.next().map_or(0, |line| {
                        room[..2].copy_from_slice(&[b'0' + line, b'\n']);
                        2
                    }))
                },
                None,
            )
        },
        |outcome, traces| {
            assert_eq!(outcome, &ok());
            assert!(traces.sent.ends_with("\r\n\r\n2\r\n0\n\r\n2\r\n1\n\r\n2\r\n2\n\r\n0\r\n\r\n"), "{}", traces.sent);
            assert_eq!(traces.sent.matches("Content-Type").count(), 1);
        }
    );
}

#[test]
fn a_source_that_is_not_as_announced_ends_the_connection() {
    let data = letters(1000);
    let failing = Reader { fails_at: 900, ..Reader::new(&data, 300) };
    let cases: [(Reader<'_>, Option<u64>, SourceError); 9] = [
        (Reader::new(&data[..99], 1000), Some(100), SourceError::EndedEarly),
        (Reader::new(&data[..0], 1000), Some(1), SourceError::EndedEarly),
        (Reader::new(&data[..999], 1), Some(1000), SourceError::EndedEarly),
        (Reader::new(&data[..101], 1000), Some(100), SourceError::TooLong),
        (Reader::new(&data, 1000), Some(999), SourceError::TooLong),
        (Reader::new(&data, 1000), Some(1), SourceError::TooLong),
        (failing.clone(), Some(1000), SourceError::Failed(IoKind::PermissionDenied)),
        (failing, None, SourceError::Failed(IoKind::PermissionDenied)),
        (Reader { fails_at: 0, ..Reader::new(&data, 1) }, None, SourceError::Failed(IoKind::PermissionDenied)),
    ];
    for (reader, len, error) in cases {
        both!(
            answering(&[Step::Receive(b"never")]),
            |http| http.put(URL).stream(reader.clone(), len),
            |outcome, traces| {
                assert_eq!(outcome, &at_fault(error));
                assert_eq!((traces.free, traces.idle, traces.connections), (1, 0, 1));
                let body = traces.sent.split_once("\r\n\r\n").map_or("", |(_, body)| body);
                // The server can see that it does not have all of it.
                assert!(len.is_none_or(|len| (body.len() as u64) < len) && !body.ends_with("0\r\n\r\n"), "{body}");
            }
        );
    }
    // One that lies about how much it read.
    both!(
        answering(&[]),
        |http| http.put(URL).produce(|room: &mut [u8]| Ok(room.len() + 1), None),
        |outcome, _traces| assert_eq!(outcome, &at_fault(SourceError::Failed(IoKind::InvalidData)))
    );
}

#[test]
fn a_stream_needs_some_room_behind_the_head() {
    for filler in 0..460 {
        let filler = "x".repeat(filler);
        both!(
            answering(&[Step::Receive(b"0\r\n\r\n"), Step::Send(OK)]),
            |http| http.put(URL).header("X", &filler).stream(&b"data"[..], None),
            |outcome, traces| match outcome {
                Err(error) => {
                    assert_eq!(error.phase(), Phase::Setup);
                    assert!(
                        matches!(error.kind(), ErrorKind::TooLarge { what: Limit::Request, need: Some(601..), .. }),
                        "{error}"
                    );
                    assert_eq!((traces.writes, traces.free), (0, 1));
                }
                outcome => {
                    assert_eq!(outcome, &ok());
                    assert!(traces.sent.ends_with("0\r\n\r\n"));
                }
            }
        );
    }
}

#[test]
fn a_stream_is_sent_again_only_if_it_can_go_back() {
    const MOVED: &[u8] = b"HTTP/1.1 307 Moved\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n";
    let peers = || {
        [Peer::new(
            "host.example",
            80,
            &[Step::Receive(b"data"), Step::Send(MOVED), Step::Receive(b"data"), Step::Send(OK)],
        )]
    };
    let reader = || Reader { at: 4, ..Reader::new(b"not data", 3) };
    both!(peers(), |http| http.put(URL).stream(Rewindable::new(reader()), 4), |outcome, traces| {
        assert_eq!(outcome, &ok());
        assert_eq!((traces.sent.matches("\r\n\r\ndata").count(), traces.connections), (2, 1));
    });
    both!(peers(), |http| http.put(URL).stream(reader(), 4), |outcome, traces| {
        assert_eq!(outcome, &failed(Phase::Head, ErrorKind::Policy(Policy::BodyNotReplayable)));
        assert_eq!(traces.sent.matches("PUT").count(), 1);
    });
    // After 303 it is not needed any more.
    const SEE_OTHER: &[u8] = b"HTTP/1.1 303 See Other\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n";
    both!(
        [Peer::new("host.example", 80, &[Step::Receive(b"data"), Step::Send(SEE_OTHER), HEAD_END, Step::Send(OK)])],
        |http| http.post(URL).stream(reader(), 4),
        |outcome, traces| {
            assert_eq!(outcome, &ok());
            let (_, second) = traces.sent.split_once("GET /there").expect("a second request");
            assert!(!second.contains("Content-") && !second.contains("data"), "{second}");
        }
    );
}
