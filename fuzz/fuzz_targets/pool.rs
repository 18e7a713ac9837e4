//! A pool under any order of operations: futures that are begun, polled a little, dropped or brought to their end; at the
//! end no slot is lost, and the next socket is to be had.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Waker},
};

use socketpool::{
    Resources, SocketPool,
    mock::{Network, Peer, Script, Step, block_on},
    requests::Session,
    time::{Deadline, Instant},
};
use socketpool_fuzz::{take, target};

type Pool<'s> = SocketPool<'s, Network<'s>, 2>;
type Task<'t> = Pin<Box<dyn Future<Output = ()> + 't>>;

/// Something that an application does, which ends well or not.
async fn act(pool: &Pool<'_>, kind: u8, port: u16) {
    let http = Session::plain(pool);
    let url = format!("http://host:{port}/");
    match kind % 8 {
        0 => _ = http.get(&url).send().await,
        1 => {
            if let Ok(mut response) = http.post(&url).body(b"body").send().await {
                _ = response.content(&mut [0; 64]).await;
            }
        }
        2 => {
            if let Ok(response) = http.get(&url).send().await {
                _ = response.close().await;
            }
        }
        3 => {
            if let Ok(mut socket) = pool.socket().await {
                socket.set_timeout(Some(std::time::Duration::from_secs(1)));
                _ = socket.connect("host", port).await;
                _ = socket.send_all(b"GET / HTTP/1.1\r\n\r\n").await;
                _ = socket.recv_into(&mut [0; 16]).await;
            }
        }
        4 => {
            if let Ok(mut socket) = pool.socket_until(Deadline::at(Instant::from_millis(5))).await {
                socket.set_deadline(Deadline::at(Instant::from_millis(20)));
                _ = socket.connect("host", port).await;
                _ = socket.peek(&mut [0; 4]).await;
                _ = socket.close().await;
            }
        }
        5 => pool.close_idle().await,
        6 => drop(pool.try_socket()),
        _ => {
            if let Ok(mut socket) = pool.udp_socket().await {
                _ = socket.send_to(b"hi", "host", port).await;
                socket.set_deadline(Deadline::at(Instant::from_millis(30)));
                _ = socket.recv_from_into(&mut [0; 8]).await;
            }
        }
    }
}

target!(|input| {
    let request = Step::Receive(b"\r\n\r\n");
    let keep = [
        request,
        Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        request,
        Step::Send(b"HTTP/1.1 204 \r\n\r\n"),
    ];
    let close = [request, Step::Send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end"), Step::Close];
    let (reset, stall) = ([request, Step::Send(b"HTTP/1.1"), Step::Reset], [request, Step::Stall]);
    let peers: Vec<_> = (0..48)
        .map(|number| match number % 6 {
            0 => Peer::new("host", 80, &keep).hesitating(),
            1 => Peer::new("host", 81, &close).in_fragments_of(3).hesitating(),
            2 => Peer::new("host", 82, &reset).hesitating(),
            3 => Peer::new("host", 83, &stall).hesitating(),
            4 => Peer::refusing("host", 84),
            _ => Peer::new("host", 80, &keep).failing_after(number * 2),
        })
        .collect();
    let script = Script::new(&peers);
    {
        let (mut network, mut memory) = (script.network(), Resources::<2>::new());
        let pool = Pool::new(&mut network, &mut memory);
        let (mut tasks, mut rest): (Vec<Task<'_>>, _) = (vec![], input);
        let mut context = Context::from_waker(Waker::noop());
        while !rest.is_empty() {
            let [operation, what] = take(&mut rest);
            let at = usize::from(what) % tasks.len().max(1);
            match operation % 5 {
                0 | 1 if tasks.len() < 12 => tasks.push(Box::pin(act(&pool, what, 80 + u16::from(operation / 5 % 6)))),
                2 if !tasks.is_empty() => drop(tasks.swap_remove(at)),
                _ if !tasks.is_empty() => {
                    for _ in 0..=operation / 32 {
                        if tasks[at].as_mut().poll(&mut context).is_ready() {
                            drop(tasks.swap_remove(at));
                            break;
                        }
                    }
                }
                _ => {}
            }
            let counts = pool.counts();
            assert_eq!(counts.in_use + counts.idle + counts.free, 2, "every slot is somewhere");
        }
        // All that goes on comes to its end, together.
        for _ in 0..100_000 {
            tasks.retain_mut(|task| task.as_mut().poll(&mut context).is_pending());
        }
        assert!(tasks.is_empty(), "{} tasks wait for ever", tasks.len());
        let counts = pool.counts();
        assert_eq!((counts.in_use, counts.waiting, counts.idle), (0, 0, script.open()), "no slot is lost");
        let (first, second) = (pool.try_socket(), pool.try_socket());
        assert!(first.is_ok() && second.is_ok() || counts.idle > 0);
        drop((first, second));
        block_on(pool.close_idle());
        assert_eq!((pool.counts().free, script.open()), (2, 0));
    }
});
