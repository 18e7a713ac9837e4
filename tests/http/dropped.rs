//! Futures that are dropped half-way, at every await there is: the slot and the buffer come back, and nothing torn is
//! used again.
#![cfg(all(feature = "json", feature = "mock"))]

use core::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use socketpool::{
    Error, ErrorKind, Phase, Resources, SocketPool,
    mock::{MockTls, Peer, Script, Step, block_on},
    requests::{Part, Rewindable, Session},
};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\n2\r\n2]\r\n0\r\n\r\n";

/// Polls `future` at most `polls` times.
fn poll_times<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..polls).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    })
}

#[test]
fn a_request_dropped_at_any_await_leaves_nothing_behind() {
    let steps = [Step::Receive(b"[7]"), Step::Send(ANSWER), Step::Receive(b"[7]"), Step::Send(ANSWER)];
    let peer = Peer::new("host.example", 443, &steps).in_fragments_of(5).hesitating();
    let peers = [peer, peer];
    for polls in 0.. {
        let script = Script::new(&peers);
        let (mut network, mut memory) = (script.network(), Resources::<1>::new());
        let pool = SocketPool::new(&mut network, &mut memory);
        let http = Session::new(&pool, &MockTls);
        let exchange = async || {
            let mut buffer = [0; 32];
            let mut response = http.post("https://host.example/").json(&[7]).send().await?;
            response.json::<[u8; 2]>(&mut buffer).await
        };
        let outcome = poll_times(exchange(), polls);
        let counts = pool.counts();
        assert_eq!(counts.in_use, 0, "after {polls} polls");
        match outcome {
            None => assert_eq!((counts.free, script.open()), (1, 0), "after {polls} polls: closed, not kept"),
            Some(outcome) => {
                assert_eq!(outcome, Ok([1, 2]));
                assert_eq!(counts.idle, 1);
                assert!(polls > 15, "the exchange has many awaits");
                return;
            }
        }
        // And the pool works as if nothing had been.
        assert_eq!(block_on(exchange()), Ok([1, 2]), "after {polls} polls");
    }
}

