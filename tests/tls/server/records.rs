//! Records that are refused, and connections that are cut.

use super::*;

pub fn refused_records() -> Vec<Case> {
    let [ee, cert, verify, finished] = good_flight();
    let whole = || sealed(good_flight());
    vec![
        // Records of the flight.
        Case::refused(
            "a record with one bit changed",
            E::BadRecordMac,
            records([whole().changed(|bytes| bytes[50] ^= 1)]),
        ),
        Case::refused("a tag with one bit changed", E::BadRecordMac, {
            records([whole().changed(|bytes| *bytes.last_mut().unwrap() ^= 1)])
        }),
        Case::refused("a record of zeros", E::BadRecordMac, before_flight(Step::Raw(plain(DATA, &[0; 40])))),
        Case::refused("a record number left out", E::BadRecordMac, before_flight(Step::SkipNumbers(1))),
        Case::refused("a record twice", E::BadRecordMac, {
            records([sealed([ee.clone()]).changed(|bytes| *bytes = bytes.repeat(2)), sealed([cert.clone()])])
        }),
        Case::refused("a record without a content type", E::UnexpectedMessage, {
            before_flight(Step::Send(Record { messages: vec![], ..inside(0, []) }.padded(20)))
        }),
        Case::refused("a record of one zero", E::UnexpectedMessage, before_flight(Step::Send(inside(0, [])))),
        Case::refused(
            "a handshake record with nothing in it",
            E::UnexpectedMessage,
            before_flight(Step::Send(sealed([]))),
        ),
        Case::refused("padding and no message", E::UnexpectedMessage, before_flight(Step::Send(sealed([]).padded(50)))),
        Case::refused("data in the handshake", E::UnexpectedMessage, before_flight(Step::Send(data("?")))),
        Case::refused("empty data in the handshake", E::UnexpectedMessage, before_flight(Step::Send(data("")))),
        Case::refused("change_cipher_spec inside a record", E::UnexpectedMessage, {
            before_flight(Step::Send(inside(CHANGE_CIPHER_SPEC, [1])))
        }),
        Case::refused("heartbeat inside a record", E::UnexpectedMessage, before_flight(Step::Send(inside(24, [1])))),
        Case::refused(
            "an alert inside a record",
            E::PeerAlert(Some(40)),
            before_flight(Step::Send(inside(ALERT, [2, 40]))),
        ),
        Case::refused(
            "close_notify in the handshake",
            E::PeerAlert(Some(0)),
            before_flight(Step::Send(close_notify())),
        ),
        // RFC 8446 §6.1: "the sender is canceling the handshake".
        Case::refused("user_canceled in the handshake", E::PeerAlert(Some(90)), {
            before_flight(Step::Send(user_canceled()))
        }),
        Case::refused("half an alert", E::Decode, before_flight(Step::Send(inside(ALERT, [2])))),
        Case::refused(
            "a record shorter than its tag",
            E::BadRecordMac,
            before_flight(Step::Raw(plain(DATA, &[0; 16]))),
        ),
        Case::refused("an empty record", E::BadRecordMac, before_flight(Step::Raw(plain(DATA, &[])))),
        Case::refused("a record of 16,641 bytes", E::RecordOverflow, {
            before_flight(Step::Raw(plain(DATA, &[0; 16_641])))
        }),
        Case::refused("a record of 65,535 bytes", E::RecordOverflow, {
            before_flight(Step::Raw(plain(DATA, &[0; 65_535])))
        }),
        Case::refused("a record with more than 16,384 bytes inside", E::RecordOverflow, {
            before_flight(Step::Send(inside(HANDSHAKE, [8; LONGEST + 1])))
        }),
        Case::refused(
            "a record of an older version",
            E::BadRecordMac,
            records([whole().changed(|bytes| bytes[2] = 1)]),
        ),
        Case::refused(
            "a record of a type nobody knows",
            E::UnexpectedMessage,
            records([whole().changed(|bytes| bytes[0] = 25)]),
        ),
        // In the clear after the ServerHello.
        Case::refused("EncryptedExtensions in the clear", E::UnexpectedMessage, {
            before_flight(Step::Send(clear(HANDSHAKE, ee.clone())))
        }),
        Case::refused("the ServerHello again", E::UnexpectedMessage, before_flight(hello())),
        Case::refused("an alert in the clear", E::UnexpectedMessage, before_flight(Step::Raw(plain(ALERT, &[2, 40])))),
        Case::refused("change_cipher_spec again and again", E::UnexpectedMessage, {
            before_flight(Step::Raw(plain(CHANGE_CIPHER_SPEC, &[1]).repeat(33)))
        }),
        // Records of the answer: the request was sent.
        Case::refused_answer("an answer with one bit changed", E::BadRecordMac, {
            answering([data(ANSWER).changed(|bytes| bytes[9] ^= 1)])
        }),
        Case::refused_answer("an answer twice", E::BadRecordMac, {
            answering([data("HTTP/1.1").changed(|bytes| *bytes = bytes.repeat(2)), data(" 200 OK\r\n\r\n")])
        }),
        Case::refused_answer("an answer with the keys of the handshake", E::BadRecordMac, {
            let mut script = answering([data(ANSWER)]);
            script.insert(script.len() - 2, Step::HandshakeKeys);
            script
        }),
        Case::refused_answer("an answer in the clear", E::BadRecordMac, {
            answering([clear(DATA, Message::bytes(ANSWER))])
        }),
        Case::refused_answer(
            "an answer with nothing inside",
            E::UnexpectedMessage,
            answering([inside(0, []).padded(9)]),
        ),
        Case::refused_answer("an answer of more than 16,384 bytes", E::RecordOverflow, {
            answering([data([b'x'; LONGEST + 1])])
        }),
        Case::refused_answer("padding beyond 16,384 bytes", E::RecordOverflow, {
            answering([data(ANSWER).padded(LONGEST + 1 - ANSWER.len())])
        }),
        Case::refused_answer("an answer of 16,641 bytes", E::RecordOverflow, {
            answering([clear(DATA, Message::bytes([0; 16_641]))])
        }),
        Case::refused_answer("change_cipher_spec after the handshake", E::UnexpectedMessage, {
            answering([change_cipher_spec(), data(ANSWER)])
        }),
        Case::refused_answer("an alert in the clear after the handshake", E::UnexpectedMessage, {
            answering([clear(ALERT, Message::bytes([1, 0]))])
        }),
        Case::refused_answer("certificate_required", E::PeerAlert(Some(116)), answering([inside(ALERT, [2, 116])])),
        Case::refused_answer("an alert of three bytes", E::Decode, answering([inside(ALERT, [1, 0, 0])])),
        Case::refused_answer("a record of a type nobody knows", E::UnexpectedMessage, answering([inside(25, ANSWER)])),
        Case::refused_answer(
            "records without data for ever",
            E::UnexpectedMessage,
            answering((0..99).map(|_| data(""))),
        ),
        // Messages after the handshake.
        Case::refused_answer("a second certificate", E::UnexpectedMessage, answering([sealed([cert])])),
        Case::refused_answer("a second signature", E::UnexpectedMessage, answering([sealed([verify])])),
        Case::refused_answer("a second Finished", E::UnexpectedMessage, answering([sealed([finished])])),
        Case::refused_answer("a certificate asked for after the handshake", E::UnexpectedMessage, {
            answering([sealed([certificate_request_with(&[1], &[(13, &[0, 2, 4, 3])])])])
        }),
        Case::refused_answer("a ServerHello after the handshake", E::UnexpectedMessage, {
            answering([sealed([hello_with(|_| ())])])
        }),
        Case::refused_answer("a ClientHello after the handshake", E::UnexpectedMessage, {
            answering([sealed([Message::new(1, [0; 40])])])
        }),
        Case::refused_answer(
            "a HelloRequest of TLS 1.2",
            E::UnexpectedMessage,
            answering([sealed([Message::new(0, [])])]),
        ),
        Case::refused_answer("a ticket with another message inside its length", E::Decode, {
            answering([sealed([ticket().changed(|bytes| {
                bytes.extend([20, 0, 0, 32]);
                bytes.extend([0; 32]);
                bytes[3] += 36;
            })])])
        }),
        // RFC 8446 §4.6.1: `opaque ticket<1..2^16-1>`.
        Case::refused_answer("a ticket of no bytes", E::Decode, {
            let ticket = [&[0, 0, 0x1c, 0x20, 1, 2, 3, 4][..], &vector(1, &[0]), &vector(2, &[]), &[0, 0]].concat();
            answering([sealed([Message::new(4, ticket)]), data(ANSWER)])
        }),
        Case::refused_answer("an empty ticket message", E::Decode, answering([sealed([Message::new(4, [])])])),
        Case::refused_answer("a ticket with an extension of another message", E::IllegalParameter, {
            answering([sealed([ticket_with(&[(51, &[0, 23])])])])
        }),
        Case::refused_answer("a ticket with an extension twice", E::IllegalParameter, {
            answering([sealed([ticket_with(&[(42, &[0; 4]), (42, &[0; 4])])])])
        }),
    ]
}

