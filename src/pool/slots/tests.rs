//! What the slots and their ledger promise, step by step and at random.

use std::{rc::Rc, string::String, sync::Arc, vec::Vec};

use super::*;
use crate::{
    error::{Error, ErrorKind, Phase},
    sync::NoopRawMutex,
};

type Tested<C, const N: usize> = Slots<C, NoopRawMutex, N>;

const NOW: Instant = Instant::from_millis(0);
const NONE: Counts =
    Counts { in_use: 0, idle: 0, free: 0, high_water: 0, waiting: 0, free_tls_sessions: 0, free_buffers: 0 };
/// What a request over TLS needs.
const REQUEST: Need = Need { slot: true, session: true, buffer: true, holds: false };
/// What it needs after a redirect.
const GOES_ON: Need = Need { slot: true, session: true, buffer: false, holds: true };

fn key(host: &str) -> Key<'_> {
    Key { host, port: 80, session_id: 0, tls: None }
}

/// A slot, if it can be had at once, to be used for a connection of its own.
fn slot<C, const N: usize>(slots: &Tested<C, N>) -> Option<Lease<'_, C, NoopRawMutex, N>> {
    let mut lease = slots.take(Need::SLOT, None).ok()?.slot().ok()?;
    lease.evict();
    Some(lease)
}

fn exhausted_by(error: Error) -> Resource {
    match (error.phase(), error.kind()) {
        (Phase::Setup, ErrorKind::Exhausted(resource)) => resource,
        _ => panic!("{error:?}"),
    }
}

#[test]
fn a_dropped_lease_frees_its_slot_and_drops_its_connection() {
    let slots = Tested::<Rc<()>, 1>::new(0);
    let connection = Rc::new(());
    let mut lease = slot(&slots).expect("free");
    *lease.connection() = Some(connection.clone());
    assert!(slot(&slots).is_none());
    drop(lease);
    assert_eq!(Rc::strong_count(&connection), 1);
    assert_eq!(slots.counts(), Counts { free: 1, high_water: 1, free_buffers: 1, ..NONE });
}

#[test]
fn found_again_under_its_key_only_and_the_oldest_goes_first() {
    let slots = Tested::<u8, 3>::new(0);
    let leases = ["a", "b", "a"].map(|host| (host, slot(&slots).expect("free")));
    for (number, (host, mut lease)) in leases.into_iter().enumerate() {
        *lease.connection() = Some(number as u8);
        lease.rest(key(host), NOW);
    }
    assert_eq!(slots.counts().idle, 3);
    assert!(slots.kept(key("c")).is_none());
    assert_eq!(*slots.kept(key("a")).expect("kept").0.connection(), Some(2), "the one used last");
    assert_eq!(*slots.oldest_idle().expect("idle").connection(), Some(0));
    assert_eq!(slots.counts(), Counts { idle: 1, free: 2, high_water: 3, free_buffers: 3, ..NONE });
    let taken = [(); 3].map(|()| slot(&slots).expect("free or idle"));
    assert_eq!(taken.map(|mut lease| lease.connection().take()), [None, None, Some(1)], "free ones first");
}

#[test]
fn a_host_too_long_to_remember_is_closed() {
    let slots = Tested::<u8, 1>::new(0);
    let mut lease = slot(&slots).expect("free");
    *lease.connection() = Some(1);
    lease.rest(key(&"x".repeat(super::super::key::KEPT_HOST_LEN + 1)), NOW);
    assert_eq!(slots.counts().free, 1);
}

/// Counts how often it was woken.
struct Wakes(std::sync::atomic::AtomicUsize);

