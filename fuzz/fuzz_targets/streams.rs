//! Lines, server-sent events and elements of an array: the same at any split, and as a short reference has them.
#![cfg_attr(feature = "libfuzzer", no_main)]

use serde_json::Value;
use socketpool::{
    ErrorKind,
    requests::{Events, JsonElements, Lines},
};
use socketpool_fuzz::{Body, Split, Wire, block_on, take, target};

/// Pieces, and faults between them: too large, or not text.
type Pieces<T> = Vec<Result<T, &'static str>>;

fn fault(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::TooLarge { .. } => "too large",
        ErrorKind::NotUtf8 => "not text",
        other => panic!("{other:?}"),
    }
}

fn lines(input: &[u8], split: Split, room: usize) -> Pieces<Vec<u8>> {
    let (mut body, mut buffer, mut pieces) = (Body(Wire::new(input, split)), vec![0; room], vec![]);
    let mut lines = Lines::new(&mut body, &mut buffer);
    loop {
        match block_on(lines.read_line_bytes()) {
            Ok(None) => return pieces,
            Ok(Some(line)) => pieces.push(Ok(line.to_vec())),
            Err(error) => {
                pieces.push(Err(fault(error.kind())));
                pieces.push(Ok(lines.take_partial().to_vec()));
            }
        }
        assert!(pieces.len() <= 2 * input.len() + 2, "it ends");
    }
}

fn events(input: &[u8], split: Split, room: usize) -> Pieces<(String, String, String, Option<u64>)> {
    let (mut body, mut buffer, mut pieces) = (Body(Wire::new(input, split)), vec![0; room], vec![]);
    let mut events = Events::new(&mut body, &mut buffer);
    loop {
        pieces.push(match block_on(events.next_event()) {
            Ok(None) => return pieces,
            Ok(Some(event)) => {
                let retry = event.retry.map(|retry| retry.as_millis() as u64);
                Ok((event.event.into(), event.data.into(), event.id.into(), retry))
            }
            Err(error) => Err(fault(error.kind())),
        });
        assert!(pieces.len() <= input.len() + 2, "it ends");
    }
}

/// The algorithm of the HTML standard, §9.2.6, on text that is there as a whole.
fn reference(input: &str) -> Pieces<(String, String, String, Option<u64>)> {
    let input = input.strip_prefix('\u{feff}').unwrap_or(input).replace("\r\n", "\n").replace('\r', "\n");
    let (mut pieces, mut data, mut kind, mut id, mut retry) = (vec![], None::<String>, "", "", None);
    let mut lines: Vec<_> = input.split('\n').collect();
    lines.pop(); // not ended
    for line in lines {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "" if line.is_empty() => {
                if let Some(data) = data.take() {
                    let kind = if kind.is_empty() { "message" } else { kind };
                    pieces.push(Ok((kind.into(), data, id.into(), retry)));
                }
                kind = "";
            }
            "data" => data = Some(data.map_or(value.into(), |data| data + "\n" + value)),
            "event" => kind = value,
            "id" if !value.contains('\0') => id = value,
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                retry = value.parse().ok().or(retry);
            }
            _ => {}
        }
    }
    pieces
}

/// The elements, and whether the array came to its end.
fn elements(input: &[u8], split: Split, room: usize) -> (Vec<Value>, bool) {
    let (mut body, mut buffer, mut values) = (Body(Wire::new(input, split)), vec![0; room], vec![]);
    let mut elements = JsonElements::new(&mut body, &mut buffer);
    loop {
        match block_on(elements.next_element::<Value>()) {
            Ok(None) => return (values, true),
            Ok(Some(value)) => values.push(value),
            Err(_) => return (values, false),
        }
        assert!(values.len() <= input.len(), "it ends");
    }
}

target!(|input| {
    let mut rest = input;
    let [kind, split, room] = take(&mut rest);
    let (split, room, roomy) = (Split::new(split), 1 + usize::from(room), rest.len() * 4 + 16);
    match kind % 3 {
        0 => {
            assert_eq!(lines(rest, Split::WHOLE, room), lines(rest, split, room));
            let mut wanted: Pieces<_> = rest.split(|byte| *byte == b'\n').map(|line| Ok(line.to_vec())).collect();
            let last = wanted.pop().filter(|last| *last != Ok(vec![]));
            for line in wanted.iter_mut().flatten() {
                line.pop_if(|byte| *byte == b'\r');
            }
            wanted.extend(last);
            assert_eq!(lines(rest, split, roomy), wanted);
        }
        1 => {
            _ = events(rest, split, room);
            assert_eq!(events(rest, Split::WHOLE, roomy), events(rest, split, roomy));
            if let Ok(text) = std::str::from_utf8(rest) {
                assert_eq!(events(rest, split, roomy), reference(text));
            }
        }
        _ => {
            _ = elements(rest, split, room);
            let (values, is_whole) = elements(rest, split, roomy);
            assert_eq!((&values, is_whole), (&elements(rest, Split::WHOLE, roomy).0, is_whole));
            let bare = rest.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(rest);
            let theirs = serde_json::from_slice::<Vec<Value>>(bare);
            // Values in values end at 32.
            let deep = rest.iter().filter(|byte| matches!(byte, b'[' | b'{')).count() > 30;
            assert_eq!(theirs.is_ok() && !deep, is_whole && !deep, "{values:?}");
            assert!(theirs.is_err() || deep || theirs.unwrap().len() == values.len());
        }
    }
});
