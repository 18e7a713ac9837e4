//! One test, run through both faces: `wait!` awaits on one and does nothing on the other.

use core::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

/// Polls `future` at most `polls` times, and drops it.
pub fn poll_times<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..polls).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    })
}

macro_rules! awaited {
    ($work:expr) => {
        $work.await
    };
}

macro_rules! direct {
    ($work:expr) => {
        $work
    };
}

/// A test over a scripted network, on a pool of so many sockets and TLS sessions.
macro_rules! scripted {
    (fn $name:ident<$slots:literal $(, $tls:literal)?>($peers:expr, |$pool:ident, $script:ident| $test:block)) => {
        mod $name {
            use super::*;

            #[test]
            #[allow(unused_imports, reason = "each test uses a part")]
            fn async_face() {
                use crate::support::both::awaited as wait;
                use socketpool::traits::{Socket as _, TlsContext as _};
                match &$peers {
                    peers => {
                        let $script = Script::new(peers);
                        let (mut network, mut memory) = ($script.network(), Resources::<$slots $(, $tls)?>::new());
                        let $pool = socketpool::SocketPool::new(&mut network, &mut memory);
                        block_on(async { $test });
                        assert_eq!($pool.counts().in_use, 0);
                    }
                }
            }

            #[test]
            #[allow(unused_imports, reason = "each test uses a part")]
            fn blocking_face() {
                use crate::support::both::direct as wait;
                use socketpool::traits::{Socket as _, TlsContext as _};
                match &$peers {
                    peers => {
                        let $script = Script::new(peers);
                        let (mut network, mut memory) = ($script.network(), Resources::<$slots $(, $tls)?>::new());
                        let $pool = socketpool::blocking::SocketPool::new(&mut network, &mut memory);
                        $test
                        assert_eq!($pool.counts().in_use, 0);
                    }
                }
            }
        }
    };
}

/// A test over the host's network, on a pool of so many sockets and TLS sessions.
macro_rules! loopback {
    (fn $name:ident<$slots:literal, $tls:literal>(|$pool:ident| $test:block)) => {
        mod $name {
            use super::*;

            #[test]
            #[allow(unused_imports, reason = "each test uses a part")]
            fn async_face() {
                use crate::support::both::awaited as wait;
                use socketpool::traits::{Socket as _, TlsContext as _};
                let (mut network, mut memory) = (crate::support::network(), Resources::<$slots, $tls>::new());
                let $pool = socketpool::SocketPool::new(&mut network, &mut memory);
                async_io::block_on(async { $test });
                assert_eq!($pool.counts().in_use, 0);
            }

            #[test]
            #[allow(unused_imports, reason = "each test uses a part")]
            fn blocking_face() {
                use crate::support::both::direct as wait;
                use socketpool::traits::{Socket as _, TlsContext as _};
                let (mut network, mut memory) = (crate::support::network(), Resources::<$slots, $tls>::new());
                let $pool = socketpool::blocking::SocketPool::new(&mut network, &mut memory);
                $test
                assert_eq!($pool.counts().in_use, 0);
            }
        }
    };
}

pub(crate) use {awaited, direct, loopback, scripted};
