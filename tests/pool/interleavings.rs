//! Many tasks, few slots: whatever order things happen in, the books of the pool are right, nobody who waits is forgotten, and
//! in the end everything is free. Tasks of one executor over the scripted network, in orders drawn by chance; and threads over
//! the host's, which share a pool behind a critical section.
#![cfg(feature = "mock")]

use std::{
    cell::Cell,
    future::Future,
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Wake, Waker},
    thread,
};

use socketpool::{
    Error, Resources, SocketPool, host,
    mock::{Network, Peer, Script, Step},
    pool::{Counts, Key, PATIENCE},
    sync::CriticalSectionRawMutex,
    time::Deadline,
    traits::{NoTls, Socket as _, SocketPool as _},
};

/// Numbers that come one after the other as if by chance, the same each time (xorshift64).
struct Chance(Cell<u64>);

impl Chance {
    fn below(&self, limit: usize) -> usize {
        let mut number = self.0.get();
        number ^= number << 13;
        number ^= number >> 7;
        number ^= number << 17;
        self.0.set(number);
        (number % limit as u64) as usize
    }
}

const SLOTS: usize = 3;
const TASKS: usize = 7;
const HOSTS: [&str; 2] = ["one.example", "two.example"];

fn right(counts: Counts) {
    assert_eq!(counts.in_use + counts.idle + counts.free, SLOTS, "{counts:?}");
    assert!(counts.high_water <= SLOTS, "{counts:?}");
}

/// A task, until it is done.
type Task<'t, T> = Option<Pin<Box<dyn Future<Output = T> + 't>>>;

/// A task's number, put on the list of those that can go on.
struct Woken(usize, Arc<Mutex<Vec<usize>>>);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        let mut woken = self.1.lock().expect("no panic");
        if !woken.contains(&self.0) {
            woken.push(self.0);
        }
    }
}

/// One turn: a slot, a connection (kept or new), a word, and back in one way or another.
async fn turn(pool: &SocketPool<'_, Network<'_>, SLOTS>, chance: &Chance) -> Result<(), Error> {
    let host = HOSTS[chance.below(2)];
    let key = Key { host, port: 80, session_id: 0, tls: None };
    let mut socket = pool.connection_manager().get_socket::<NoTls>(host, 80, 0, None, Deadline::NEVER).await?.socket;
    socket.set_timeout(None);
    socket.send_all(b"hello").await?;
    let mut buffer = [0; 5];
    for index in 0..5 {
        assert_eq!(socket.recv_into(&mut buffer[index..=index]).await?, 1);
    }
    assert_eq!(&buffer, b"world");
    match chance.below(3) {
        0 => drop(socket),
        1 => socket.close().await?,
        _ => socket.keep(key),
    }
    Ok(())
}

/// Only tasks that were woken are polled: one that is forgotten would never end.
#[test]
fn tasks_of_one_executor_in_any_order() {
    const TURNS: usize = 6;
    let conversation = [Step::Receive(b"hello"), Step::Send(b"world")].repeat(TASKS * TURNS);
    let peer = |host| Peer::new(host, 80, &conversation).in_fragments_of(2).hesitating();
    // Every turn could need a connection of its own.
    let peers: Vec<_> = (0..TASKS * TURNS * 2).map(|number| peer(HOSTS[number % 2])).collect();
    let (mut waited, mut met_again) = (0, 0);
    for seed in 1..=200 {
        let script = Script::new(&peers);
        let (mut network, mut memory) = (script.network(), Resources::<SLOTS, 0, 64>::new());
        let pool = SocketPool::new(&mut network, &mut memory);
        let (chance, turns) = (Chance(Cell::new(seed)), [const { Cell::new(0) }; TASKS]);
        let mut tasks: Vec<Task<'_, ()>> = Vec::new();
        // With few tasks there is a slot for everybody, and kept connections are met again; with many there is a line.
        let crowd = 2 + seed as usize % (TASKS - 1);
        for done in &turns[..crowd] {
            let (pool, chance) = (&pool, &chance);
            tasks.push(Some(Box::pin(async move {
                while done.get() < TURNS {
                    turn(pool, chance).await.expect("every peer answers");
                    done.set(done.get() + 1);
                }
            })));
        }
        let woken = Arc::new(Mutex::new((0..crowd).collect::<Vec<_>>()));
        let mut steps = 0;
        while tasks.iter().any(Option::is_some) {
            let next = {
                let mut woken = woken.lock().expect("no panic");
                assert!(
                    !woken.is_empty(),
                    "seed {seed}: somebody is forgotten: {:?} of {TURNS}, {:?}",
                    turns,
                    pool.counts()
                );
                let index = chance.below(woken.len());
                woken.swap_remove(index)
            };
            let waker = Waker::from(Arc::new(Woken(next, woken.clone())));
            if let Some(task) = &mut tasks[next]
                && task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready()
            {
                tasks[next] = None;
            }
            right(pool.counts());
            waited = waited.max(pool.counts().waiting);
            steps += 1;
            assert!(steps < 100_000, "seed {seed}: no end");
        }
        drop(tasks);
        let counts = pool.counts();
        assert_eq!((counts.in_use, counts.waiting, counts.idle), (0, 0, script.open()), "seed {seed}");
        met_again += crowd * TURNS - script.connections();
    }
    assert!(waited >= TASKS - SLOTS, "everybody else stood in line at some time, not {waited}");
    assert!(met_again > 100, "{met_again} turns found a connection that was kept");
}

