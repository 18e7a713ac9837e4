//! A long run: 24 tasks on three sockets, plain and TLS, both faces, one fault in a hundred requests, and tasks that
//! give up at any moment. Memory stays as it is, no slot is lost, every task is served, and the server has seen what
//! was sent.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::RefCell,
    collections::BTreeMap,
    fs,
    pin::Pin,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use socketpool::{
    Error, ErrorKind, Resource, Resources, SocketPool, blocking,
    pool::Counts,
    requests::Session,
    time::{Clock as _, Timer as _},
    tls::{Roots, TlsContext, roots::trust_anchor_from_der},
};

use crate::{
    Figures,
    chance::Chance,
    executor::{self, drop_after},
    offsets::{date, random},
    server::{HOST, Identity, body},
    world::{KINDS, Weather, World},
};

const TASKS: usize = 24;
const SOCKETS: usize = 3;
const SESSIONS: usize = 2;
/// How many requests each task makes until all of them have ended and everything is counted.
const REQUESTS: usize = 100;
/// So many rounds of each face until memory may not grow any more.
const WARM: u64 = 3;
/// One fault in so many requests, connections and names.
const FAULTS: usize = 100;
const TIMEOUT: Duration = Duration::from_secs(60);
/// What a blocking stack lets pass before it looks at the clock again.
const SLACK: u64 = 50;

/// Counts the bytes that are in use.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator does it all.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What became of the requests.
#[derive(Debug, Default)]
struct Score {
    asked: u64,
    right: u64,
    left: u64,
    cancelled: u64,
    wrong: Vec<String>,
    /// In the clear, where nothing protects it.
    altered: u64,
    /// How often the server has seen them.
    seen: u64,
    errors: BTreeMap<String, u64>,
    served: [u64; TASKS],
}

/// One request.
struct Call {
    url: String,
    is_tls: bool,
    is_post: bool,
    id: u64,
    len: usize,
}

impl Call {
    fn new(chance: &mut Chance, score: &mut Score) -> Self {
        let (is_tls, is_post, len) = (chance.one_in(2), chance.one_in(3), chance.below(900));
        score.asked += 1;
        let id = score.asked;
        let scheme = if is_tls { "https" } else { "http" };
        let kind = ["len", "chunked"][chance.below(2)];
        Self { url: format!("{scheme}://{HOST}/{kind}/{len}?id={id}"), is_tls, is_post, id, len }
    }

    /// What came of it: `None` if it was given up.
    fn ended(&self, task: usize, outcome: Option<Result<Option<Vec<u8>>, Error>>, world: &World, score: &mut Score) {
        let seen = world.log().borrow_mut().seen.remove(&(self.is_tls, self.id)).unwrap_or(0);
        score.seen += seen;
        // What is altered in the clear may get another's number.
        if seen > if self.is_post && self.is_tls { 1 } else { 3 } {
            score.wrong.push(format!("{} came {seen} times", self.url));
        }
        match outcome {
            None => score.cancelled += 1,
            Some(Err(error)) => *score.errors.entry(error.to_string()).or_default() += 1,
            Some(Ok(None)) => score.left += 1,
            Some(Ok(Some(content))) if content == body(self.id, self.len) => {
                score.right += 1;
                score.served[task] += 1;
                if seen == 0 && self.is_tls {
                    score.wrong.push(format!("{} was never seen", self.url));
                }
            }
            Some(Ok(Some(_))) if !self.is_tls => score.altered += 1,
            Some(Ok(Some(_))) => score.wrong.push(format!("{}: a wrong response", self.url)),
        }
    }
}

fn took(world: &World, began: u64, call: &Call, score: &mut Score) {
    let took = world.millis() - began;
    if took > TIMEOUT.as_millis() as u64 + SLACK {
        score.wrong.push(format!("{} took {took} ms", call.url));
    }
}

/// Whether everything is back.
fn check(face: &str, counts: Counts, world: &World, score: &mut Score) {
    if (counts.free, counts.free_buffers, counts.free_tls_sessions) != (SOCKETS, SOCKETS, SESSIONS) || world.open() > 0
    {
        score.wrong.push(format!("{face}: lost: {counts:?}, {} connections open", world.open()));
    }
    if counts.waiting != 0 {
        score.wrong.push(format!("{face}: {} stand in line for ever", counts.waiting));
    }
    // What was altered in the clear may have another number.
    score.seen += world.log().borrow_mut().seen.drain().map(|(_, times)| times).sum::<u64>();
}

