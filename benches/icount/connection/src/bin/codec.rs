//! The pieces of the codec, beside httparse.
#![no_std]
#![no_main]

use core::hint::black_box;
use icount_connection::{FIELDS, SMALL_HEAD, URL, measure};
use qemu_board::entry;

use socketpool::http::{HeadDecoder, HeadStep, HeadWriter, Method, Url};

fn run() {
    let mut text = [0; 256];
    let url = measure("codec", "Url::parse, 42 B", || Url::parse(black_box(URL), black_box(&mut text)));
    let url = url.expect("a URL");
    let mut request = [0; 512];
    let len = measure("codec", "request head of four fields", || {
        let target = black_box(url.target(&text));
        let mut head = HeadWriter::new(black_box(&mut request), Method::Get, target);
        head.field("Host", black_box(url.authority(&text).as_bytes()));
        for (name, value) in black_box(&FIELDS) {
            head.field(name, value.as_bytes());
        }
        head.finish()
    });
    assert!(len.is_ok());
    let mut head = [0; 256];
    let len = SMALL_HEAD.len();
    head[..len].copy_from_slice(SMALL_HEAD.as_bytes());
    let step = measure("codec", "response head of 239 B", || {
        HeadDecoder::new(Method::Get).advance(black_box(&mut head[..len]))
    });
    let Ok(HeadStep::Complete(response)) = step else { panic!("a head") };
    let length = measure("codec", "one field looked up", || {
        response.fields(black_box(&head)).get("content-length").map(<[u8]>::len)
    });
    assert_eq!(length, Some(3));
    let parsed = measure("httparse", "response head of 239 B", || {
        let mut fields = [httparse::EMPTY_HEADER; 16];
        let mut response = httparse::Response::new(&mut fields);
        let status = response.parse(black_box(&head[..len]));
        black_box(response.code);
        status.map(|status| status.is_complete())
    });
    assert_eq!(parsed, Ok(true));
}

#[entry]
fn main() -> ! {
    qemu_board::init();
    run();
    qemu_board::exit(0)
}