impl std::task::Wake for Wakes {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

#[test]
fn the_line_is_served_in_order_and_nobody_jumps_it() {
    let slots = Tested::<u8, 2>::new(0);
    let (first, mut second) = (slot(&slots).expect("free"), slot(&slots).expect("free"));
    let wakes = Arc::new(Wakes(0.into()));
    let waker = Arc::clone(&wakes).into();
    let woken = || wakes.0.swap(0, std::sync::atomic::Ordering::Relaxed);
    let mut waiting = [(); 3].map(|()| slots.stand(Need::SLOT, None));
    for place in &mut waiting {
        assert!(place.poll(&waker).expect("room").is_none());
    }
    assert_eq!((slots.counts().waiting, woken()), (3, 0));

    *second.connection() = Some(2);
    second.rest(key("kept"), NOW);
    assert_eq!(woken(), 1, "an idle connection can be closed for whoever waits");
    assert!(slot(&slots).is_none(), "it is the first one's turn");
    assert!(waiting[1].poll(&waker).expect("room").is_none(), "not the second one's");
    let Ok(Some(served)) = waiting[0].poll(&waker) else { panic!("the first one's turn") };
    let mut served = served.slot().expect("a slot");
    assert_eq!((served.connection().take(), slots.counts().waiting), (Some(2), 2));
    served.evict();

    drop(first);
    assert_eq!(woken(), 1);
    let [_, second, mut third] = waiting;
    drop(second);
    assert_eq!(woken(), 1, "who leaves the line passes the word on");
    assert!(matches!(third.poll(Waker::noop()), Ok(Some(_))));
    assert_eq!(slots.counts(), Counts { in_use: 1, free: 1, high_water: 2, free_buffers: 2, ..NONE });
}

#[test]
fn the_line_has_an_end_and_a_few_places_for_whoever_holds_something() {
    let slots = Tested::<u8, 1>::new(1);
    let _taken = slot(&slots);
    let mut waiting: Vec<_> = (0..=WAITERS).map(|_| slots.stand(Need::SLOT, None)).collect();
    let refused: Vec<_> = waiting.iter_mut().filter_map(|place| place.poll(Waker::noop()).err()).collect();
    assert_eq!(refused.into_iter().map(exhausted_by).collect::<Vec<_>>(), [Resource::Waiters]);
    assert_eq!(slots.counts().waiting, WAITERS);
    let mut goes_on = slots.stand(GOES_ON, None);
    assert!(goes_on.poll(Waker::noop()).expect("room").is_none());
    drop((waiting, goes_on));
    assert_eq!(slots.counts().waiting, 0);
}

#[test]
fn what_is_exhausted_is_named_and_what_there_is_none_of() {
    let slots = Tested::<u8, 2>::new(1);
    let refusal = |need| slots.take(need, None).err().map(exhausted_by);
    let first = slots.take(REQUEST, None).expect("all of it");
    assert_eq!(refusal(REQUEST), Some(Resource::TlsSessions));
    let second = slots.take(Need { session: false, ..REQUEST }, None).expect("without a session");
    assert_eq!(refusal(Need::SLOT), Some(Resource::Sockets));
    drop(first.lease);
    assert_eq!(refusal(REQUEST), Some(Resource::Buffers), "a response is kept, its connection is not");
    drop((first.buffer, second));
    assert_eq!(refusal(REQUEST), None);

    let slots = Tested::<u8, 2>::new(0);
    assert_eq!(slots.take(REQUEST, None).err().map(exhausted_by), Some(Resource::NoTlsSession));
    let mut place = slots.stand(REQUEST, None);
    assert_eq!(place.poll(Waker::noop()).err().map(exhausted_by), Some(Resource::NoTlsSession), "nobody waits for it");
}

/// A reservation that comes to nothing leaves the idle connection where it was.
#[test]
fn an_idle_connection_is_only_evicted_by_whoever_uses_its_slot() {
    let slots = Tested::<u8, 1>::new(1);
    let mut lease = slots.take(REQUEST, None).expect("free").slot().expect("a slot");
    (*lease.connection(), lease.session) = (Some(1), Session::InUse);
    lease.rest(key("kept"), NOW);
    let kept = Counts { idle: 1, high_water: 1, free_buffers: 1, ..NONE };
    assert_eq!(slots.counts(), kept);

    for need in [REQUEST, Need::SLOT] {
        let lease = slots.take(need, None).expect("idle").slot().expect("a slot");
        assert_eq!(slots.counts(), Counts { in_use: 1, idle: 0, ..kept });
        assert_eq!((lease.idle_under(key("kept")), lease.idle_under(key("other"))), (Some(NOW), None));
        drop(lease);
        assert_eq!(slots.counts(), kept);
    }
    let mut lease = slots.take(REQUEST, None).expect("idle").slot().expect("a slot");
    assert_eq!((lease.resume(), lease.session, *lease.connection()), (Some(NOW), Session::InUse, Some(1)));
    lease.rest(key("kept"), NOW);
    assert_eq!(slots.counts(), kept);

    let mut lease = slots.take(Need::SLOT, None).expect("idle").slot().expect("a slot");
    lease.disconnect();
    assert_eq!(slots.counts().free_tls_sessions, 1, "a connection that is dropped gives its session back");
}

/// Two tasks hold the two sockets and want a session; a third, who came before they asked, wants a socket and a session.
/// In the order of arrival alone each would wait for the others.
#[test]
fn whoever_holds_something_passes_whoever_lacks_something_else() {
    let slots = Tested::<u8, 2>::new(1);
    let [mut first, second] = [(); 2].map(|()| slot(&slots).expect("free"));
    let mut request = slots.stand(REQUEST, None);
    assert!(request.poll(Waker::noop()).expect("room").is_none());
    let Ok(Some(taken)) = slots.stand(Need::SESSION, Some(&first)).poll(Waker::noop()) else {
        panic!("the request lacks a slot, and would not be served")
    };
    assert!(taken.lease.is_none(), "it was free");
    first.reserve_session(None);
    let mut session = slots.stand(Need::SESSION, Some(&second));
    assert!(session.poll(Waker::noop()).expect("room").is_none());

    // A slot is given back, the session is not: now the request lacks just that, and is not passed any more.
    drop(session);
    drop(second);
    let mut third = slots.stand(Need::SESSION, Some(&first));
    assert!(third.poll(Waker::noop()).expect("room").is_none());
    first.release_session();
    assert!(third.poll(Waker::noop()).expect("room").is_none(), "the request came first");
    assert!(request.poll(Waker::noop()).expect("room").is_some());
}

/// Tasks of all kinds, dropped at any point, in an order drawn at random: the books are right after every step, and
/// every task that goes on waiting is served.
#[test]
fn any_interleaving_keeps_the_books_right_and_starves_nobody() {
    for sessions in 0..=2 {
        for seed in 1..=3 {
            interleave::<1>(sessions.min(1), seed);
            interleave::<2>(sessions, seed);
            interleave::<3>(sessions, seed);
        }
    }
}

struct Task<'p, const N: usize> {
    lease: Option<Lease<'p, String, NoopRawMutex, N>>,
    buffer: Option<BufferRight<'p, NoopRawMutex, N>>,
    place: Option<InLine<'p, String, NoopRawMutex, N>>,
    since: usize,
    served: usize,
}

