//! embassy-net as a network: two stacks that talk to each other over a cable in memory, in virtual time.

mod embassy;

use core::time::Duration;

use embassy::{Cable, NOBODY, Pair, pair, server_at};
use embedded_io_async::ErrorKind;
use socketpool::{
    stack::Connect,
    time::{Clock, Deadline},
};

/// Accepts with a socket of the stack itself, beside our network.
#[test]
fn connect_to_nobody() {
    let Pair { client, server: _, mut background } = pair(Cable::GOOD);
    background.run(async {
        assert_eq!(client.connect(server_at(7)).await.unwrap_err(), ErrorKind::ConnectionRefused);
        let before = client.now();
        let deadline = Deadline::within(&client, Some(Duration::from_secs(5)));
        assert!(deadline.limit(&client, client.connect((NOBODY, 7).into())).await.is_none());
        assert_eq!(client.now(), before.after(Duration::from_secs(5)));
    });
}