/// The connection ends, or stalls.
pub fn cut_short() -> Vec<Case> {
    let truncated = |name, phase, script| Case::fails(name, phase, ErrorKind::Truncated, script);
    let whole = || sealed(good_flight());
    let handshake = || vec![hello(), Step::Send(whole())];
    vec![
        truncated("closed instead of a ServerHello", Phase::Handshake, vec![Step::Close]),
        truncated("closed after the ServerHello", Phase::Handshake, after_hello(Step::Close)),
        truncated("closed after Certificate", Phase::Handshake, {
            let [ee, cert, ..] = good_flight();
            vec![hello(), Step::Send(sealed([ee, cert])), Step::Close]
        }),
        truncated("closed before any answer", Phase::Head, answering([])),
        Case::fails("close_notify before any answer", Phase::Head, ErrorKind::Malformed(DecodeError::NoResponse), {
            answering([close_notify()])
        }),
        truncated("closed in the head", Phase::Head, answering([data("HTTP/1.1 200 OK\r\nContent-")])),
        truncated("close_notify in the head", Phase::Head, answering([data("HTTP/1.1 200 OK\r\n"), close_notify()])),
        truncated("closed in a body of known length", Phase::Body, answering([head(LENGTH_5), data("hell")])),
        truncated("close_notify in a body of known length", Phase::Body, {
            answering([head(LENGTH_5), data("hell"), close_notify()])
        }),
        truncated("closed in a body until close", Phase::Body, answering([head(UNTIL_CLOSE), data("hello")])),
        truncated("user_canceled alone behind a body until close", Phase::Body, {
            answering([head(UNTIL_CLOSE), data("hello"), user_canceled()])
        }),
        Case::fails("user_canceled for ever", Phase::Head, ErrorKind::Tls(E::UnexpectedMessage), {
            answering((0..99).map(|_| user_canceled()))
        }),
        truncated("closed in the close_notify", Phase::Body, {
            let mut script = answering([head(UNTIL_CLOSE), data("hello")]);
            script.insert(script.len() - 1, Step::Part(close_notify(), 23));
            script
        }),
        truncated("closed in a chunked body", Phase::Body, {
            answering([head("Transfer-Encoding: chunked\r\n"), data("5\r\nhello\r\n"), close_notify()])
        }),
        Case::waits("silence", Phase::Handshake, vec![]),
        Case::waits("silence in the ServerHello", Phase::Handshake, {
            vec![Step::Part(clear(HANDSHAKE, hello_with(|_| ())), 40)]
        }),
        Case::waits("silence after the ServerHello", Phase::Handshake, vec![hello()]),
        Case::waits("silence in the flight", Phase::Handshake, after_hello(Step::Part(whole(), 200))),
        Case::waits("silence after the handshake", Phase::Head, handshake()),
        Case::waits("silence in the answer", Phase::Head, {
            let mut script = answering([]);
            script.pop();
            script.push(Step::Part(data(ANSWER), 30));
            script
        }),
        Case::waits("silence in the body", Phase::Body, {
            let mut script = answering([head(LENGTH_5), data("hell")]);
            script.pop();
            script
        }),
    ]
}

