//! The rows: each is a conversation. What the peers do, what the program does, and what has to come of it, step by step.

use std::{borrow::Cow, time::Duration};

use socketpool::{
    Error, ErrorKind, Phase, Resource,
    pool::{Shutdown, WhenFull},
    stack::SocketOption,
};

/// What a peer does, in order. After the last it does nothing more, and does not close.
#[derive(Debug, Clone, Copy)]
pub enum Act {
    /// It lets the program wait for a while.
    Later,
    /// It reads until it has seen these bytes.
    Receive(&'static [u8]),
    /// The same, and these must not be among what it reads.
    ReceiveWithout(&'static [u8], u8),
    /// It sends these.
    Send(&'static [u8]),
    /// It sends these to the group, at the port of whoever spoke to it last.
    SendToGroup(&'static [u8]),
    /// It takes nothing more.
    Stall,
    /// It takes whatever comes, until the end if there is one.
    Drain,
    /// It closes in order.
    Close,
    /// It breaks the connection.
    Reset,
}

/// Somebody on the other side.
#[derive(Debug, Clone, Copy)]
pub enum Peer {
    /// Accepts one connection.
    Server(&'static [Act]),
    /// Nobody listens there.
    Refusing,
    /// Does not answer who connects; after [`Act::Later`] it does.
    Silent(&'static [Act]),
    /// Connects, once the program listens; one that begins with [`Act::Later`] after a while.
    Client(&'static [Act]),
    /// Speaks UDP with whoever spoke to it last.
    Udp(&'static [Act]),
}

/// What the program does. Peers are named by their number in the row.
#[derive(Debug, Clone, Copy)]
pub enum Do {
    Timeout(Option<Duration>),
    /// What follows depends on what the peer does [later](Act::Later).
    Late,
    Connect(usize),
    /// Connects to a name whose IPv4 addresses are those of the first peers, and its IPv6 addresses those of the others.
    ConnectByName(&'static [usize], &'static [usize]),
    Recv,
    Peek,
    Ready,
    Send(&'static [u8]),
    SendAll(&'static [u8]),
    /// Sends more than a stack takes at once.
    SendMuch,
    /// Sends dots until there is no room. Leaves a time-out behind.
    Fill,
    ShutDown(Shutdown),
    SetOption(SocketOption),
    LocalAddr,
    Bind,
    Listen,
    /// Listens with another socket at the same port.
    ListenTwice,
    SetWhenFull(WhenFull),
    /// Accepts a client, whom the steps that follow mean.
    Accept,
    /// Drops this client.
    DropClient(usize),
    UdpBind,
    UdpConnect(usize),
    UdpSend(&'static [u8]),
    UdpSendTo(usize, &'static [u8]),
    /// Receives with so much room.
    UdpRecv(usize),
    UdpRecvFrom(usize),
    Join,
    Leave,
    /// Sends these to the group, at our own port.
    SendToGroup(&'static [u8]),
}

/// What comes of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Got(Cow<'static, [u8]>),
    /// A datagram of so many bytes, of which there was room for these.
    Datagram(usize, Cow<'static, [u8]>),
    Ready(bool),
    Failed(Error),
    /// Some was sent, not all.
    CutShort(Error),
    /// It waits for ever. Only simulated time can tell.
    Waits,
}

impl From<socketpool::Result<()>> for Outcome {
    fn from(outcome: socketpool::Result<()>) -> Self {
        outcome.map_or_else(Self::Failed, |()| Self::Done)
    }
}

/// What a pool has to offer for a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Tcp,
    Server,
    Udp,
}

#[derive(Debug, Clone)]
pub struct Row {
    pub kind: Kind,
    /// The operation, and the situation that it meets.
    pub name: &'static str,
    pub timeout: &'static str,
    pub peers: &'static [Peer],
    pub steps: Vec<Step>,
}

/// What the program does, and what has to come of it.
pub type Step = (Do, Outcome);

pub const SHORT: Duration = Duration::from_millis(60);
pub const LATER: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(20);

const NEVER: Do = Do::Timeout(None);
const ZERO: Do = Do::Timeout(Some(Duration::ZERO));
const SOME: Do = Do::Timeout(Some(SHORT));
pub const ENOUGH: Do = Do::Timeout(Some(LONG));

pub const fn io(phase: Phase, kind: embedded_io_async::ErrorKind) -> Outcome {
    failed(phase, ErrorKind::Io(kind))
}

pub const fn failed(phase: Phase, kind: ErrorKind) -> Outcome {
    Outcome::Failed(Error::new(phase, kind))
}

const fn got(bytes: &'static [u8]) -> Outcome {
    Outcome::Got(Cow::Borrowed(bytes))
}

pub const fn datagram(size: usize, bytes: &'static [u8]) -> Outcome {
    Outcome::Datagram(size, Cow::Borrowed(bytes))
}

/// Every row of the table on the page of `Socket`, and what stands in its methods' documentation.
pub fn rows() -> Vec<Row> {
    use Act::{Close, Drain, Later, Receive, ReceiveWithout, Reset, Send, Stall};
    use Do::*;
    use Outcome::Done;
    use embedded_io_async::ErrorKind::{AddrInUse, BrokenPipe, ConnectionRefused, ConnectionReset, Unsupported};

    const LATE: &[Peer] = &[Peer::Server(&[Later, Act::Send(b"late")])];
    const ECHO: Peer = Peer::Server(&[Receive(b"ping"), Act::Send(b"pong")]);
    let mut rows = Vec::new();
    let mut row = |kind, name, timeout, peers: &'static [Peer], steps: &[Step]| {
        rows.push(Row { kind, name, timeout, peers, steps: steps.to_vec() });
    };
    let ping = [(SendAll(b"ping"), Done), (Recv, got(b"pong"))];
    let then = |steps: &[Step], more: &[Step]| [steps, more].concat();

    // Receiving.
    let recv = "recv_into, nothing there";
    row(Kind::Tcp, recv, "None", LATE, &[(Connect(0), Done), (NEVER, Done), (Late, Done), (Recv, got(b"late"))]);
    for (timeout, setting, kind) in [("0", ZERO, ErrorKind::WouldBlock), ("t", SOME, ErrorKind::Timeout)] {
        let nothing = [(Connect(0), Done), (setting, Done), (Recv, failed(Phase::Receive, kind)), (ENOUGH, Done)];
        row(Kind::Tcp, recv, timeout, &[ECHO], &then(&nothing, &ping));
        let late = [(Late, Done), (Recv, got(b"late"))];
        row(Kind::Tcp, "recv_into, data comes after the time-out", timeout, LATE, &then(&nothing, &late));
        let peek = [(Connect(0), Done), (setting, Done), (Peek, failed(Phase::Receive, kind)), (ENOUGH, Done)];
        let twice = [(SendAll(b"ping"), Done), (Peek, got(b"pong")), (Peek, got(b"pong")), (Recv, got(b"pong"))];
        row(Kind::Tcp, "peek, nothing there, then something", timeout, &[ECHO], &then(&peek, &twice));
    }
    for (timeout, setting) in [("None", NEVER), ("0", ZERO), ("t", SOME)] {
        let steps = [(Connect(0), Done), (Recv, got(b"bye")), (Recv, got(b"")), (setting, Done), (Recv, got(b""))];
        row(Kind::Tcp, "recv_into, the peer has ended", timeout, &[Peer::Server(&[Send(b"bye"), Close])], &steps);
        let unread = [(Connect(0), Done), (ShutDown(Shutdown::Read), Done), (setting, Done)];
        let steps = then(&unread, &[(Recv, got(b"")), (Do::Send(b"ping"), Done)]);
        row(Kind::Tcp, "recv_into, after shutdown(Read)", timeout, &[ECHO], &steps);
        let unconnected = failed(Phase::Receive, ErrorKind::NotConnected);
        let steps = [
            (setting, Done),
            (Recv, unconnected.clone()),
            (Peek, unconnected),
            (SendAll(b"ping"), failed(Phase::Send, ErrorKind::NotConnected)),
            (ShutDown(Shutdown::Both), failed(Phase::Close, ErrorKind::NotConnected)),
            (LocalAddr, failed(Phase::Setup, ErrorKind::NotConnected)),
        ];
        row(Kind::Tcp, "anything, before connect", timeout, &[], &steps);
    }
    let steps = [
        (Connect(0), Done),
        (SendAll(b"ping"), Done),
        (Recv, io(Phase::Receive, ConnectionReset)),
        (Recv, failed(Phase::Receive, ErrorKind::NotConnected)),
        (SendAll(b"ping"), failed(Phase::Send, ErrorKind::NotConnected)),
        (Connect(1), Done),
    ];
    let peers = &[Peer::Server(&[Receive(b"ping"), Reset]), ECHO];
    row(Kind::Tcp, "recv_into, the peer breaks off: never an end", "t", peers, &then(&steps, &ping));
    let steps = [(Connect(0), Done), (Ready, Outcome::Ready(false)), (Late, Done), (Recv, got(b"late"))];
    row(Kind::Tcp, "read_ready, nothing there", "t", LATE, &steps);
    let ready = [(Connect(0), Done), (SendAll(b"ping"), Done), (Peek, got(b"pong")), (Ready, Outcome::Ready(true))];
    row(Kind::Tcp, "read_ready, something there", "t", &[ECHO], &ready);

    // Connecting.
    let refused = io(Phase::Connect, ConnectionRefused);
    for (timeout, setting) in [("None", NEVER), ("t", ENOUGH)] {
        let steps = then(&[(setting, Done), (Connect(0), refused.clone()), (Connect(1), Done)], &ping);
        row(Kind::Tcp, "connect, refused, then another", timeout, &[Peer::Refusing, ECHO], &steps);
    }
    let silent = "connect, nobody answers, then another";
    let late = &[Peer::Silent(&[Later, Send(b"late")])];
    row(Kind::Tcp, silent, "None", late, &[(NEVER, Done), (Late, Done), (Connect(0), Done), (Recv, got(b"late"))]);
    for (timeout, setting, kind) in [("0", ZERO, ErrorKind::WouldBlock), ("t", SOME, ErrorKind::Timeout)] {
        let steps = [(setting, Done), (Connect(0), failed(Phase::Connect, kind)), (ENOUGH, Done), (Connect(1), Done)];
        row(Kind::Tcp, silent, timeout, &[Peer::Silent(&[]), ECHO], &then(&steps, &ping));
    }
    let again = then(&[(Connect(0), Done), (Connect(1), Done)], &ping);
    row(Kind::Tcp, "connect, while connected: the old one ends", "t", &[Peer::Server(&[Drain]), ECHO], &again);
    let bound = [(Bind, Done), (Connect(0), io(Phase::Connect, Unsupported))];
    // RFC 8305, one after the other.
    let refuses = &[Peer::Refusing, ECHO];
    for (timeout, setting) in [("None", NEVER), ("t", ENOUGH)] {
        let steps = then(&[(setting, Done), (ConnectByName(&[0, 1], &[]), Done)], &ping);
        row(Kind::Tcp, "connect, a name with two addresses: the first refuses", timeout, refuses, &steps);
        let steps = then(&[(setting, Done), (ConnectByName(&[0], &[1]), Done)], &ping);
        row(Kind::Tcp, "connect, a name of both families: the first refuses", timeout, refuses, &steps);
    }
    let steps = then(&[(Timeout(Some(SHORT * 20)), Done), (ConnectByName(&[0, 1], &[]), Done), (ENOUGH, Done)], &ping);
    row(Kind::Tcp, "connect, a name with two addresses: the first is silent", "t", &[Peer::Silent(&[]), ECHO], &steps);
    let steps = [(ENOUGH, Done), (ConnectByName(&[0, 1], &[2]), refused.clone())];
    let nobody = &[Peer::Refusing, Peer::Refusing, Peer::Refusing];
    row(Kind::Tcp, "connect, a name with three addresses: all refuse", "t", nobody, &steps);
    row(Kind::Tcp, "connect, from a bound socket", "t", &[Peer::Refusing], &bound);

    // Sending.
    let full = [(Connect(0), Done), (Fill, Done)];
    let stalled = &[Peer::Server(&[Stall, Later, ReceiveWithout(b"y", b'x'), Send(b"ok")])];
    let steps = [(NEVER, Done), (Late, Done), (Do::Send(b"y"), Done), (Recv, got(b"ok"))];
    row(Kind::Tcp, "send, no room", "None", stalled, &then(&full, &steps));
    let eager = &[Peer::Server(&[Receive(b"."), Stall, Later, Drain])];
    let steps = [(Connect(0), Done), (NEVER, Done), (Late, Done), (SendMuch, Done)];
    row(Kind::Tcp, "send_all, no room", "None", eager, &steps);
    for (timeout, setting, kind) in [("0", ZERO, ErrorKind::WouldBlock), ("t", SOME, ErrorKind::Timeout)] {
        let error = failed(Phase::Send, kind);
        let steps = [(setting, Done), (Do::Send(b"x"), error), (Late, Done), (ENOUGH, Done), (SendAll(b"y"), Done)];
        row(
            Kind::Tcp,
            "send, no room: nothing is sent",
            timeout,
            stalled,
            &then(&then(&full, &steps), &[(Recv, got(b"ok"))]),
        );
        let steps = [(Connect(0), Done), (setting, Done), (SendMuch, Outcome::CutShort(Error::new(Phase::Send, kind)))];
        row(
            Kind::Tcp,
            "send_all, no room: how much was sent",
            timeout,
            &[Peer::Server(&[Receive(b"."), Stall])],
            &steps,
        );
    }
    for (timeout, setting) in [("None", NEVER), ("0", ZERO), ("t", SOME)] {
        let steps = [
            (Connect(0), Done),
            (ShutDown(Shutdown::Write), Done),
            (setting, Done),
            (Do::Send(b"x"), io(Phase::Send, BrokenPipe)),
            (SendAll(b"x"), io(Phase::Send, BrokenPipe)),
            (ENOUGH, Done),
            (Recv, got(b"bye")),
            (Recv, got(b"")),
        ];
        row(Kind::Tcp, "send, after shutdown(Write)", timeout, &[Peer::Server(&[Drain, Send(b"bye"), Close])], &steps);
    }

    // Options.
    row(Kind::Tcp, "local_addr", "t", &[ECHO], &[(Connect(0), Done), (LocalAddr, Done)]);
    for (name, option) in [
        ("set_option, no delay", SocketOption::NoDelay(true)),
        ("set_option, keep alive", SocketOption::KeepAlive(Some(Duration::from_secs(60)))),
        ("set_option, no keep alive", SocketOption::KeepAlive(None)),
    ] {
        row(Kind::Tcp, name, "t", &[ECHO], &then(&[(Connect(0), Done), (SetOption(option), Done)], &ping));
    }

    // Serving.
    const LATE_CLIENT: &[Peer] = &[Peer::Client(&[Later, Act::Send(b"late")])];
    let nobody = "accept, nobody there";
    let steps = [(Listen, Done), (NEVER, Done), (Late, Done), (Accept, Done), (Recv, got(b"late"))];
    row(Kind::Server, nobody, "None", LATE_CLIENT, &steps);
    const TWO: Peer = Peer::Client(&[Receive(b"ping"), Act::Send(b"pong")]);
    let two = [(Listen, Done), (ENOUGH, Done), (Accept, Done), (Accept, Done)];
    for (timeout, setting, kind) in [("0", ZERO, ErrorKind::WouldBlock), ("t", SOME, ErrorKind::Timeout)] {
        let nobody_there = [(Listen, Done), (setting, Done), (Accept, failed(Phase::Listen, kind)), (ENOUGH, Done)];
        let steps = then(&nobody_there, &[(Late, Done), (Accept, Done), (Recv, got(b"late"))]);
        row(Kind::Server, "accept, somebody comes after the time-out", timeout, LATE_CLIENT, &steps);
        row(Kind::Server, nobody, timeout, &[], &nobody_there);

        let exhausted = failed(Phase::Listen, ErrorKind::Exhausted(Resource::Sockets));
        let steps =
            [(setting, Done), (Accept, exhausted.clone()), (Accept, exhausted), (DropClient(0), Done), (Accept, Done)];
        let peers = &[TWO, TWO, Peer::Client(&[Send(b"third")])];
        let steps = then(&then(&two, &steps), &[(ENOUGH, Done), (Recv, got(b"third"))]);
        row(Kind::Server, "accept, a full pool: the client waits", timeout, peers, &steps);

        let steps = [(SetWhenFull(WhenFull::Refuse), Done), (setting, Done)];
        let peers = &[TWO, TWO, Peer::Client(&[Drain]), Peer::Client(&[Later, Send(b"fourth")])];
        let steps =
            then(&then(&two, &steps), &[(Accept, failed(Phase::Listen, kind)), (DropClient(0), Done), (ENOUGH, Done)]);
        let steps = then(&steps, &[(Late, Done), (Accept, Done), (Recv, got(b"fourth"))]);
        row(Kind::Server, "accept, a full pool: the client is refused", timeout, peers, &steps);
    }
    let steps = then(&two, &ping);
    row(Kind::Server, "accept, two clients", "t", &[TWO, TWO], &steps);
    row(
        Kind::Server,
        "listen, where somebody listens",
        "t",
        &[],
        &[(Listen, Done), (ListenTwice, io(Phase::Listen, AddrInUse))],
    );

    // UDP.
    const ANSWER: Peer = Peer::Udp(&[Receive(b"?"), Act::Send(b"an answer")]);
    let ask = [(UdpSendTo(0, b"?"), Done)];
    let silence = "recv_from_into, nothing there";
    let late = &[Peer::Udp(&[Receive(b"?"), Later, Send(b"late")])];
    let steps = then(&ask, &[(NEVER, Done), (Late, Done), (UdpRecvFrom(64), datagram(4, b"late"))]);
    row(Kind::Udp, silence, "None", late, &steps);
    for (timeout, setting, kind) in [("0", ZERO, ErrorKind::WouldBlock), ("t", SOME, ErrorKind::Timeout)] {
        let nothing = [(setting, Done), (UdpRecvFrom(64), failed(Phase::Receive, kind)), (ENOUGH, Done)];
        let steps =
            then(&[(UdpBind, Done)], &then(&nothing, &then(&ask, &[(UdpRecvFrom(64), datagram(9, b"an answer"))])));
        row(Kind::Udp, silence, timeout, &[ANSWER], &steps);
        let steps = then(&ask, &then(&nothing, &[(Late, Done), (UdpRecvFrom(64), datagram(4, b"late"))]));
        row(Kind::Udp, "recv_from_into, a datagram after the time-out", timeout, late, &steps);
    }
    let unbound = failed(Phase::Receive, ErrorKind::NotConnected);
    let steps = [
        (UdpRecvFrom(4), unbound.clone()),
        (UdpRecv(4), unbound),
        (UdpSend(b"?"), failed(Phase::Send, ErrorKind::NotConnected)),
    ];
    row(Kind::Udp, "anything, before bind and connect", "t", &[], &steps);
    let steps = then(&ask, &[(UdpRecvFrom(2), datagram(9, b"an"))]);
    row(Kind::Udp, "recv_from_into, more than there is room for", "t", &[ANSWER], &steps);
    row(
        Kind::Udp,
        "recv_from_into, an empty datagram",
        "t",
        &[Peer::Udp(&[Receive(b"?"), Send(b"")])],
        &then(&ask, &[(UdpRecvFrom(4), datagram(0, b""))]),
    );
    let steps = [
        (UdpConnect(0), Done),
        (UdpSendTo(1, b"?"), Done),
        (UdpSend(b"?"), Done),
        (UdpRecv(64), datagram(9, b"an answer")),
        (SOME, Done),
        (UdpRecv(64), failed(Phase::Receive, ErrorKind::Timeout)),
    ];
    row(
        Kind::Udp,
        "recv_into, others send too",
        "t",
        &[ANSWER, Peer::Udp(&[Receive(b"?"), Send(b"another's")])],
        &steps,
    );
    let steps = [
        (UdpBind, Done),
        (Join, Done),
        (SendToGroup(b"all"), Done),
        (UdpRecvFrom(64), datagram(3, b"all")),
        (Leave, Done),
        (SendToGroup(b"all"), Done),
        (SOME, Done),
        (UdpRecvFrom(64), failed(Phase::Receive, ErrorKind::Timeout)),
    ];
    row(Kind::Udp, "join and leave a multicast group", "t", &[], &steps);
    let peers = &[Peer::Udp(&[Receive(b"?"), Later, Act::SendToGroup(b"all"), Later, Act::SendToGroup(b"again")])];
    let member = [(Join, Done), (Late, Done), (UdpRecvFrom(64), datagram(3, b"all")), (Leave, Done), (Late, Done)];
    let no_more = [(Timeout(Some(LATER * 2)), Done), (UdpRecvFrom(64), failed(Phase::Receive, ErrorKind::Timeout))];
    row(Kind::Udp, "join a multicast group, a peer sends", "t", peers, &then(&ask, &then(&member, &no_more)));
    rows
}