#[test]
fn a_read_of_a_body_dropped_at_any_await_loses_nothing() {
    let steps = [Step::Receive(b"\r\n\r\n"), Step::Send(ANSWER)];
    let peers = [Peer::new("host.example", 80, &steps).in_fragments_of(2).hesitating()];
    let script = Script::new(&peers);
    let (mut network, mut memory) = (script.network(), Resources::<1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    let http = Session::plain(&pool);
    let mut response = block_on(http.get("http://host.example/").send()).expect("a response");
    let (mut body, mut drops) = (Vec::new(), 0);
    loop {
        let mut byte = [0];
        match poll_times(response.read(&mut byte), 1) {
            None => drops += 1,
            Some(Ok(0)) => break,
            Some(Ok(_)) => body.extend(byte),
            Some(Err(error)) => panic!("{error}"),
        }
    }
    assert_eq!(body, b"[1,2]");
    assert!(drops > 5);
    drop(response);
    assert_eq!(pool.counts().idle, 1);
}

/// Polls what `again` gives, each future once and then dropped, until one is ready.
async fn dropped_each_time<T>(mut again: impl AsyncFnMut() -> T) -> (T, usize) {
    for drops in 0.. {
        if let Some(output) = poll_times(again(), 1) {
            return (output, drops);
        }
    }
    unreachable!("the script has an end")
}

#[test]
fn pieces_of_a_body_that_are_dropped_at_any_await_come_whole() {
    let answer = |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let (lines, events, array) =
        (answer("one\r\ntwo\n"), answer("data: one\n\ndata: two\n\n"), answer("[\"one\", \"two\"]"));
    let end = Step::Receive(b"\r\n\r\n");
    let steps = [&lines, &events, &array].map(|answer| [end, Step::Send(answer.as_bytes())]).concat();
    let peers = [Peer::new("host.example", 80, &steps).in_fragments_of(2).hesitating()];
    let script = Script::new(&peers);
    let (mut network, mut memory) = (script.network(), Resources::<1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    let http = Session::plain(&pool);
    let mut all_drops = 0;
    let mut pieces = Vec::new();
    block_on(async {
        let (mut buffer, url) = ([0; 32], "http://host.example/");
        let mut response = http.get(url).send().await.expect("a response");
        let mut lines = response.lines(&mut buffer);
        for _ in 0..3 {
            let next = async || lines.read_line().await.map(|line| line.map(str::to_owned));
            let (line, drops) = dropped_each_time(next).await;
            pieces.extend(line.expect("no error"));
            all_drops += drops;
        }
        drop(response);
        let mut response = http.get(url).send().await.expect("a response");
        let mut events = response.events(&mut buffer);
        for _ in 0..3 {
            let next = async || events.next_event().await.map(|event| event.map(|event| event.data.to_owned()));
            let (data, drops) = dropped_each_time(next).await;
            pieces.extend(data.expect("no error"));
            all_drops += drops;
        }
        drop(response);
        let mut response = http.get(url).send().await.expect("a response");
        let mut elements = response.json_elements(&mut buffer);
        for _ in 0..3 {
            let (element, drops) = dropped_each_time(async || elements.next_element::<String>().await).await;
            pieces.extend(element.expect("no error"));
            all_drops += drops;
        }
    });
    assert_eq!(pieces, ["one", "two"].repeat(3));
    assert!(all_drops > 20, "{all_drops}");
    assert_eq!((pool.counts().idle, script.connections()), (1, 1));
}

#[cfg(feature = "gzip")]
#[test]
fn a_read_of_a_compressed_body_dropped_at_any_await_loses_nothing() {
    use socketpool::requests::Inflate;
    let text = "hello hello hello hello ".repeat(20);
    let body = miniz_oxide::deflate::compress_to_vec_zlib(text.as_bytes(), 6);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: {}\r\n\r\n", body.len());
    let steps = [Step::Receive(b"\r\n\r\n"), Step::Send(head.as_bytes()), Step::Send(&body)];
    let peers = [Peer::new("host.example", 80, &steps).in_fragments_of(3).hesitating()];
    let script = Script::new(&peers);
    let (mut network, mut memory) = (script.network(), Resources::<1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    let http = Session::plain(&pool);
    let mut response = block_on(http.get("http://host.example/").send()).expect("a response");
    let mut inflate = Inflate::<512>::new();
    let mut decoded = response.decoded(&mut inflate).expect("a known coding");
    let (mut got, mut drops, mut few) = (Vec::new(), 0, [0; 5]);
    loop {
        match poll_times(decoded.read(&mut few), 1) {
            None => drops += 1,
            Some(Ok(0)) => break,
            Some(Ok(count)) => got.extend(&few[..count]),
            Some(Err(error)) => panic!("{error}"),
        }
    }
    assert_eq!(String::from_utf8(got).as_deref(), Ok(&*text));
    assert!(drops > 3, "{drops}");
}

#[test]
fn a_write_dropped_half_way_ends_the_connection() {
    let peers = [Peer::new("host.example", 7, &[]).in_fragments_of(2).hesitating()];
    let script = Script::new(&peers);
    let (mut network, mut memory) = (script.network(), Resources::<1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    block_on(async {
        let mut socket = pool.socket().await.expect("free");
        socket.connect("host.example", 7).await.expect("accepted");
        assert!(poll_times(socket.send_all(b"hello"), 2).is_none());
        let refused = socket.send_all(b"again").await.map_err(Error::from);
        assert_eq!(refused, Err(Error::new(Phase::Send, ErrorKind::NotConnected)));
    });
    assert_eq!((pool.counts().free, script.open()), (1, 0));
}

/// A source of letters that has to be awaited. (Once per piece: simulated time passes when nothing else happens.)
struct Hesitating {
    left: usize,
    hesitated: bool,
}

impl embedded_io_async::ErrorType for Hesitating {
    type Error = embedded_io_async::ErrorKind;
}

impl embedded_io_async::Read for Hesitating {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, Self::Error> {
        core::future::poll_fn(|_| {
            self.hesitated = !self.hesitated;
            if self.hesitated { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        let count = self.left.min(out.len());
        out[..count].fill(b'x');
        self.left -= count;
        Ok(count)
    }
}

impl embedded_io_async::Seek for Hesitating {
    async fn seek(&mut self, _: embedded_io_async::SeekFrom) -> Result<u64, Self::Error> {
        self.left = 10;
        Ok(0)
    }
}

/// Asked first, streamed, redirected, rewound and streamed again, or as a part of a form.
#[test]
fn an_upload_dropped_at_any_await_leaves_nothing_behind() {
    const GO_ON: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
    const MOVED: &[u8] = b"HTTP/1.1 308 Moved\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n";
    const HEAD_END: Step<'static> = Step::Receive(b"\r\n\r\n");
    for (is_form, end) in [(false, &b"\r\n0\r\n\r\n"[..]), (true, b"--\r\n")] {
        let steps = [
            HEAD_END,
            Step::Send(GO_ON),
            Step::Receive(end),
            Step::Send(MOVED),
            HEAD_END,
            Step::Send(GO_ON),
            Step::Receive(end),
            Step::Send(ANSWER),
        ];
        let peer = Peer::new("host.example", 443, &steps).in_fragments_of(40).hesitating();
        let peers = [peer, peer];
        for polls in 0.. {
            let script = Script::new(&peers);
            let (mut network, mut memory) = (script.network(), Resources::<1>::new());
            let pool = SocketPool::new(&mut network, &mut memory);
            let http = Session::new(&pool, &MockTls);
            let exchange = async || {
                let mut buffer = [0; 32];
                let source = Rewindable::new(Hesitating { left: 10, hesitated: false });
                let request = http.post("https://host.example/").expect_continue();
                let mut response = if is_form {
                    request.multipart_streamed(&mut [Part::streamed("a", "b", source, 10)]).send().await?
                } else {
                    request.stream(source, None).send().await?
                };
                response.json::<[u8; 2]>(&mut buffer).await
            };
            let outcome = poll_times(exchange(), polls);
            let counts = pool.counts();
            assert_eq!(counts.in_use, 0, "after {polls} polls");
            match outcome {
                None => assert_eq!((counts.free, script.open()), (1, 0), "after {polls} polls: closed, not kept"),
                Some(outcome) => {
                    assert_eq!(outcome, Ok([1, 2]));
                    assert_eq!(counts.idle, 1);
                    assert!(polls > 20, "the exchange has many awaits, not {polls}");
                    break;
                }
            }
            // And the pool works as if nothing had been.
            assert_eq!(block_on(exchange()), Ok([1, 2]), "after {polls} polls");
        }
    }
}
