//! URLs: normal form, parts, references, refusals.
#![cfg(feature = "requests")]

use socketpool::http::{Scheme, Url, UrlError};

use crate::support::codec::{Xorshift, mutate};

fn parse(input: &str) -> Result<(Url, [u8; 512]), UrlError> {
    let mut text = [0; 512];
    Url::parse(input, &mut text).map(|url| (url, text))
}

fn normal(input: &str) -> Result<String, UrlError> {
    parse(input).map(|(url, text)| url.text(&text).to_owned())
}

fn resolve(base: &str, reference: &str) -> Result<String, UrlError> {
    let (base, text) = parse(base)?;
    let mut out = [0; 512];
    base.resolve(&text, reference, &mut out).map(|url| url.text(&out).to_owned())
}

#[test]
fn normal_forms() {
    for (input, wanted) in [
        ("http://h", "http://h/"),
        ("HTTP://H.Example/", "http://h.example/"),
        ("https://h:443/", "https://h/"),
        ("https://h:80/", "https://h:80/"),
        ("http://h:/", "http://h/"),
        ("http://h:0080/", "http://h/"),
        ("http://h?x=1", "http://h/?x=1"),
        ("http://h?", "http://h/?"),
        ("http://h#part", "http://h/"),
        ("http://h/a#part?no/query", "http://h/a"),
        ("  http://h/a  ", "http://h/a"),
        ("http://h/a b/ü", "http://h/a%20b/%C3%BC"),
        ("http://h/%7e/%zz/100%", "http://h/%7e/%zz/100%"),
        ("http://h/\"<>`{}^|'[]", "http://h/%22%3C%3E%60%7B%7D%5E|'[]"),
        ("http://h/?\"<>'`{}|^ é\\", "http://h/?%22%3C%3E%27`{}|^%20%C3%A9\\"),
        ("http://h/a/./b/../c", "http://h/a/c"),
        ("http://h/a/b/..", "http://h/a/"),
        ("http://h/../../a", "http://h/a"),
        ("http://h/a/%2E%2e/%2e/b", "http://h/b"),
        ("http://h//a//../b", "http://h//a/b"),
        ("http://h/?a/../b", "http://h/?a/../b"),
        ("http://u@h/", "http://u@h/"),
        ("http://u:@h/", "http://u@h/"),
        ("http://:@h/", "http://h/"),
        ("http://a@b:c@d@h/", "http://a%40b:c%40d@h/"),
        ("http://[2001:DB8::0:1]:81/", "http://[2001:db8::1]:81/"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/"),
        ("http:/h/", "http://h/"),
        ("http:///h/", "http://h/"),
    ] {
        assert_eq!(normal(input).as_deref(), Ok(wanted), "{input}");
        assert_eq!(normal(wanted).as_deref(), Ok(wanted), "{wanted} is a fixed point");
    }
}

#[test]
fn refusals_are_named() {
    use UrlError::*;
    for (input, wanted) in [
        ("", MissingScheme),
        ("example.com/path", MissingScheme),
        ("/path", MissingScheme),
        ("1http://h", MissingScheme),
        ("ftp://h/", UnsupportedScheme),
        ("localhost:8080/", UnsupportedScheme),
        ("javascript:alert(1)", UnsupportedScheme),
        ("http://", EmptyHost),
        ("http:///", EmptyHost),
        ("http://?q", EmptyHost),
        ("http://u:p@/", EmptyHost),
        ("http://:80/", EmptyHost),
        ("http://h h/", InvalidHost),
        ("http://h|/", InvalidHost),
        ("http://a[b/", InvalidHost),
        ("http://h\u{7F}/", InvalidHost),
        ("http://bücher.example/", NonAsciiHost),
        ("http://h\u{3002}example/", NonAsciiHost),
        ("http://b%C3%BCcher.example/", PercentInHost),
        ("http://ex%61mple/", PercentInHost),
        ("http://xn--/", InvalidPunycode),
        ("http://0x7f.1/", InvalidIpv4),
        ("http://1.2.3.256/", InvalidIpv4),
        ("http://[::1/", InvalidIpv6),
        ("http://[h]/", InvalidIpv6),
        ("http://[fe80::1%25eth0]/", InvalidIpv6),
        ("http://h:65536/", InvalidPort),
        ("http://h:-1/", InvalidPort),
        ("http://h:8 0/", InvalidPort),
        ("http://h:80:80/", InvalidPort),
        ("http://good.example\\@evil.example/", Backslash),
        ("http://h/a\\b", Backslash),
    ] {
        assert_eq!(normal(input), Err(wanted), "{input}");
    }
}

#[test]
fn no_control_character_passes_anywhere() {
    for template in
        ["http://h*/", "http://u*@h/", "http://h:8*0/", "http://h/a*b", "http://h/?a*b", "http://h/#*", "ht*tp://h"]
    {
        for control in (0..b' ').map(char::from) {
            let input = template.replace('*', control.to_string().as_str());
            assert_eq!(normal(&input), Err(UrlError::ControlCharacter), "{input:?}");
        }
        let input = template.replace('*', "\r\nX-Evil: 1\r\n");
        assert_eq!(resolve("http://h/", &input), Err(UrlError::ControlCharacter), "{input:?}");
    }
}

#[test]
fn parts() {
    let (url, text) = parse("https://ada:p%40ss@api.example.com:8443/v1/now?city=x&y#z").unwrap();
    assert_eq!((url.scheme(), url.port(), url.has_explicit_port()), (Scheme::Https, 8443, true));
    assert_eq!(url.userinfo(&text), Some("ada:p%40ss"));
    assert_eq!(url.host(&text), "api.example.com");
    assert_eq!(url.authority(&text), "api.example.com:8443");
    assert_eq!(url.path(&text), "/v1/now");
    assert_eq!(url.query(&text), Some("city=x&y"));
    assert_eq!(url.target(&text), "/v1/now?city=x&y");
    assert_eq!(url.len(), url.text(&text).len());

    let (url, text) = parse("http://[::1]").unwrap();
    assert_eq!((url.scheme(), url.port(), url.has_explicit_port()), (Scheme::Http, 80, false));
    assert_eq!((url.userinfo(&text), url.query(&text)), (None, None));
    assert_eq!((url.host(&text), url.authority(&text), url.target(&text)), ("::1", "[::1]", "/"));
}

#[test]
fn origins() {
    let same = |a: &str, b: &str| {
        let ((a, a_text), (b, b_text)) = (parse(a).unwrap(), parse(b).unwrap());
        a.is_same_origin(&a_text, &b, &b_text)
    };
    assert!(same("http://h/a", "HTTP://u@H:80/b?c"));
    assert!(!same("http://h/", "https://h/"));
    assert!(!same("http://h/", "http://h:81/"));
    assert!(!same("http://h/", "http://h.example/"));
}

/// Our reading of address literals is that of `core::net`, whose code is larger.
#[test]
fn addresses_are_read_as_core_reads_them() {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    let address = |host: &str| parse(&format!("http://{host}/")).ok().and_then(|(url, text)| url.ip_address(&text));
    assert_eq!(address("h.example"), None);

    let seeds =
        ["::", "::1", "1::", "1:2:3:4:5:6:7:8", "1::8", "::ffff:192.0.2.255", "1:2:3:4:5:6:1.2.3.4", "fe80::1:0:0:a"];
    let mut random = Xorshift(0x5EED_0003);
    for round in 0..60_000 {
        let mut bytes = seeds[round % seeds.len()].as_bytes().to_vec();
        for _ in 0..random.below(4) {
            let at = random.below(bytes.len() + 1);
            match random.below(3) {
                0 if at < bytes.len() => drop(bytes.remove(at)),
                _ => bytes.insert(at, b"::.01259afF"[random.below(11)]),
            }
        }
        let literal = String::from_utf8(bytes).unwrap();
        let wanted = literal.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
        assert_eq!(address(&format!("[{literal}]")), wanted, "{literal}");

        let text = literal.replace(':', ".");
        let Ok((url, out)) = parse(&format!("http://{text}/")) else { continue };
        // A dot at the end is dropped before an address is read.
        let wanted = text.strip_suffix('.').unwrap_or(&text).parse::<Ipv4Addr>().ok().map(IpAddr::V4);
        assert_eq!(url.ip_address(&out), wanted, "{text}");
    }
    assert_eq!(address("255.0.10.1"), Some(Ipv4Addr::new(255, 0, 10, 1).into()));
}

/// RFC 3986 §5.4. Fragments are dropped; `http:g` is read as browsers do (§5.4.2 allows both).
#[test]
fn references_of_rfc_3986() {
    let base = "http://a/b/c/d;p?q";
    for (reference, wanted) in [
        ("g:h", Err(UrlError::UnsupportedScheme)),
        ("g", Ok("http://a/b/c/g")),
        ("./g", Ok("http://a/b/c/g")),
        ("g/", Ok("http://a/b/c/g/")),
        ("/g", Ok("http://a/g")),
        ("//g", Ok("http://g/")),
        ("?y", Ok("http://a/b/c/d;p?y")),
        ("g?y", Ok("http://a/b/c/g?y")),
        ("#s", Ok("http://a/b/c/d;p?q")),
        ("g#s", Ok("http://a/b/c/g")),
        ("g?y#s", Ok("http://a/b/c/g?y")),
        (";x", Ok("http://a/b/c/;x")),
        ("g;x", Ok("http://a/b/c/g;x")),
        ("g;x?y#s", Ok("http://a/b/c/g;x?y")),
        ("", Ok("http://a/b/c/d;p?q")),
        (".", Ok("http://a/b/c/")),
        ("./", Ok("http://a/b/c/")),
        ("..", Ok("http://a/b/")),
        ("../", Ok("http://a/b/")),
        ("../g", Ok("http://a/b/g")),
        ("../..", Ok("http://a/")),
        ("../../", Ok("http://a/")),
        ("../../g", Ok("http://a/g")),
        ("../../../g", Ok("http://a/g")),
        ("../../../../g", Ok("http://a/g")),
        ("/./g", Ok("http://a/g")),
        ("/../g", Ok("http://a/g")),
        ("g.", Ok("http://a/b/c/g.")),
        (".g", Ok("http://a/b/c/.g")),
        ("g..", Ok("http://a/b/c/g..")),
        ("..g", Ok("http://a/b/c/..g")),
        ("./../g", Ok("http://a/b/g")),
        ("./g/.", Ok("http://a/b/c/g/")),
        ("g/./h", Ok("http://a/b/c/g/h")),
        ("g/../h", Ok("http://a/b/c/h")),
        ("g;x=1/./y", Ok("http://a/b/c/g;x=1/y")),
        ("g;x=1/../y", Ok("http://a/b/c/y")),
        ("g?y/./x", Ok("http://a/b/c/g?y/./x")),
        ("g?y/../x", Ok("http://a/b/c/g?y/../x")),
        ("g#s/./x", Ok("http://a/b/c/g")),
        ("g#s/../x", Ok("http://a/b/c/g")),
        ("http:g", Ok("http://a/b/c/g")),
    ] {
        assert_eq!(resolve(base, reference), wanted.map(str::to_owned), "{reference}");
    }
}

#[test]
fn references_of_redirects() {
    for (base, reference, wanted) in [
        ("http://h:8080/a", "/y", Ok("http://h:8080/y")),
        ("http://h/get", "d", Ok("http://h/d")),
        ("http://h", "d", Ok("http://h/d")),
        ("http://h/a?x=/y/z", "d", Ok("http://h/d")),
        ("http://h/a/b/c", "?q=1", Ok("http://h/a/b/c?q=1")),
        ("http://h/a", "//other/z", Ok("http://other/z")),
        ("https://h:8443/a", "//other/z", Ok("https://other/z")),
        ("https://h:8443/a", "http://h/a", Ok("http://h/a")),
        ("http://u:p@h/a", "b", Ok("http://u:p@h/b")),
        ("http://u:p@h/a", "//other/", Ok("http://other/")),
        ("http://h/a", "?", Ok("http://h/a?")),
        ("http://h/a", "/b c?d e", Ok("http://h/b%20c?d%20e")),
        ("http://h/a", ":b", Ok("http://h/:b")),
        ("http://h/a", "b:c", Err(UrlError::UnsupportedScheme)),
        ("http://h/a", "./b:c", Ok("http://h/b:c")),
        ("http://h/a", "//", Err(UrlError::EmptyHost)),
        ("http://h/a", "\\\\other\\z", Err(UrlError::Backslash)),
    ] {
        assert_eq!(resolve(base, reference), wanted.map(str::to_owned), "{base} {reference}");
    }
}

#[test]
fn query_pairs_are_appended() {
    for (base, wanted) in
        [("http://h", "/?a%26b=c%20d%2B"), ("http://h/p?", "/p?a%26b=c%20d%2B"), ("http://h/?x", "/?x&a%26b=c%20d%2B")]
    {
        let (url, mut text) = parse(base).unwrap();
        let longer = url.push_query(&mut text, "a&b", "c d+").unwrap();
        assert_eq!(longer.target(&text), wanted);
        assert_eq!(url.text(&text), normal(base).unwrap(), "the URL before is still there");
    }
}

/// The size an error asks for is enough, and one byte less is not.
#[test]
fn needed_sizes_are_exact() {
    let exact = |what: &str, attempt: &dyn Fn(&mut [u8]) -> Result<Url, UrlError>| {
        let Err(UrlError::BufferTooSmall { need }) = attempt(&mut []) else { panic!("{what}") };
        for len in 1..need {
            assert_eq!(attempt(&mut vec![0; len]), Err(UrlError::BufferTooSmall { need }), "{what}, {len}");
        }
        assert_eq!(attempt(&mut vec![0; need]).map(|url| url.len()), Ok(need), "{what}");
    };
    for input in ["http://h", "https://u:p w@[2001:db8::1]:8443/a/./b/../ü?q='x'", "http://1.2.3.4./a/../.."] {
        exact(input, &|out| Url::parse(input, out));
    }
    let (base, text) = parse("http://u@h:81/a/b/c?q").unwrap();
    for reference in ["", "?y", "d e", "../../x/../ü", "/", "//other", "https:other/p"] {
        exact(reference, &|out| base.resolve(&text, reference, out));
    }

    let mut buffer = text[..base.len()].to_vec();
    let Err(UrlError::BufferTooSmall { need }) = base.push_query(&mut buffer, "n", "ü") else { panic!() };
    assert_eq!(base.text(&buffer), base.text(&text), "a failed push leaves the URL as it was");
    buffer.resize(need, 0);
    assert_eq!(base.push_query(&mut buffer, "n", "ü").map(|url| url.len()), Ok(need));
}

#[test]
fn sixteen_bits_are_the_limit() {
    let mut out = vec![0; 200_000];
    let longest = format!("http://h/{}", "a".repeat(65535 - 9));
    assert_eq!(Url::parse(&longest, &mut out).map(|url| url.len()), Ok(65535));
    for too_long in [
        format!("{longest}a"),
        format!("http://{}/", "a".repeat(70_000)),
        format!("http://{}@h/", "a".repeat(70_000)),
        format!("http://h/?{}", " ".repeat(30_000) + "x"),
    ] {
        assert_eq!(Url::parse(&too_long, &mut out), Err(UrlError::TooLong));
    }
}

/// Whatever the text: no panic; what is accepted is visible ASCII, a fixed point, and holds together.
#[test]
fn mutated_urls_stay_sane() {
    let seeds = [
        "https://ada:p%40ss@api.example.com:8443/v1/./a/../now?city=x&y#z",
        "http://[2001:db8::ffff:1.2.3.4]:81/%2e%2E/ü?é",
        "HTTP:///xn--bcher-kva.example/a//b/..?q",
        "../../b/./c?d#e",
        "//user@127.0.0.1:0080",
    ];
    let (base, base_text) = parse("http://u@h:81/a/b/c?q").unwrap();
    let mut random = Xorshift(0x5EED_0002);
    for _ in 0..60_000 {
        let mut bytes = seeds[random.below(seeds.len())].as_bytes().to_vec();
        mutate(&mut bytes, &mut random);
        let input = String::from_utf8_lossy(&bytes);
        let mut out = vec![0; random.below(120)];
        for result in [Url::parse(&input, &mut out.clone()), base.resolve(&base_text, &input, &mut out)] {
            if let Err(UrlError::BufferTooSmall { need }) = result {
                assert!(need > out.len() && need < 512, "{input:?}");
            }
        }
        let mut out = [0; 512];
        let Ok(url) = base.resolve(&base_text, &input, &mut out) else { continue };
        let text = url.text(&out);
        assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{input:?} {text}");
        assert_eq!(normal(text).as_deref(), Ok(text), "{input:?}");
        assert!(url.target(&out).starts_with('/') && !url.host(&out).is_empty(), "{input:?}");
        assert!(!url.authority(&out).contains('@') && text.ends_with(url.target(&out)), "{input:?}");
    }
}
