//! The mock speaks: what a script says when an application does not do what it expects, and its faults.

use core::{
    future::Future,
    pin::pin,
    task::{Context, Waker},
    time::Duration,
};

use embedded_io_async::{Read as _, Write as _};
use socketpool::{
    ErrorKind, Resources, SocketPool,
    mock::{Faults, MockTls, Peer, Script, Step, block_on},
    requests::Session,
};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Sends GET to each of these URLs in turn; what the script says then, and the last error.
fn get(script: &Script<'_>, urls: &[&str]) -> (String, Option<ErrorKind>) {
    let (mut network, mut memory) = (script.network(), Resources::<2>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    let http = Session::new(&pool, &MockTls);
    let mut error = None;
    for url in urls {
        error = block_on(async {
            let mut response = http.get(url).send().await?;
            response.content(&mut [0; 64]).await.map(|_| ())
        })
        .err();
    }
    (script.to_string(), error.map(|error| error.kind()))
}

#[test]
fn a_script_that_was_played_has_nothing_to_say() {
    for last in [&[][..], &[Step::Close], &[Step::Stall], &[Step::Reset]] {
        let steps = [&[Step::Receive(b"GET /now"), Step::Receive(b"\r\n\r\n"), Step::Send(OK)], last].concat();
        let peers = [Peer::new("a.example", 80, &steps), Peer::silent("b.example", 80)];
        let script = Script::new(&peers);
        assert!(!script.is_played());
        assert_eq!(get(&script, &["http://a.example/now"]), (String::new(), None));
        script.assert_played();
    }
}

#[test]
fn it_names_the_peer_that_waits_for_what_and_what_it_got_instead() {
    let steps = [Step::Receive(b"GET /other"), Step::Send(OK)];
    let peers = [Peer::new("a.example", 80, &steps)];
    let script = Script::new(&peers);
    let (said, error) = get(&script, &["http://a.example/now"]);
    assert_eq!(error, Some(ErrorKind::Timeout));
    let start =
        "\n  a.example:80 (peer 0) waits for \"GET /other\"; it got \"GET /now HTTP/1.1\\r\\nHost: a.example\\r\\n";
    assert!(said.starts_with(start), "{said}");
    assert!(said.ends_with(" bytes)"), "{said}");
    assert!(!script.is_played());
}

#[test]
fn it_names_the_peers_that_nobody_came_to_and_the_names_and_addresses_that_nobody_has() {
    let steps = [Step::Receive(b"\r\n\r\n"), Step::Send(OK), Step::Close];
    let peers = [Peer::new("a.example", 80, &steps), Peer::new("b.example", 80, &steps)];
    let script = Script::new(&peers);
    let urls = ["http://c.example/", "http://a.example/", "http://a.example/", "http://a.example/"];
    let (said, error) = get(&script, &urls);
    assert_eq!(error, Some(ErrorKind::Io(embedded_io_async::ErrorKind::ConnectionRefused)));
    assert_eq!(
        said,
        "\n  b.example:80 (peer 1) was not connected to\
         \n  no peer has the name c.example, which was looked up\
         \n  a connection to 10.0.0.1:80 was refused: a.example accepts one for each time it is listed"
    );
}

#[test]
fn it_says_that_a_script_is_over_and_more_came() {
    let steps = [Step::Receive(b"\r\n\r\n"), Step::Send(OK)];
    let peers = [Peer::new("a.example", 80, &steps)];
    let script = Script::new(&peers);
    let (said, error) = get(&script, &["http://a.example/", "http://a.example/again"]);
    assert_eq!(error, Some(ErrorKind::Timeout));
    assert!(said.starts_with("\n  a.example:80 (peer 0) is at the end of its script; it got \"GET /again "), "{said}");
}

#[test]
fn it_says_that_something_was_not_read() {
    let steps = [Step::Receive(b"\r\n\r\n"), Step::Send(OK), Step::Send(b"more than anyone reads")];
    let peers = [Peer::new("a.example", 80, &steps)];
    let script = Script::new(&peers);
    let (said, _) = get(&script, &["http://a.example/"]);
    assert_eq!(
        said,
        "\n  a.example:80 (peer 0) has more to send, which was not read to its end: \"more than anyone reads\""
    );
}

#[test]
#[should_panic(expected = "the script was not played to its end:\n  a.example:80 (peer 0) was not connected to")]
fn assert_played_fails_with_that() {
    let peers = [Peer::new("a.example", 80, &[])];
    Script::new(&peers).assert_played();
}

#[test]
fn udp_peers_and_clients_speak_too() {
    let (answer, client) = ([Step::Receive(b"ping"), Step::Send(b"pong")], [Step::Send(b"hello")]);
    let peers = [Peer::udp("a.example", 7, &answer), Peer::client("b.example", 80, &client)];
    let script = Script::new(&peers);
    let (mut network, mut memory) = (script.network(), Resources::<2>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    block_on(async {
        let mut socket = pool.udp_socket().await.unwrap();
        socket.bind("", 0).await.unwrap();
        socket.send_to(b"pang", "a.example", 7).await.unwrap();
    });
    assert_eq!(
        script.to_string(),
        "\n  a.example:7 (peer 0) waits for \"ping\"; it got \"pang\"\n  b.example:80 (peer 1) has not come yet"
    );
}

#[test]
fn a_cut_ends_the_script_and_the_exchange() {
    let steps = [Step::Receive(b"\r\n\r\n"), Step::Send(OK)];
    for cut_after in 0..150 {
        let faults = Faults { cut_after: Some(cut_after), ..Faults::NONE };
        let peers = [Peer::new("a.example", 80, &steps).with_faults(faults)];
        let script = Script::new(&peers);
        let (said, error) = get(&script, &["http://a.example/"]);
        let is_whole = script.sent().len() + OK.len() <= cut_after;
        assert_eq!(error.is_none(), is_whole, "{cut_after}: {error:?}");
        assert_eq!(said, "", "{cut_after}");
    }
}

/// A response that begins after 300 ms: in time for a deadline of 301 ms, and not for one of 299.
#[test]
fn a_delayed_peer_is_in_time_or_is_not() {
    let steps = [Step::Receive(b"\r\n\r\n"), Step::Send(OK)];
    let faults = Faults { delay: Duration::from_millis(300), fragment: 7, ..Faults::NONE };
    let peers = [Peer::new("a.example", 80, &steps).with_faults(faults)];
    for (timeout, outcome) in [(299, Some(ErrorKind::Timeout)), (301, None)] {
        let timeout = Duration::from_millis(timeout);
        let script = Script::new(&peers);
        let (mut network, mut memory) = (script.network(), Resources::<1>::new());
        let pool = SocketPool::new(&mut network, &mut memory);
        let http = Session::new(&pool, &MockTls);
        let error = block_on(http.get("http://a.example/").timeout(Some(timeout)).send()).map(|_| ()).err();
        assert_eq!(error.map(|error| error.kind()), outcome);

        let script = Script::new(&peers);
        let (mut network, mut memory) = (script.network(), Resources::<1>::new());
        let pool = socketpool::blocking::SocketPool::new(&mut network, &mut memory);
        let http = socketpool::blocking::Session::new(&pool, &MockTls);
        let error = http.get("http://a.example/").timeout(Some(timeout)).send().map(|_| ()).err();
        assert_eq!(error.map(|error| error.kind()), outcome, "blocking");
    }
}

#[test]
fn a_delay_passes_where_nobody_has_a_deadline() {
    let steps = [Step::Receive(b"?"), Step::Send(b"!")];
    let peers =
        [Peer::new("a.example", 7, &steps).with_faults(Faults { delay: Duration::from_secs(60), ..Faults::NONE })];
    let script = Script::new(&peers);
    let (mut network, mut memory) = (script.network(), Resources::<1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    block_on(async {
        let mut socket = pool.socket().await.unwrap();
        socket.connect("a.example", 7).await.unwrap();
        socket.set_timeout(None);
        socket.write_all(b"?").await.unwrap();
        let mut byte = [0];
        socket.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"!");
    });
    script.assert_played();
}

/// A client that has to be awaited came to one of two listeners; the other one must not go on as if it came to both.
#[test]
fn a_listener_whose_client_went_to_another_waits_until_its_time_is_up() {
    let peers = [Peer::client("guest", 7, &[Step::Send(b"hello")]).hesitating()];
    let script = Script::new(&peers);
    let (mut network, mut memory) = (script.network(), Resources::<3>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    let listen = async || {
        let mut socket = pool.socket().await?;
        socket.bind("", 7)?;
        let mut listener = socket.listen(1).await?;
        listener.set_timeout(Some(Duration::from_secs(1)));
        Ok::<_, socketpool::Error>(listener)
    };
    let (mut first, mut second) = (block_on(listen()).unwrap(), block_on(listen()).unwrap());
    let mut context = Context::from_waker(Waker::noop());
    assert!(pin!(first.accept()).poll(&mut context).is_pending());
    assert!(block_on(second.accept()).is_ok());
    assert_eq!(block_on(first.accept()).unwrap_err().kind(), ErrorKind::Timeout);
}
