//! A reader of responses in a few lines, lenient: what our library accepts, this must make the same of.

/// Status and body of each response in `bytes`, in their order. The last one may end with the bytes.
pub fn responses(mut bytes: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut all = Vec::new();
    while let Some((status, body, rest)) = response(bytes) {
        bytes = rest;
        if !(100..200).contains(&status) {
            all.push((status, body));
        }
    }
    all
}

fn response(bytes: &[u8]) -> Option<(u16, Vec<u8>, &[u8])> {
    // A line ends in LF, with or without CR (RFC 9112 §2.2), and the head in an empty one.
    let (mut lines, mut rest) = (Vec::new(), bytes);
    loop {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let line = String::from_utf8_lossy(&rest[..end]).trim_end_matches('\r').to_owned();
        rest = &rest[end + 1..];
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let status = lines.first()?.split(' ').nth(1)?.get(..3)?.parse().ok()?;
    let field = |name: &str| {
        lines.iter().skip(1).find_map(|line| {
            let (this, value) = line.split_once(':')?;
            this.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    };
    if matches!(status, 100..200 | 204 | 304) {
        return Some((status, Vec::new(), rest));
    }
    if field("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        let (mut body, mut rest) = (Vec::new(), rest);
        loop {
            let line = rest.iter().position(|byte| *byte == b'\n')?;
            let size = String::from_utf8_lossy(&rest[..line]);
            let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
            rest = &rest[line + 1..];
            if size == 0 {
                // The trailers, whatever they say, end in an empty line.
                while let Some(line) = rest.iter().position(|byte| *byte == b'\n') {
                    let is_empty = rest[..line].trim_ascii().is_empty();
                    rest = &rest[line + 1..];
                    if is_empty {
                        break;
                    }
                }
                return Some((status, body, rest));
            }
            body.extend(rest.get(..size)?);
            rest = rest.get(size + 2..)?;
        }
    }
    match field("content-length").map(|value| value.parse::<usize>()) {
        Some(Ok(len)) => Some((status, rest.get(..len)?.to_vec(), &rest[len..])),
        Some(Err(_)) => None,
        None => Some((status, rest.to_vec(), &[])),
    }
}