/// Runs for so long.
pub fn run(identity: &Identity, time: Duration, figures: &mut Figures) {
    let until = Instant::now() + time;
    let anchors = [trust_anchor_from_der(&identity.root).expect("a root")];
    let tls = TlsContext::new(random(24), date).roots(Roots::only(&anchors));
    let (mut first, mut second) =
        (Box::new(Resources::<SOCKETS, SESSIONS>::new()), Box::new(Resources::<SOCKETS, SESSIONS>::new()));
    let worlds = [1, 2].map(|seed| World::new(&identity.config, Weather::OneIn(FAULTS, Chance::new(seed)), false));
    let (mut network, mut blocking_network) = (worlds[0].network(), worlds[1].blocking_network());
    let pool = SocketPool::new(&mut network, &mut first);
    let blocking_pool = blocking::SocketPool::new(&mut blocking_network, &mut second);
    let (http, blocking_http) = (Session::new(&pool, &tls), blocking::Session::new(&blocking_pool, &tls));
    let (mut scores, mut chance) = ([Score::default(), Score::default()], Chance::new(3));
    let (mut rounds, mut in_use, mut resident) = (0, 0, 0);

    while Instant::now() < until || rounds <= WARM {
        rounds += 1;
        let world = &worlds[0];
        let score = RefCell::new(&mut scores[0]);
        let task = async |number: usize, mut chance: Chance| {
            for _ in 0..REQUESTS {
                let call = Call::new(&mut chance, &mut score.borrow_mut());
                let exchange = async {
                    let how = chance.below(20);
                    // Sixteen may stand in line, and three are served; the others come again.
                    let (sent, began) = loop {
                        let began = world.millis();
                        let sent = if call.is_post {
                            http.post(&call.url).body(b"{\"celsius\":21.5}").timeout(Some(TIMEOUT)).send().await
                        } else {
                            http.get(&call.url).timeout(Some(TIMEOUT)).send().await
                        };
                        match &sent {
                            Err(error) if error.kind() == ErrorKind::Exhausted(Resource::Waiters) => {
                                let soon = 1 + chance.below(100) as u64;
                                world.wait_until(world.now().after(Duration::from_millis(soon))).await;
                            }
                            _ => break (sent, began),
                        }
                    };
                    let mut room = [0; 1024];
                    let outcome = match sent {
                        Err(error) => Err(error),
                        Ok(_) if how == 0 => Ok(None),
                        Ok(mut response) if how == 1 => response.read(&mut room[..1]).await.map(|_| None),
                        Ok(mut response) => response.content(&mut room).await.map(|body| Some(body.to_vec())),
                    };
                    took(world, began, &call, &mut score.borrow_mut());
                    outcome
                };
                let mut chance = Chance::new(call.id);
                let polls = if chance.one_in(10) { 1 + chance.below(20) } else { usize::MAX };
                let outcome = drop_after(polls, exchange).await;
                call.ended(number, outcome, world, &mut score.borrow_mut());
                executor::give_way().await;
            }
        };
        let tasks = (0..TASKS).map(|number| {
            let work = task(number, Chance::new(chance.next()));
            Box::pin(work) as Pin<Box<dyn Future<Output = ()> + '_>>
        });
        executor::run_all(tasks.collect(), || world.sleep());
        executor::run(pool.close_idle(), || world.sleep());
        check("async", pool.counts(), world, &mut scores[0]);

        // On this face nobody waits for a socket: the tasks take turns, with a response in hand or without.
        let (world, score) = (&worlds[1], &mut scores[1]);
        let mut hands: Vec<_> = (0..TASKS).map(|_| None).collect();
        let mut room = [0; 1024];
        for _ in 0..TASKS * REQUESTS {
            let mut number = chance.below(TASKS);
            // With every socket in a hand, one of these goes on.
            let holding: Vec<_> = (0..TASKS).filter(|number| hands[*number].is_some()).collect();
            if holding.len() == SOCKETS {
                number = holding[chance.below(SOCKETS)];
            }
            if let Some((call, mut response)) = hands[number].take() {
                let began = world.millis();
                let response: &mut blocking::Response<'_, _> = &mut response;
                let outcome = match chance.below(20) {
                    0 => Ok(None),
                    1 => response.read(&mut room[..1]).map(|_| None),
                    _ => response.content(&mut room).map(|body| Some(body.to_vec())),
                };
                took(world, began, &call, score);
                call.ended(number, Some(outcome), world, score);
                continue;
            }
            let call = Call::new(&mut chance, score);
            let began = world.millis();
            let sent = if call.is_post {
                blocking_http.post(&call.url).body(b"{\"celsius\":21.5}").timeout(Some(TIMEOUT)).send()
            } else {
                blocking_http.get(&call.url).timeout(Some(TIMEOUT)).send()
            };
            took(world, began, &call, score);
            match sent {
                Ok(response) => hands[number] = Some((call, response)),
                Err(error) => {
                    let is_full = matches!(error.kind(), ErrorKind::Exhausted(_));
                    call.ended(number, Some(Err(error)), world, score);
                    // Whoever has something in hand lets go of it.
                    if is_full {
                        for (number, hand) in hands.iter_mut().enumerate() {
                            if let Some((call, mut response)) = hand.take() {
                                let outcome = response.content(&mut room).map(|body| Some(body.to_vec()));
                                drop(response);
                                call.ended(number, Some(outcome), world, score);
                            }
                        }
                    }
                }
            }
        }
        for (number, hand) in hands.iter_mut().enumerate() {
            if let Some((call, response)) = hand.take() {
                drop(response);
                call.ended(number, Some(Ok(None)), world, score);
            }
        }
        blocking_pool.close_idle();
        check("blocking", blocking_pool.counts(), world, score);

        if rounds == WARM {
            (in_use, resident) = (IN_USE.load(Ordering::Relaxed), resident_bytes());
        }
    }

    for ((face, world), score) in ["async", "blocking"].into_iter().zip(&worlds).zip(&mut scores) {
        let (log, fired) = (world.log(), world.fired());
        let requests = log.borrow().requests;
        if score.seen != requests {
            score.wrong.push(format!("the server saw {requests} requests, the tasks {}", score.seen));
        }
        let (least, most) = (score.served.iter().min().unwrap_or(&0), score.served.iter().max().unwrap_or(&0));
        if *least * 2 < *most {
            score.wrong.push(format!("one task was served {least} times, another {most} times"));
        }
        if score.altered > 2 * fired.altered_in_the_clear {
            score.wrong.push(format!("{} responses differ, {fired:?}", score.altered));
        }
        let kinds: Vec<_> = KINDS.iter().zip(fired.kinds).map(|(kind, count)| format!("{kind:?} {count}")).collect();
        println!(
            "  {face}: {} requests, {} right, {} not read to their end, {} cancelled, {} named errors; the server saw \
             {requests} on {} connections, {} handshakes; each task was served {least} to {most} times",
            score.asked,
            score.right,
            score.left,
            score.cancelled,
            score.errors.values().sum::<u64>(),
            world.connections(),
            log.borrow().handshakes
        );
        println!(
            "    faults: {} ({}, refused {}, names {}); altered where nothing protects it: {}",
            fired.sum(),
            kinds.join(", "),
            fired.refused,
            fired.unnamed,
            score.altered
        );
        for (error, count) in &score.errors {
            println!("    {count:>8} {error}");
        }
        figures.requests += score.asked;
        figures.faults += fired.sum();
        score.wrong.drain(..).for_each(|what| figures.wrong(format!("{face}: {what}")));
    }
    figures.runs += rounds;
    let (grown, now) = (IN_USE.load(Ordering::Relaxed) as i64 - in_use as i64, resident_bytes());
    println!(
        "  memory: {in_use} bytes in use, {grown:+} since round {WARM}; resident {} KiB, {:+}",
        now / 1024,
        now / 1024 - resident / 1024
    );
    if grown > 100_000 || now - resident > 8 << 20 {
        figures.wrong(format!("memory grew by {grown} bytes"));
    }
}

/// What the system says that this process uses.
fn resident_bytes() -> i64 {
    let pages =
        fs::read_to_string("/proc/self/statm").ok().and_then(|text| text.split(' ').nth(1)?.parse::<i64>().ok());
    pages.unwrap_or(0) * 4096
}
