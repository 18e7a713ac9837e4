//! URLs and references, beside the crate `url`: what ours takes, it makes the same of; what ours refuses is in a list.
#![cfg_attr(feature = "libfuzzer", no_main)]

use socketpool::http::{Url, UrlError};
use socketpool_fuzz::target;

type Other = Result<url::Url, url::ParseError>;

/// Their text without the fragment; `None` if it is another scheme.
fn text(other: &Other) -> Option<String> {
    let mut url = other.clone().ok()?;
    url.set_fragment(None);
    // `^` in a path is encoded since the standard of 2024; theirs is older.
    let path = url.path().replace('^', "%5E");
    url.set_path(&path);
    matches!(url.scheme(), "http" | "https").then(|| url.to_string())
}

fn compare(input: &str, ours: Result<&str, UrlError>, other: &Other) {
    match ours {
        // Theirs keeps a segment that looks like a Windows drive, whatever the scheme.
        Ok(ours) if input.split('/').chain(ours.split('/')).any(is_drive) => {}
        Ok(ours) => {
            let Some(theirs) = text(other) else {
                // Any number of slashes stands before the authority of a reference too, says the standard.
                if input.trim_start_matches(' ').split_once("//").is_some_and(|(_, rest)| rest.starts_with('/')) {
                    return;
                }
                // IDNA has rules for `xn--` labels beyond Punycode; ours only decodes them.
                return assert!(ours.to_ascii_lowercase().contains("xn--"), "{input:?}: {ours:?} and {other:?}");
            };
            assert_eq!(ours, theirs, "{input:?}");
        }
        // Refused by ours, repaired by them.
        Err(
            UrlError::Backslash
            | UrlError::ControlCharacter
            | UrlError::NonAsciiHost
            | UrlError::PercentInHost
            | UrlError::InvalidIpv4
            | UrlError::InvalidHost
            | UrlError::TooLong,
        ) => {}
        Err(UrlError::UnsupportedScheme) => assert_eq!(text(other), None, "{input:?}"),
        Err(error) => assert_eq!(text(other), None, "{input:?}: {error}"),
    }
}

fn is_drive(segment: &str) -> bool {
    matches!(segment.as_bytes(), [letter, b':' | b'|', ..] if letter.is_ascii_alphabetic())
}

/// What holds for every URL of ours.
fn check(url: &Url, buffer: &[u8]) -> String {
    let text = url.text(buffer).to_string();
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text:?}");
    assert_eq!(text.len(), url.len());
    assert!(url.path(buffer).starts_with('/') && !url.host(buffer).is_empty());
    assert!(url.target(buffer).starts_with(url.path(buffer)) && url.is_same_origin(buffer, url, buffer));
    let mut again = vec![0; text.len()];
    assert_eq!(Url::parse(&text, &mut again).as_ref(), Ok(url), "the normal form is its own");
    assert_eq!(again, text.as_bytes());
    if !text.is_empty() {
        assert_eq!(Url::parse(&text, &mut again[1..]), Err(UrlError::BufferTooSmall { need: text.len() }));
    }
    // The wrong buffer: nothing of sense, and no panic.
    let other = &buffer[..buffer.len() / 3];
    _ = (url.text(other), url.host(other), url.authority(other), url.query(other), url.userinfo(other));
    _ = (url.ip_address(other), url.is_same_origin(other, url, buffer), url.push_query(&mut again, "a", "b"));
    text
}

target!(|input| {
    let Ok(input) = std::str::from_utf8(input) else { return };
    let (base, reference) = input.split_once('\n').unwrap_or((input, ""));
    let mut buffer = vec![0; 8192];
    let ours = Url::parse(base, &mut buffer);
    let theirs = url::Url::parse(base);
    compare(base, ours.as_ref().map(|url| url.text(&buffer)).map_err(|error| *error), &theirs);
    let Ok(ours) = ours else { return };
    let text = check(&ours, &buffer);

    let Ok(theirs) = url::Url::parse(&text) else { return };
    let mut resolved = vec![0; 16_384];
    let next = ours.resolve(&buffer, reference, &mut resolved);
    compare(reference, next.as_ref().map(|url| url.text(&resolved)).map_err(|error| *error), &theirs.join(reference));
    if let Ok(next) = next {
        check(&next, &resolved);
    }
    if let Ok(pushed) = ours.push_query(&mut buffer, base, reference) {
        check(&pushed, &buffer);
        let pairs = url::Url::parse(pushed.text(&buffer))
            .map(|url| url.query_pairs().last().map(|(a, b)| (a.into(), b.into())));
        assert!(!matches!(pairs, Ok(Some(pair)) if pair != (base.to_string(), reference.to_string())));
    }
});
