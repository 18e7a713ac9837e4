//! Forms: fields and files, multipart and urlencoded.

use super::*;

#[test]
fn the_form_of_the_upstream_test_comes_out_byte_for_byte() {
    let png = b"\x89PNG";
    let body =
        b"--BOUND\r\nContent-Disposition: form-data; name=\"f1\"; filename=\"n.png\"\r\nContent-Type: image/png\r\n\
        K1: V1\r\n\r\n\x89PNG\r\n--BOUND\r\nContent-Disposition: form-data; name=\"k\"\r\n\r\nValue 5\r\n--BOUND--\r\n";
    assert_eq!(body.len(), 184);
    let steps = [Step::Receive(body), Step::Send(OK)];
    let parts = [
        Part::file("f1", "n.png", png).content_type("image/png").headers(&[("K1", "V1")]),
        Part::field("k", "Value 5"),
    ];
    for fragment in [1, 1000] {
        both!(
            [Peer::new("host.example", 80, &steps).in_fragments_of(fragment)],
            |http| http.post(URL).with_body(Multipart::new(&parts[..]).boundary("BOUND")),
            |outcome, traces| {
                assert_eq!(outcome, &ok());
                assert!(
                    traces.sent.contains(
                        "\r\nContent-Type: multipart/form-data; boundary=BOUND\r\nContent-Length: 184\r\n\r\n"
                    )
                );
                assert!(fragment == 1 || traces.writes == 1);
            }
        );
    }
    // The same, read while it is sent.
    for most in [1, 3, 9] {
        both!(
            [Peer::new("host.example", 80, &steps)],
            |http| http.post(URL).with_body(
                Multipart::new(
                    &mut [
                        Part::streamed("f1", "n.png", Reader::new(png, most), 4)
                            .content_type("image/png")
                            .headers(&[("K1", "V1")]),
                        Part::field("k", "Value 5"),
                    ][..]
                )
                .boundary("BOUND")
            ),
            |outcome, _traces| assert_eq!(outcome, &ok())
        );
    }
}

#[test]
fn names_in_a_form_are_quoted_and_nothing_can_be_smuggled_in() {
    let quoted = [Part::file("a\"b\r\nc", "ü\\\".png", b"")];
    both!(
        answering(&[Step::Receive(b"--\r\n"), Step::Send(OK)]),
        |http| http.post(URL).multipart(&quoted),
        |outcome, traces| {
            assert_eq!(outcome, &ok());
            assert!(
                traces.sent.contains("; name=\"a%22b%0D%0Ac\"; filename=\"ü\\%22.png\"\r\n\r\n"),
                "{}",
                traces.sent
            );
        }
    );
    both!(
        answering(&[Step::Receive(b"--\r\n"), Step::Send(OK)]),
        |http| http.post(URL).multipart(&[]),
        |outcome, traces| {
            assert_eq!(outcome, &ok());
            assert!(traces.sent.contains("Content-Length: 35\r\n\r\n--socketpool-"), "{}", traces.sent);
        }
    );
    let injected = "x\r\n--B\r\nContent-Disposition: form-data; name=\"admin\"\r\n\r\n1";
    let cases = [
        (Part::field("k", injected), "B", EncodeError::BoundaryInPart),
        (Part::field("k", "--B"), "B", EncodeError::BoundaryInPart),
        (Part::file("k", "f", b"").content_type("a\r\nb"), "B", EncodeError::InvalidFieldValue),
        (Part::file("k", "f", b"").headers(&[("A", "1\n")]), "B", EncodeError::InvalidFieldValue),
        (Part::file("k", "f", b"").headers(&[("A:", "1")]), "B", EncodeError::InvalidFieldName),
        (Part::field("k", "v"), "", EncodeError::InvalidBoundary),
        (Part::field("k", "v"), "a b", EncodeError::InvalidBoundary),
        (Part::field("k", "v"), "a\r\n", EncodeError::InvalidBoundary),
    ];
    for (part, boundary, error) in cases {
        both!(
            answering(&[]),
            |http| http.post(URL).with_body(Multipart::new(core::slice::from_ref(&part)).boundary(boundary)),
            |outcome, traces| {
                assert_eq!(outcome, &failed(Phase::Setup, ErrorKind::Encode(error)));
                assert_eq!(traces.connections, 0);
            }
        );
    }
    // In a stream it is found when it comes, wherever it is cut.
    for most in [1, 2, 5, 1000] {
        both!(
            answering(&[Step::Receive(b"never")]),
            |http| http.post(URL).with_body(
                Multipart::new(
                    &mut [Part::streamed("k", "f", Reader::new(injected.as_bytes(), most), injected.len() as u64)][..]
                )
                .boundary("B")
            ),
            |outcome, traces| {
                assert_eq!(outcome, &at_fault(SourceError::HoldsBoundary));
                assert!(!traces.sent.contains("admin"));
            }
        );
    }
    for (len, error) in [(2, SourceError::TooLong), (4, SourceError::EndedEarly)] {
        both!(
            answering(&[Step::Receive(b"never")]),
            |http| http.post(URL).with_body(Multipart::new(&mut [Part::streamed("k", "f", &b"abc"[..], len)][..])),
            |outcome, _traces| assert_eq!(outcome, &at_fault(error))
        );
    }
}

/// A body that is written into the exchange buffer says at once what it needs together with the head.
#[test]
fn one_figure_is_enough_for_a_form() {
    let value = "v".repeat(100);
    for limit in 0..400 {
        let need = Cell::new(None);
        let peers = || [Peer::new("host.example", 80, &[Step::Receive(b"v"), Step::Send(OK)])];
        let pairs = [("name", &*value)];
        both!(
            peers(),
            session => session.buffer_limit(limit),
            |http| http.post(URL).form(&pairs),
            |outcome, traces| match outcome.as_ref().map_err(Error::kind) {
                Err(ErrorKind::TooLarge { need: Some(more), .. }) => {
                    assert!(more > limit && traces.writes == 0);
                    need.set(Some(more));
                }
                outcome => assert!(outcome.is_ok(), "{limit}: {outcome:?}"),
            }
        );
        // A URL that does not fit is found before there is a body.
        if let Some(need) = need.get().filter(|_| limit >= URL.len()) {
            let check = |outcome: &Outcome| assert_eq!(outcome, &ok(), "{limit}, then {need}");
            both!(peers(), session => session.buffer_limit(need), |http| http.post(URL).form(&pairs), |outcome, _traces| check(outcome));
        }
    }
}
