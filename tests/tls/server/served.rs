//! Servers that are served: every way to say the same that the RFC allows.

use super::*;

pub fn served() -> Vec<Case> {
    let split_at = |at| {
        let mut script = vec![hello(), Step::Split(good_flight().into(), at)];
        script.extend(conversation([data(ANSWER), close_notify()]));
        script
    };
    let [extensions, certificate, verify, finished] = good_flight();
    vec![
        // How messages are put into records.
        Case::served("one message per record", flight(good_flight())),
        Case::served("the whole flight in one record", records([sealed(good_flight())])),
        Case::served(
            "two and two messages in a record",
            records([sealed([extensions.clone(), certificate.clone()]), sealed([verify.clone(), finished.clone()])]),
        ),
        Case::served("records with padding", records(good_flight().map(|message| sealed([message]).padded(100)))),
        Case::served(
            "records padded to the longest",
            answering([data(ANSWER).padded(LONGEST - ANSWER.len()), close_notify().padded(LONGEST - 2)]),
        ),
        Case::served("bytes one by one", [vec![Step::Dribble], flight(good_flight())].concat()),
        Case::served(
            "change_cipher_spec before the ServerHello",
            [vec![Step::Send(change_cipher_spec())], flight(good_flight())].concat(),
        ),
        Case::served("change_cipher_spec after the ServerHello", before_flight(Step::Send(change_cipher_spec()))),
        Case::served(
            "change_cipher_spec twice",
            before_flight(Step::Raw([plain(CHANGE_CIPHER_SPEC, &[1]), plain(CHANGE_CIPHER_SPEC, &[1])].concat())),
        ),
        // What the messages say.
        Case::served("a ServerHello with its extensions in another order", {
            with_hello(hello_with(|hello| hello.extensions.reverse()))
        }),
        Case::served("server_name acknowledged", with_extensions(&[(0, &[])])),
        Case::served("supported_groups told", with_extensions(&[(0, &[]), (10, &[0, 4, 0, 29, 0, 23])])),
        Case::served("a client certificate asked for, and none given", with_request(certificate_request())),
        Case::served(
            "a client certificate asked for in the same record",
            records([sealed([extensions, certificate_request(), certificate, verify, finished])]),
        ),
        Case::served(
            "a request for a client certificate with an extension we do not know",
            with_request(certificate_request_with(&[], &[(13, &[0, 2, 4, 3]), (0xfe00, &[1, 2])])),
        ),
        Case::served("a key of P-384", flight(flight_of(&WORLD.p384))),
        Case::served("a key of Ed25519", flight(flight_of(&WORLD.ed25519))),
        Case::served("RSA-PSS with SHA-256", signed(&WORLD.rsa, Scheme::RSA_PSS_SHA256, 0x0804)),
        Case::served("RSA-PSS with SHA-384", signed(&WORLD.rsa, Scheme::RSA_PSS_SHA384, 0x0805)),
        Case::served("RSA-PSS with SHA-512", signed(&WORLD.rsa, Scheme::RSA_PSS_SHA512, 0x0806)),
        // What comes after the handshake.
        Case::served("tickets before the answer", {
            answering([sealed([ticket()]), sealed([ticket(), ticket()]), data(ANSWER), close_notify()])
        }),
        Case::served("a ticket with early_data and an extension we do not know", {
            answering([sealed([ticket_with(&[(42, &[0; 4]), (0xfe00, &[])])]), data(ANSWER), close_notify()])
        }),
        Case::served("tickets before the client's Finished", {
            let answer = conversation([data(ANSWER), close_notify()]);
            [vec![hello(), Step::Send(sealed(good_flight())), Step::Send(sealed([ticket()]))], answer].concat()
        }),
        Case::served("a ticket in the middle of the answer", {
            answering([head(LENGTH_5), data("he"), sealed([ticket()]), data("llo"), close_notify()])
        }),
        Case::served("a ticket after the answer", answering([data(ANSWER), sealed([ticket()]), close_notify()])),
        Case::served("empty records of data", {
            answering([data(""), head(LENGTH_5), data("").padded(9), data("hello"), data(""), close_notify()])
        }),
        Case::served("thirty-one records without data", {
            answering((0..31).map(|_| data("")).chain([data(ANSWER), close_notify()]))
        }),
        Case::served("an answer of records of one byte", {
            answering(ANSWER.chunks(1).map(data).chain([close_notify()]))
        }),
        Case::served_body("the longest record", [b'x'; LONGEST], {
            let head = head("Content-Length: 16384\r\nConnection: close\r\n");
            answering([head, data([b'x'; LONGEST]), close_notify()])
        }),
        Case::served(
            "an answer before the client's Finished",
            vec![
                hello(),
                Step::Send(sealed(good_flight())),
                Step::Send(data(ANSWER)),
                Step::ReadFinished,
                Step::ReadRequest,
                Step::Close,
            ],
        ),
        Case::served("ninety-nine tickets before the answer", {
            answering((0..99).map(|_| sealed([ticket()])).chain([data(ANSWER), close_notify()]))
        }),
        Case::served("a ticket over two records", {
            let mut script = answering([data(ANSWER)]);
            let at = script.len() - 2;
            script.insert(at, Step::Split(vec![ticket()], 10));
            script
        }),
        Case::served("KeyUpdate before the answer and in it", {
            let mut script = answering([]);
            script.pop();
            for record in [head(LENGTH_5), data("he"), data("llo"), close_notify()] {
                script.extend([Step::KeyUpdate { asks: false }, Step::Send(record)]);
            }
            script
        }),
        Case::served("a KeyUpdate that asks for one of ours, before the request", {
            let mut script = vec![hello(), Step::Send(sealed(good_flight())), Step::ReadFinished];
            script.extend([Step::KeyUpdate { asks: true }, Step::Send(sealed([ticket()])), Step::ReadRequest]);
            script.extend([Step::Send(data(ANSWER)), Step::Close]);
            script
        }),
        // Messages over several records.
        Case::served("EncryptedExtensions over two records", split_at(2)),
        Case::served("Certificate over two records", split_at(100)),
        Case::served(
            "a ServerHello over two records",
            with_hello(hello_with(|_| ()))
                .into_iter()
                .enumerate()
                .map(|(number, step)| match step {
                    Step::Send(record) if number == 0 => Step::Send(record.changed(|bytes| {
                        let message = bytes.split_off(5);
                        *bytes = [plain(HANDSHAKE, &message[..40]), plain(HANDSHAKE, &message[40..])].concat();
                    })),
                    step => step,
                })
                .collect(),
        ),
        // Another round trip (RFC 8446 §4.1.4).
        Case::served("HelloRetryRequest for another group", {
            let mut script = with_hello(hello_with(|hello| hello.extensions[1].1 = key_share_x25519()));
            script.splice(0..0, [Step::Send(clear(HANDSHAKE, hello_retry_request(29))), Step::ReadHello]);
            script
        }),
        Case::served("HelloRetryRequest with a cookie", {
            let mut script = flight(good_flight());
            let retry = hello_retry_request_with(|hello| hello.extensions[1] = (44, vector(2, b"cookie")));
            script.splice(0..0, [Step::Send(clear(HANDSHAKE, retry)), Step::ReadHello]);
            script
        }),
        // RFC 8446 §6.1: `user_canceled` announces the closure that `close_notify` is.
        Case::served("a body until user_canceled and close_notify", {
            answering([head(UNTIL_CLOSE), data("hello"), user_canceled(), close_notify()])
        }),
        Case::served("user_canceled before the answer, in it and behind it", {
            answering([user_canceled(), head(LENGTH_5), data("he"), user_canceled(), data("llo"), user_canceled()])
        }),
        Case::served("user_canceled as a fatal alert, which the level does not make it", {
            answering([head(UNTIL_CLOSE), data("hello"), inside(ALERT, [2, 90]), close_notify()])
        }),
        Case::served("a body until close_notify", answering([head(UNTIL_CLOSE), data("hello"), close_notify()])),
        Case::served("a body of known length, and no close_notify", answering([data(ANSWER)])),
    ]
}