fn interleave<const N: usize>(sessions: usize, seed: u64) {
    const TASKS: usize = 8;
    let mut seed = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    let slots = Tested::<String, N>::new(sessions);
    let none = || Task { lease: None, buffer: None, place: None, since: 0, served: 0 };
    let mut tasks: Vec<_> = (0..TASKS).map(|_| none()).collect();
    let mut longest = 0;
    for step in 0..30_000 / N {
        let task = &mut tasks[random(TASKS)];
        let host = ["a", "b"][random(2)];
        if let Some(place) = &mut task.place {
            if random(200) == 0 {
                task.place = None;
            } else if let Some(mut taken) = place.poll(Waker::noop()).expect("room in line") {
                longest = longest.max(step - task.since);
                task.served += 1;
                task.place = None;
                task.buffer = task.buffer.take().or(taken.buffer.take());
                match (&mut task.lease, taken.lease) {
                    (Some(own), from) => {
                        own.reserve_session(from);
                        own.use_session();
                    }
                    (None, Some(mut lease)) => {
                        let kept = slots.kept(key(host)).filter(|_| random(2) == 0);
                        match kept {
                            Some((kept, _)) => lease = kept,
                            None if lease.idle_under(key(host)).is_some() => _ = lease.resume(),
                            None => {
                                lease.disconnect();
                                if lease.has_session() {
                                    lease.use_session();
                                }
                            }
                        }
                        task.lease = Some(lease);
                    }
                    (None, None) => panic!("a slot was asked for"),
                }
            }
        } else if let Some(lease) = &mut task.lease {
            let may_wrap = sessions > 0 && lease.session == Session::None && lease.connection().is_none();
            match random(4) {
                0 if may_wrap => task.place = Some(slots.stand(Need::SESSION, Some(lease))),
                0 => task.lease = None,
                1 => task.buffer = None,
                2 => lease.disconnect(),
                _ => {
                    lease.connection().get_or_insert_with(|| host.into());
                    task.lease.take().expect("held").rest(key(host), NOW);
                }
            }
            task.since = step;
        } else {
            let need = Need { session: sessions > 0 && random(2) == 0, ..REQUEST };
            task.place = Some(slots.stand(
                match &task.buffer {
                    Some(_) => Need { buffer: false, holds: true, ..need },
                    None => Need { buffer: random(4) > 0, ..need },
                },
                None,
            ));
            task.since = step;
        }
        let counts = slots.counts();
        assert_eq!(counts.in_use + counts.idle + counts.free, N, "step {step}");
        assert_eq!(counts.in_use, tasks.iter().filter(|task| task.lease.is_some()).count(), "step {step}");
        assert_eq!(counts.free_buffers, N - tasks.iter().filter(|task| task.buffer.is_some()).count(), "step {step}");
        assert!(counts.waiting <= TASKS && counts.free_tls_sessions <= sessions, "step {step}");
    }
    let served: Vec<_> = tasks.iter().map(|task| task.served).collect();
    let (least, most) = (served.iter().min().copied(), served.iter().max().copied());
    assert!(least > Some(50) && least.map(|least| 2 * least) >= most, "{N}, {sessions}: {served:?}");
    assert!(longest < 2_000, "{N}, {sessions}: a task waited for {longest} steps");
    drop(tasks);
    let counts = slots.counts();
    assert_eq!((counts.in_use, counts.waiting, counts.free_buffers), (0, 0, N));
    while slots.oldest_idle().is_some() {}
    assert_eq!(slots.counts().free_tls_sessions, sessions);
}