/// A server that does nothing wrong, cut off after so many bytes: whatever they are, the error is `Truncated`, and a
/// request arrives only if the whole flight was there.
pub fn cut_anywhere(mut face: faces::Face<'_>) {
    let script = || answering([head(UNTIL_CLOSE), data("hello"), close_notify()]);
    for cut in (1..).step_by(17) {
        let server = Server::start_cut(script(), cut);
        face.written.borrow_mut().clear();
        let fetched = (face.fetch)(server.port, Duration::from_secs(5));
        let report = server.report();
        if report.played {
            assert_eq!(fetched.as_deref(), Ok(BODY));
            assert!(cut > 700, "the whole conversation in {cut} bytes");
            return;
        }
        let error = fetched.expect_err("cut off");
        assert_eq!(error.kind(), ErrorKind::Truncated, "cut at {cut}");
        let checked = if report.flight_sent {
            assert!(matches!(error.phase(), Phase::Head | Phase::Body), "cut at {cut}: {error}");
            faces::check_report(&report, true)
        } else {
            assert_eq!(error.phase(), Phase::Handshake, "cut at {cut}");
            faces::check_report(&report, false).and_then(|()| faces::check_written(&face.written.borrow()))
        };
        checked.and_then(|()| faces::check_free(&face)).unwrap_or_else(|what| panic!("cut at {cut}: {what}"));
    }
    faces::check_next(&mut face).unwrap();
}
