//! A proxy that does to the bytes between a client and nginx what networks do, over the host's sockets in real time.

use std::{
    env, fs,
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use socketpool::{
    Error, Resources, SocketPool, blocking,
    requests::Session,
    tls::{Roots, TlsContext, roots::trust_anchor_from_der},
};

use crate::{
    Figures,
    offsets::{FACES, Face, date},
    server::Identity,
    support,
    world::{Fault, Kind, Way},
};

const TIMEOUT: Duration = Duration::from_millis(500);
/// What a machine with other work may take longer.
const SLACK: Duration = Duration::from_millis(1500);
const DELAY: Duration = Duration::from_millis(60);
const PAGE: &[u8] = b"One page of a hundred bytes and a few more, which says the same each time that anybody asks for it, by heart.\n";
const KINDS: [Kind; 7] =
    [Kind::Close, Kind::Reset, Kind::Drop, Kind::Duplicate, Kind::Corrupt, Kind::Delay, Kind::Stall];

/// What the next connection is to suffer.
type Next = Arc<Mutex<Option<Fault>>>;

/// A proxy to that port, and its own.
fn proxy(upstream: u16, next: &Next) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let next = next.clone();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let fault = next.lock().expect("no panic").take();
            let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream)) else { continue };
            for (way, from, to) in [(Way::Up, &client, &server), (Way::Down, &server, &client)] {
                let (from, to) = (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
                let fault = fault.filter(|fault| fault.way == way);
                thread::spawn(move || carry(from, to, fault));
            }
        }
    });
    port
}

/// Breaks a connection: the peer is told by a reset.
fn reset(socket: &TcpStream) {
    let _ = rustix::net::sockopt::set_socket_linger(socket, Some(Duration::ZERO));
}

