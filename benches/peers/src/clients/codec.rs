//! The codecs alone: ours and ureq-proto, which do no I/O. Both receive into the same room and decode from there.

use socketpool::http::{BodyDecoder, HeadDecoder, HeadStep, HeadWriter, Method, Url};
use ureq_proto::{
    client::{Call, RecvResponseResult, SendRequestResult},
    http::Request,
};

use super::FIELDS;
use crate::{
    alternate::Client,
    cases::{Case, ROOM, URL},
    line::{Line, Memory, MemoryLine, Place},
};

pub const OURS: &str = "codec";
pub const UREQ_PROTO: &str = "ureq-proto";

const HEAD: usize = 2048;

/// A connection and what has been received of it.
struct Received {
    line: MemoryLine,
    room: [u8; HEAD],
    start: usize,
    end: usize,
}

impl Received {
    fn new(case: &Case) -> Self {
        let line = Memory::new(case).connect(([127, 0, 0, 1], 80).into()).expect("memory");
        Self { line, room: [0; HEAD], start: 0, end: 0 }
    }

    fn more(&mut self) {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        let count = self.line.read(&mut self.room[self.end..]).expect("more").expect("memory");
        self.end += count;
    }

    fn bytes(&mut self) -> &mut [u8] {
        &mut self.room[self.start..self.end]
    }
}

pub fn ours(case: &Case) -> Client {
    let mut received = Received::new(case);
    Client::new(OURS, move || {
        let (mut text, mut head, mut out, mut len) = ([0; 128], [0; 512], [0; ROOM], 0);
        let url = Url::parse(URL, &mut text).expect("a URL");
        let mut request = HeadWriter::new(&mut head, Method::Get, url.target(&text));
        request.field("Host", url.authority(&text).as_bytes());
        for (name, value) in FIELDS {
            request.field(name, value.as_bytes());
        }
        let request_len = request.finish().expect("room");
        received.line.write(&head[..request_len]).expect("memory");

        let mut decoder = HeadDecoder::new(Method::Get);
        let response = loop {
            received.more();
            if let HeadStep::Complete(response) = decoder.advance(received.bytes()).expect("a head") {
                break response;
            }
        };
        received.start += response.len;
        let mut body = BodyDecoder::new(response.framing);
        while !body.is_done() {
            if received.bytes().is_empty() {
                received.more();
            }
            let progress = body.decode(received.bytes(), &mut out).expect("a body");
            received.start += progress.consumed;
            len += progress.produced;
        }
        len
    })
}

pub fn ureq_proto(case: &Case) -> Client {
    let mut received = Received::new(case);
    Client::new(UREQ_PROTO, move || {
        let (mut head, mut out, mut len) = ([0; 512], [0; ROOM], 0);
        let mut request = Request::get(URL);
        for (name, value) in FIELDS {
            request = request.header(name, value);
        }
        let call = Call::new(request.body(()).expect("a request")).expect("a request");
        let mut call = call.proceed();
        let request_len = call.write(&mut head).expect("room");
        received.line.write(&head[..request_len]).expect("memory");

        let Ok(Some(SendRequestResult::RecvResponse(mut call))) = call.proceed() else { panic!("all is sent") };
        loop {
            received.more();
            let (consumed, response) = call.try_response(received.bytes(), false).expect("a head");
            received.start += consumed;
            if response.is_some() {
                break;
            }
        }
        let Some(RecvResponseResult::RecvBody(mut call)) = call.proceed() else { panic!("a body") };
        while !call.can_proceed() {
            if received.bytes().is_empty() {
                received.more();
            }
            let (consumed, produced) = call.read(received.bytes(), &mut out).expect("a body");
            received.start += consumed;
            len += produced;
            if (consumed, produced) == (0, 0) && !call.can_proceed() {
                received.more();
            }
        }
        len
    })
}
