//! The columns: each runs rows over one network stack, and says what that stack cannot do.

use std::panic::{AssertUnwindSafe, catch_unwind};

use embedded_io_async::ErrorKind::{InvalidInput, Unsupported};
use socketpool::{
    ErrorKind, Phase,
    mock::{self, Script, block_on},
    stack,
};

use super::{
    faces::{self, At},
    peers::Company,
    rows::{Act, Do, Kind, Outcome, Peer, Row, Step, datagram, failed, io},
    smoltcp::Cast,
};
use crate::{
    modem::{self, Waits},
    support::{
        self,
        embassy::{Cable, Stacks, over, stacks},
        host::HostNetwork,
        smoltcp_nal::Lab,
    },
};

/// One network stack under one face.
pub struct Column {
    /// Does the steps of a row, and notes what comes of each.
    pub run: fn(&Row, &mut Vec<Outcome>),
    /// What it cannot do. The first that fits counts.
    pub limits: &'static [(Fits, Limit)],
}

/// Which rows a limit is about.
#[derive(Debug, Clone, Copy)]
pub enum Fits {
    /// All of this kind.
    Kind(Kind),
    /// All whose name begins like this, with any time-out.
    Name(&'static str),
    /// The same, with this time-out.
    Cell(&'static str, &'static str),
}

impl Fits {
    pub fn fits(self, row: &Row) -> bool {
        match self {
            Self::Kind(kind) => row.kind == kind,
            Self::Name(name) => row.name.starts_with(name),
            Self::Cell(name, timeout) => row.name.starts_with(name) && row.timeout == timeout,
        }
    }
}

/// What a stack says where it cannot do what a row wants.
#[derive(Debug, Clone)]
pub enum Limit {
    /// This comes of the first step that comes out differently; the rest of the row is not done.
    Says(Outcome),
    /// It cannot be asked: why.
    NotAsked(&'static str),
}

use Fits::{Cell, Name};
use Limit::{NotAsked, Says};

const NO_OPTION: Limit = Says(io(Phase::Setup, Unsupported));
const NO_HALF_CLOSE: Limit = Says(io(Phase::Close, Unsupported));

/// The host's network, with all that the seam knows.
pub const HOST: Column = Column { run: host, limits: &[] };

/// What embedded-nal-async has no words for.
pub const NAL_ASYNC: Column = Column {
    run: nal_async,
    limits: &[
        (Fits::Kind(Kind::Server), NotAsked("embedded-nal-async has no servers: its `Network` is not `Listen`")),
        (Name("send, after shutdown(Write)"), NO_HALF_CLOSE),
        (Name("set_option"), NO_OPTION),
        (Name("local_addr"), NO_OPTION),
        (Name("join"), NO_OPTION),
        (Name("recv_from_into, more than"), Says(datagram(2, b"an"))),
    ],
};

/// What embedded-nal has no words for.
pub const NAL_BLOCKING: Column = Column {
    run: nal_blocking,
    limits: &[
        (
            Cell("connect, nobody answers", "0"),
            NotAsked("std-embedded-nal connects in one call, which no deadline ends"),
        ),
        (
            Cell("connect, nobody answers", "t"),
            NotAsked("std-embedded-nal connects in one call, which no deadline ends"),
        ),
        (
            Name("connect, a name with two addresses: the first is silent"),
            NotAsked("std-embedded-nal connects in one call, which no deadline ends"),
        ),
        (Name("send, after shutdown(Write)"), NO_HALF_CLOSE),
        (Name("set_option"), NO_OPTION),
        (Name("local_addr"), NO_OPTION),
        (Name("join"), NO_OPTION),
        (Name("recv_from_into, more than"), Says(datagram(2, b"an"))),
    ],
};

/// The same, and what smoltcp-nal has none of.
pub const SMOLTCP: Column = Column {
    run: smoltcp,
    limits: &[
        (Fits::Kind(Kind::Server), NotAsked("smoltcp-nal has no servers")),
        (Cell("connect, refused", "None"), NotAsked("smoltcp-nal tries again when it is refused, until the deadline")),
        (Name("connect, refused"), Says(failed(Phase::Connect, ErrorKind::Timeout))),
        (
            Cell("connect, a name of both families", "None"),
            NotAsked("smoltcp-nal tries again when it is refused, until the deadline"),
        ),
        (Name("connect, a name of both families"), Says(failed(Phase::Connect, ErrorKind::Timeout))),
        (Name("connect, a name with three"), Says(failed(Phase::Connect, ErrorKind::Timeout))),
        (Name("send, after shutdown(Write)"), NO_HALF_CLOSE),
        (Name("set_option"), NO_OPTION),
        (Name("local_addr"), NO_OPTION),
        (Name("join"), NO_OPTION),
        (Name("recv_from_into, more than"), Says(failed(Phase::Receive, ErrorKind::Timeout))),
    ],
};

/// A stack for devices, with all but one that the seam knows: what it sends to a group does not come back to itself, and so
/// it sends nothing that stays at home.
pub const EMBASSY: Column =
    Column { run: embassy, limits: &[(Name("join and leave"), Says(io(Phase::Setup, InvalidInput)))] };

/// What an AT modem has no commands for.
const MODEM_LIMITS: &[(Fits, Limit)] = &[
    (Fits::Kind(Kind::Server), NotAsked("this modem has no servers")),
    (Fits::Kind(Kind::Udp), NotAsked("this modem has no UDP")),
    (Name("send, no room"), NotAsked("the simulated modem takes as much as is sent")),
    (Name("send_all, no room"), NotAsked("the simulated modem takes as much as is sent")),
    (Name("send, after shutdown(Write)"), NO_HALF_CLOSE),
    (Name("set_option"), NO_OPTION),
    (Name("local_addr"), NO_OPTION),
];

pub const MODEM_ASYNC: Column = Column { run: modem_async, limits: MODEM_LIMITS };
pub const MODEM_BLOCKING: Column = Column { run: modem_blocking, limits: MODEM_LIMITS };

/// What the scripted network does not play.
const MOCK_LIMITS: &[(Fits, Limit)] = &[
    (Name("set_option"), NO_OPTION),
    (Name("local_addr"), NO_OPTION),
    (Name("join"), NO_OPTION),
    (Name("listen, where somebody listens"), Says(Outcome::Done)),
];

pub const MOCK_ASYNC: Column = Column { run: mock_async, limits: MOCK_LIMITS };
pub const MOCK_BLOCKING: Column = Column { run: mock_blocking, limits: MOCK_LIMITS };

fn host(row: &Row, out: &mut Vec<Outcome>) {
    let mut network = HostNetwork { multicast: core::net::Ipv4Addr::LOCALHOST };
    async_io::block_on(async {
        match row.kind {
            Kind::Server => {
                let mut company = Company::new(row.peers);
                faces::asynchronous::server(&mut network, 0, &row.steps, |port| company.come(port), out).await;
                company.part();
            }
            _ => over_loopback(network, row, out).await,
        }
    });
}

fn nal_async(row: &Row, out: &mut Vec<Outcome>) {
    async_io::block_on(over_loopback(support::network(), row, out));
}

/// Rows without servers.
async fn over_loopback(mut network: impl stack::Stack + stack::Datagrams, row: &Row, out: &mut Vec<Outcome>) {
    let company = Company::new(row.peers);
    match row.kind {
        Kind::Tcp => faces::asynchronous::tcp(&mut network, &company.at, &row.steps, out).await,
        Kind::Udp => faces::asynchronous::udp(&mut network, &company.at, &row.steps, out).await,
        Kind::Server => unreachable!("it is not `Listen`"),
    }
    company.part();
}

fn nal_blocking(row: &Row, out: &mut Vec<Outcome>) {
    let mut network = support::blocking_network();
    let mut company = Company::new(row.peers);
    match row.kind {
        Kind::Tcp => faces::blocking::tcp(&mut network, &company.at, &row.steps, out),
        Kind::Server => faces::blocking::server(&mut network, 0, &row.steps, |port| company.come(port), out),
        Kind::Udp => faces::blocking::udp(&mut network, &company.at, &row.steps, out),
    }
    company.part();
}

fn modem_async(row: &Row, out: &mut Vec<Outcome>) {
    let (_simulator, mut network) = modem::network(Waits::Pending);
    let company = Company::new(row.peers);
    async_io::block_on(faces::asynchronous::tcp(&mut network, &company.at, &row.steps, out));
    drop(network); // a peer may wait for what nobody is left to move over the line
    company.part();
}

fn modem_blocking(row: &Row, out: &mut Vec<Outcome>) {
    let (_simulator, mut network) = modem::network(Waits::Inside);
    let company = Company::new(row.peers);
    faces::blocking::tcp(&mut network, &company.at, &row.steps, out);
    drop(network);
    company.part();
}

fn smoltcp(row: &Row, out: &mut Vec<Outcome>) {
    let (lab, stack) = Lab::new(|end| Cast::new(row.peers, end));
    let mut network = lab.network(stack);
    let at = super::smoltcp::at(row.peers);
    match row.kind {
        Kind::Tcp => faces::blocking::tcp(&mut network, &at, &row.steps, out),
        Kind::Udp => faces::blocking::udp(&mut network, &at, &row.steps, out),
        Kind::Server => unreachable!("it is not `Listen`"),
    }
}

fn embassy(row: &Row, out: &mut Vec<Outcome>) {
    let Stacks { client, server, mut background, wire } = stacks(Cable::GOOD);
    super::embassy::come(row.peers, server, &wire, &mut background);
    let (mut network, at) = (over(client), super::embassy::at(row.peers));
    background.run(async {
        match row.kind {
            Kind::Tcp => faces::asynchronous::tcp(&mut network, &at, &row.steps, out).await,
            Kind::Server => faces::asynchronous::server(&mut network, DOOR, &row.steps, |_| (), out).await,
            Kind::Udp => faces::asynchronous::udp(&mut network, &at, &row.steps, out).await,
        }
    });
}

fn mock_async(row: &Row, out: &mut Vec<Outcome>) {
    scripted(row, out, |script, at, steps, out| {
        let mut network = script.network();
        match row.kind {
            Kind::Tcp => block_on(faces::asynchronous::tcp(&mut network, at, steps, out)),
            Kind::Server => block_on(faces::asynchronous::server(&mut network, DOOR, steps, |_| (), out)),
            Kind::Udp => block_on(faces::asynchronous::udp(&mut network, at, steps, out)),
        }
    });
}

fn mock_blocking(row: &Row, out: &mut Vec<Outcome>) {
    scripted(row, out, |script, at, steps, out| {
        let mut network = script.network();
        match row.kind {
            Kind::Tcp => faces::blocking::tcp(&mut network, at, steps, out),
            Kind::Server => faces::blocking::server(&mut network, DOOR, steps, |_| (), out),
            Kind::Udp => faces::blocking::udp(&mut network, at, steps, out),
        }
    });
}

/// Where a server listens whose clients know it.
pub const DOOR: u16 = 80;

/// The row's peers as a script: it has no "later", so a peer is silent from there on, and the row ends there; if the program
/// would wait, it has to wait for ever.
fn scripted(row: &Row, out: &mut Vec<Outcome>, run: impl FnOnce(&Script<'_>, &[At], &[Step], &mut Vec<Outcome>)) {
    let at: Vec<At> = (0..row.peers.len()).map(|peer| (format!("peer{peer}.example"), 1000 + peer as u16)).collect();
    let steps: Vec<Vec<mock::Step<'static>>> = row.peers.iter().map(in_steps).collect();
    let peers: Vec<mock::Peer<'_>> = (row.peers.iter().zip(&at).zip(&steps))
        .filter_map(|((peer, (host, port)), steps)| match peer {
            Peer::Server(_) => Some(mock::Peer::new(host, *port, steps)),
            Peer::Refusing => Some(mock::Peer::refusing(host, *port)),
            Peer::Silent(_) => Some(mock::Peer::silent(host, *port)),
            Peer::Client([Act::Later, ..]) => None,
            Peer::Client(_) => Some(mock::Peer::client(host, DOOR, steps)),
            Peer::Udp(_) => Some(mock::Peer::udp(host, *port, steps)),
        })
        .map(|peer| peer.in_fragments_of(64))
        .collect();
    let script = Script::new(&peers);
    let late = row.steps.iter().position(|(does, _)| matches!(does, Do::Late)).unwrap_or(row.steps.len());
    let last_timeout = row.steps[..late].iter().rev().find_map(|(does, _)| match does {
        Do::Timeout(timeout) => Some(*timeout),
        _ => None,
    });
    let waits = late < row.steps.len() && last_timeout == Some(None);
    let end = if waits { late + 2 } else { late };
    let outcome = catch_unwind(AssertUnwindSafe(|| run(&script, &at, &row.steps[..end], out)));
    if let Err(panic) = outcome {
        let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
        let says = text.is_some_and(|text| text.contains("waits for ever"));
        if !(waits && says && out.len() == end - 1) {
            std::panic::resume_unwind(panic);
        }
        out.push(Outcome::Waits);
    }
    assert_eq!(script.open(), 0, "everything is closed");
}

fn in_steps(peer: &Peer) -> Vec<mock::Step<'static>> {
    let (Peer::Server(acts) | Peer::Client(acts) | Peer::Udp(acts) | Peer::Silent(acts)) = peer else {
        return Vec::new();
    };
    let mut steps = Vec::new();
    for act in *acts {
        steps.push(match *act {
            Act::Later => {
                steps.push(mock::Step::Stall);
                break;
            }
            Act::Receive(bytes) | Act::ReceiveWithout(bytes, _) => mock::Step::Receive(bytes),
            Act::Send(bytes) => mock::Step::Send(bytes),
            Act::Stall => mock::Step::Stall,
            Act::Close => mock::Step::Close,
            Act::Reset => mock::Step::Reset,
            Act::Drain | Act::SendToGroup(_) => continue,
        });
    }
    steps
}