fn carry(mut from: TcpStream, mut to: TcpStream, mut fault: Option<Fault>) {
    let (mut count, mut buffer) = (0, [0; 4096]);
    loop {
        // What happens before the next byte.
        if let Some(Fault { kind, at, .. }) = fault
            && at == count
            && !kind.alters()
        {
            fault = None;
            match kind {
                Kind::Close => {
                    let _ = (to.shutdown(Shutdown::Both), from.shutdown(Shutdown::Both));
                    return;
                }
                Kind::Reset => {
                    reset(&from);
                    reset(&to);
                    let _ = (to.shutdown(Shutdown::Both), from.shutdown(Shutdown::Both));
                    return;
                }
                Kind::Stall => {
                    // Takes what comes, and says nothing.
                    while matches!(from.read(&mut buffer), Ok(1..)) {}
                    return;
                }
                _ => thread::sleep(DELAY),
            }
        }
        let room = fault.map_or(buffer.len(), |fault| if fault.at > count { (fault.at - count).min(buffer.len()) } else { 1 });
        let read = match from.read(&mut buffer[..room]) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        let mut bytes = buffer[..read].to_vec();
        if let Some(Fault { kind, at, .. }) = fault
            && at == count
        {
            fault = None;
            match kind {
                Kind::Drop => bytes.clear(),
                Kind::Duplicate => bytes.extend(bytes.clone()),
                _ => bytes[0] ^= 1 << (at % 8),
            }
        }
        count += read;
        if to.write_all(&bytes).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// nginx, until it is dropped.
struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = (self.0.kill(), self.0.wait());
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

fn nginx(place: &Path, identity: &Identity) -> Option<(Nginx, u16, u16)> {
    let (plain, tls) = (free_port(), free_port());
    let write = |name: &str, text: &str| fs::write(place.join(name), text).expect("a file");
    fs::create_dir_all(place.join("site")).expect("a directory");
    write("site/page", &String::from_utf8_lossy(PAGE));
    write("chain.pem", &identity.chain_pem);
    write("key.pem", &identity.key_pem);
    write("root.pem", &identity.root_pem);
    let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|name| format!("{name}_temp_path tmp;\n"))
        .collect();
    write(
        "nginx.conf",
        &format!(
            "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log error.log;\nevents {{}}\nhttp {{\n{paths}\
             access_log requests.log;\ndefault_type text/plain;\nroot site;\nserver {{ listen 127.0.0.1:{plain}; }}\n\
             server {{ listen 127.0.0.1:{tls} ssl; ssl_certificate chain.pem; ssl_certificate_key key.pem; \
             ssl_protocols TLSv1.3; }}\n}}\n"
        ),
    );
    let started = Command::new("nginx").arg("-p").arg(place).args(["-c", "nginx.conf"]).stderr(Stdio::null()).spawn();
    let nginx = Nginx(started.ok()?);
    let until = Instant::now() + Duration::from_secs(5);
    while TcpStream::connect((Ipv4Addr::LOCALHOST, plain)).is_err() {
        if Instant::now() > until {
            return None;
        }
        thread::sleep(Duration::from_millis(20));
    }
    Some((nginx, plain, tls))
}

macro_rules! await_it {
    ($work:expr) => {
        $work.await
    };
}

macro_rules! do_it {
    ($work:expr) => {
        $work
    };
}

/// A request under a fault, and one after it: what came of them, how long they took, and whether all is free again.
macro_rules! twice {
    ($wait:ident, $pool:ident, $session:expr, $url:ident) => {{
        let http = $session.timeout(Some(TIMEOUT));
        let mut outcomes = Vec::new();
        for timeout in [TIMEOUT, Duration::from_secs(20)] {
            let (began, mut room) = (Instant::now(), [0; 1024]);
            let outcome = match $wait!(http.get($url).timeout(Some(timeout)).send()) {
                Ok(mut response) => $wait!(response.content(&mut room)).map(|body| body.to_vec()),
                Err(error) => Err(error),
            };
            outcomes.push((outcome, began.elapsed()));
            // What was altered behind the response is not asked for again.
            $wait!($pool.close_idle());
        }
        let counts = $pool.counts();
        (outcomes, (counts.free, counts.free_buffers, counts.free_tls_sessions) == (1, 1, 1))
    }};
}

type Ended = (Vec<(Result<Vec<u8>, Error>, Duration)>, bool);

fn run(face: Face, identity: &Identity, url: &str) -> Ended {
    let anchors = [trust_anchor_from_der(&identity.root).expect("a root")];
    let tls = TlsContext::new(support::random, date).roots(Roots::only(&anchors));
    let mut memory = Box::new(Resources::<1, 1>::new());
    match face {
        Face::Async => {
            let mut network = support::network();
            let pool = SocketPool::new(&mut network, &mut memory);
            async_io::block_on(async { twice!(await_it, pool, Session::new(&pool, &tls), url) })
        }
        Face::Blocking => {
            let mut network = support::blocking_network();
            let pool = blocking::SocketPool::new(&mut network, &mut memory);
            twice!(do_it, pool, blocking::Session::new(&pool, &tls), url)
        }
    }
}

fn judge(scheme: &str, fault: Fault, (outcomes, is_free): &Ended) -> Result<(), String> {
    let [(first, took), (next, _)] = outcomes.as_slice() else { return Err("not two".into()) };
    if !is_free {
        return Err("a slot is lost".into());
    }
    if next.as_deref() != Ok(PAGE) {
        return Err(format!("the next request: {next:?}"));
    }
    if *took > TIMEOUT + SLACK {
        return Err(format!("took {took:?}"));
    }
    match first {
        Ok(content) if content == PAGE || (scheme == "http" && fault.kind.alters()) => Ok(()),
        Ok(_) => Err("a wrong response".into()),
        Err(error) if fault.kind == Kind::Delay => Err(format!("delayed, and in time: {error}")),
        Err(_) => Ok(()),
    }
}

/// Every `step`th byte of an exchange with nginx, in the clear and under TLS; then a sample through the `request` program.
pub fn all(identity: &Arc<Identity>, step: usize, figures: &mut Figures) {
    let place = env::temp_dir().join(format!("socketpool-chaos-{}", std::process::id()));
    fs::create_dir_all(&place).expect("a directory");
    let Some((nginx, plain, tls)) = nginx(&place, identity) else {
        println!("  nginx does not run here: left out");
        return;
    };
    // What an exchange takes, with some play for what differs from one to the next.
    let lens = [("http", plain, 120, 380), ("https", tls, 560, 1600)];
    let mut jobs = Vec::new();
    for (scheme, port, up, down) in lens {
        for face in FACES {
            for (way, len) in [(Way::Up, up), (Way::Down, down)] {
                for (number, kind) in KINDS.into_iter().enumerate() {
                    jobs.extend((number * 5 % step..len).step_by(step).map(|at| (scheme, port, face, Fault { kind, way, at })));
                }
            }
        }
    }
    let jobs = Arc::new(Mutex::new(jobs));
    let (say, hear) = mpsc::channel();
    // Most of it is waiting.
    for _ in 0..12 {
        let (jobs, say, identity) = (jobs.clone(), say.clone(), identity.clone());
        thread::spawn(move || {
            let next = Next::default();
            let ports = [plain, tls].map(|port| (port, proxy(port, &next)));
            loop {
                let Some((scheme, port, face, fault)) = jobs.lock().expect("no panic").pop() else { return };
                let through = ports.iter().find(|(to, _)| *to == port).expect("a proxy").1;
                *next.lock().expect("no panic") = Some(fault);
                let ended = run(face, &identity, &format!("{scheme}://localhost:{through}/page"));
                let verdict = judge(scheme, fault, &ended).map_err(|what| format!("{face:?} {scheme} {fault:?}: {what}"));
                say.send(verdict).expect("a listener");
            }
        });
    }
    drop(say);
    for verdict in hear {
        figures.runs += 1;
        figures.requests += 2;
        verdict.unwrap_or_else(|what| figures.wrong(format!("nginx, {what}")));
    }
    if let Ok(program) = env::var("CHAOS_REQUEST") {
        through_the_program(&program, &place, plain, tls, step * 5, figures);
    }
    drop(nginx);
    let _ = fs::remove_dir_all(&place);
}

/// The same through the example: its exit status says what came of it.
fn through_the_program(program: &str, place: &Path, plain: u16, tls: u16, step: usize, figures: &mut Figures) {
    let next = Next::default();
    let mut runs = 0;
    for (scheme, port, len) in [("http", plain, 380), ("https", tls, 1600)] {
        let url = format!("{scheme}://localhost:{}/page", proxy(port, &next));
        for blocking in [false, true] {
            for (number, kind) in KINDS.into_iter().enumerate() {
                for at in (number * 7 % step..len).step_by(step) {
                    let fault = Fault { kind, way: Way::Down, at };
                    *next.lock().expect("no panic") = Some(fault);
                    let mut command = Command::new(program);
                    command.arg("--cacert").arg(place.join("root.pem")).args(["--timeout", "1", &url]);
                    if blocking {
                        command.args(["--face", "blocking"]);
                    }
                    let output = command.output().expect("the program");
                    let said = String::from_utf8_lossy(&output.stderr);
                    let is_right = match output.status.code() {
                        Some(0) => output.stdout == PAGE || (scheme == "http" && kind.alters()),
                        Some(_) => said.starts_with("error: ") && kind != Kind::Delay,
                        None => false,
                    };
                    runs += 1;
                    if !is_right {
                        figures.wrong(format!("request {scheme} {fault:?}: {:?} {said}", output.status));
                    }
                }
            }
        }
    }
    println!("  {runs} of them through the program `request`");
    figures.runs += runs;
    figures.requests += runs;
}