/// One that is dropped while it waits, or while it has a slot, is in nobody's way.
#[test]
fn tasks_that_are_dropped_in_any_order() {
    let conversation = [Step::Receive(b"hello"), Step::Send(b"world")].repeat(60);
    let peers = [Peer::new(HOSTS[0], 80, &conversation), Peer::new(HOSTS[1], 80, &conversation)];
    let peers: Vec<_> = peers.iter().cycle().take(60).map(|peer| peer.in_fragments_of(2).hesitating()).collect();
    for seed in 1..=200 {
        let script = Script::new(&peers);
        let (mut network, mut memory) = (script.network(), Resources::<SLOTS, 0, 64>::new());
        let pool = SocketPool::new(&mut network, &mut memory);
        let chance = Chance(Cell::new(seed));
        let mut tasks: Vec<Task<'_, Result<(), Error>>> = Vec::new();
        tasks.resize_with(TASKS, || None);
        let mut served = [0; TASKS];
        for _ in 0..400 {
            let next = chance.below(TASKS);
            if tasks[next].is_none() && served.iter().sum::<usize>() < 20 {
                tasks[next] = Some(Box::pin(turn(&pool, &chance)));
            } else if chance.below(20) == 0 {
                tasks[next] = None;
            }
            let mut context = Context::from_waker(Waker::noop());
            if let Some(task) = &mut tasks[next]
                && let core::task::Poll::Ready(outcome) = task.as_mut().poll(&mut context)
            {
                outcome.expect("every peer answers");
                served[next] += 1;
                tasks[next] = None;
            }
            right(pool.counts());
        }
        // Whoever is left is served in the end.
        for _ in 0..1_000 {
            for task in &mut tasks {
                let mut context = Context::from_waker(Waker::noop());
                if task.as_mut().is_some_and(|future| future.as_mut().poll(&mut context).is_ready()) {
                    *task = None;
                }
            }
        }
        assert!(tasks.iter().all(Option::is_none), "seed {seed}: somebody was not served: {:?}", pool.counts());
        let counts = pool.counts();
        assert_eq!((counts.in_use, counts.waiting, counts.idle), (0, 0, script.open()), "seed {seed}");
    }
}

type Shared<'s> = SocketPool<'s, host::Network, SLOTS, CriticalSectionRawMutex>;

#[test]
fn threads_share_a_pool_behind_a_critical_section() {
    const THREADS: usize = 6;
    const TURNS: usize = 60;
    const fn is_sync<T: Sync>() {}
    const { is_sync::<Shared<'static>>() };

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a client");
            thread::spawn(move || {
                let mut buffer = [0; 64];
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    if stream.write_all(&buffer[..count]).is_err() {
                        break;
                    }
                }
            });
        }
    });
    let (mut network, mut memory) = (host::Network::new(), Resources::<SLOTS, 0, 64, CriticalSectionRawMutex>::new());
    let pool: Shared<'_> = SocketPool::new(&mut network, &mut memory);
    let (held, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let turn = async |number: usize| {
        let key = Key { host: "127.0.0.1", port, session_id: 0, tls: None };
        let deadline = Deadline::within(pool.timer(), Some(PATIENCE));
        let leased = pool.connection_manager().get_socket::<NoTls>(key.host, port, 0, None, deadline).await?;
        let mut socket = leased.socket;
        socket.set_timeout(None);
        most.fetch_max(held.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        right(pool.counts());
        let (word, mut answer) = (number.to_be_bytes(), [0; size_of::<usize>()]);
        socket.send_all(&word).await?;
        let mut len = 0;
        while len < answer.len() {
            len += socket.recv_into(&mut answer[len..]).await?;
        }
        assert_eq!(answer, word, "what one thread said, another has heard");
        held.fetch_sub(1, Ordering::SeqCst);
        match number % 3 {
            0 => drop(socket),
            1 => socket.close().await?,
            _ => socket.keep(key),
        }
        Ok::<(), Error>(())
    };
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let turn = &turn;
            scope.spawn(move || {
                for number in 0..TURNS {
                    async_io::block_on(turn(thread * TURNS + number)).expect("a turn, in time");
                }
            });
        }
    });
    let counts = pool.counts();
    assert_eq!((counts.in_use, counts.waiting), (0, 0), "{counts:?}");
    assert_eq!(most.load(Ordering::SeqCst), SLOTS, "all slots were used at once, and no more");
}
