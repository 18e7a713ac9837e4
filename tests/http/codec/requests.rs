//! Request heads: what is written, what is refused, and how large a buffer it takes.
#![cfg(feature = "requests")]

use socketpool::http::{ByteWriter, EncodeError, HeadWriter, Method, percent_decode, percent_encode_form};

fn written(
    build: impl for<'h, 'b> Fn(&'h mut HeadWriter<'b>) -> &'h mut HeadWriter<'b>,
) -> Result<String, EncodeError> {
    let mut buffer = [0; 512];
    let mut head = HeadWriter::new(&mut buffer, Method::Get, "/");
    build(&mut head);
    let len = head.finish()?;
    Ok(String::from_utf8_lossy(&buffer[..len]).into_owned())
}

#[test]
fn a_head_is_written_in_order() {
    let head = written(|head| {
        head.field("Host", b"h:81")
            .field_number("Content-Length", u64::MAX)
            .field_parts("Authorization", &[b"Bearer ", b"abc"])
            .field("X-Empty", b"")
            .field("X-Text", "\tcaf\u{e9}".as_bytes())
    });
    let wanted = "GET / HTTP/1.1\r\nHost: h:81\r\nContent-Length: 18446744073709551615\r\n\
        Authorization: Bearer abc\r\nX-Empty: \r\nX-Text: \tcaf\u{e9}\r\n\r\n";
    assert_eq!(head.as_deref(), Ok(wanted));
}

#[test]
fn injection_is_refused() {
    for value in ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b", "\x1B[2J", "\x7F"] {
        assert_eq!(written(|head| head.field("X", value.as_bytes())), Err(EncodeError::InvalidFieldValue));
        let parts: [&[u8]; 2] = [b"Bearer ", value.as_bytes()];
        assert_eq!(written(|head| head.field_parts("X", &parts)), Err(EncodeError::InvalidFieldValue));
        assert_eq!(written(|head| head.field(value, b"x")), Err(EncodeError::InvalidFieldName));
        assert_eq!(written(|head| head.field_number(value, 1)), Err(EncodeError::InvalidFieldName));
        assert_eq!(written(|head| head.basic_auth(value.as_bytes(), b"")), Err(EncodeError::InvalidCredentials));
        assert_eq!(written(|head| head.basic_auth(b"", value.as_bytes())), Err(EncodeError::InvalidCredentials));
        let target = format!("/{value}");
        let head = HeadWriter::new(&mut [0; 512], Method::Get, &target).finish();
        assert_eq!(head, Err(EncodeError::InvalidTarget));
    }
    for name in ["", "X Y", "X:", "X\u{e9}", "(X)"] {
        assert_eq!(written(|head| head.field(name, b"x")), Err(EncodeError::InvalidFieldName), "{name}");
    }
    for target in ["", "/a b", "/\u{e9}", "/ HTTP/1.1\r\nX: 1"] {
        assert_eq!(HeadWriter::new(&mut [0; 512], Method::Get, target).finish(), Err(EncodeError::InvalidTarget));
    }
}

#[test]
fn basic_credentials() {
    // The example of RFC 7617 §2.
    let wanted = "GET / HTTP/1.1\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n";
    assert_eq!(written(|head| head.basic_auth(b"Aladdin", b"open sesame")).as_deref(), Ok(wanted));
    assert_eq!(written(|head| head.basic_auth_userinfo("Aladdin:open%20sesame")).as_deref(), Ok(wanted));
    let no_password = "GET / HTTP/1.1\r\nAuthorization: Basic YTo=\r\n\r\n";
    assert_eq!(written(|head| head.basic_auth_userinfo("a")).as_deref(), Ok(no_password));
    assert_eq!(written(|head| head.basic_auth(b"a:b", b"")), Err(EncodeError::InvalidCredentials));
    assert_eq!(written(|head| head.basic_auth_userinfo("a%3Ab:c")), Err(EncodeError::InvalidCredentials));
    assert_eq!(written(|head| head.basic_auth_userinfo("a:%0D%0A")), Err(EncodeError::InvalidCredentials));
}

/// The size an error asks for is enough, and one byte less is not.
#[test]
fn needed_sizes_are_exact() {
    let write = |buffer: &mut [u8]| {
        let mut head = HeadWriter::new(buffer, Method::Options, "*");
        head.field("Host", b"h").field_number("Content-Length", 1234).basic_auth(b"ab", b"cd");
        head.finish()
    };
    let Err(EncodeError::BufferTooSmall { need }) = write(&mut []) else { panic!() };
    for len in 1..need {
        assert_eq!(write(&mut vec![0; len]), Err(EncodeError::BufferTooSmall { need }));
    }
    assert_eq!(write(&mut vec![0; need]), Ok(need));
}

#[test]
fn forms_are_encoded_and_decoded() {
    let text: String = (0..=0x2FF).filter_map(char::from_u32).collect();
    let mut buffer = vec![0; 8192];
    let mut writer = ByteWriter::new(&mut buffer);
    percent_encode_form(&text, &mut writer);
    let len = writer.needed();
    let encoded = std::str::from_utf8(&buffer[..len]).unwrap();
    assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"*-._+%".contains(&byte)));
    let decoded: Vec<u8> = percent_decode(&encoded.replace('+', " ")).collect();
    assert_eq!(decoded, text.as_bytes());
    assert!(percent_decode("%").chain(percent_decode("%4")).chain(percent_decode("%%34")).eq(*b"%%4%4"));
}
