//! How a connection ends: one half, both, in the background, and when it is dropped.

use super::*;

#[test]
fn half_close() {
    let Pair { client, server, mut background, .. } = pair(Cable::GOOD);
    background.run(async {
        let (mut ours, mut theirs) = connected(&client, &server).await;
        ours.write_all(b"a question").await.unwrap();
        ours.close_write().await.unwrap();
        assert_eq!(ours.write(b"more").await, Err(ErrorKind::BrokenPipe));
        assert_eq!(read_all(&mut theirs).await.unwrap(), b"a question");
        theirs.write_all(b"the answer").await.unwrap();
        let (answer, closed) = zip(read_all(&mut ours), theirs.shutdown()).await;
        assert_eq!((answer.unwrap().as_slice(), closed), (&b"the answer"[..], Ok(())));
        ours.shutdown().await.unwrap();
    });
}

/// What was written arrives, and then the end, although the socket is gone and was needed at once.
#[test]
fn close_delivers_everything() {
    let Pair { client, server, mut background, .. } = pair(Cable::GOOD);
    background.run(async {
        for _ in 0..2 * TCP {
            let (mut ours, mut theirs) = connected(&client, &server).await;
            let sender = async {
                ours.write_all(&[42; 5000]).await.unwrap();
                ours.shutdown().await.unwrap();
                drop(ours);
            };
            let receiver = async {
                pause(&server, 1).await;
                read_all(&mut theirs).await.unwrap()
            };
            assert_eq!(zip(sender, receiver).await.1, [42; 5000]);
            theirs.shutdown().await.unwrap();
        }
        nothing_is_lost(&client, &server).await;
    });
}

/// If nobody waits for the end of `shutdown`, it goes on without.
#[test]
fn close_goes_on_in_the_background() {
    let Pair { client, server, mut background, .. } =
        pair(Cable { delay: embassy_time::Duration::from_millis(300), ..Cable::GOOD });
    background.run(async {
        let (mut ours, mut theirs) = connected(&client, &server).await;
        ours.write_all(b"the last words").await.unwrap();
        assert!(drop_after(1, ours.shutdown()).await.is_none());
        drop(ours);
        assert_eq!(read_all(&mut theirs).await.unwrap(), b"the last words");
    });
}

#[test]
fn drop_after_the_answer_is_an_end() {
    let Pair { client, server, mut background, .. } = pair(Cable::GOOD);
    background.run(async {
        for at_the_end in [false, true] {
            let (mut ours, mut theirs) = connected(&client, &server).await;
            ours.write_all(b"?").await.unwrap();
            theirs.read_exact(&mut [0]).await.unwrap();
            theirs.write_all(b"!").await.unwrap();
            let asker = async {
                ours.read_exact(&mut [0]).await.unwrap();
                if at_the_end {
                    assert_eq!(ours.read(&mut [0]).await, Ok(0));
                }
                drop(ours);
            };
            let answerer = async {
                if at_the_end {
                    theirs.shutdown().await.unwrap();
                }
                read_all(&mut theirs).await.unwrap()
            };
            assert_eq!(zip(asker, answerer).await.1, b"");
        }
        nothing_is_lost(&client, &server).await;
    });
}

/// A connection that is dropped is no end: a body that the end would delimit is not taken for the whole.
#[test]
fn drop_resets() {
    let Pair { client, server, mut background, .. } = pair(Cable::GOOD);
    background.run(async {
        let (mut ours, mut theirs) = connected(&client, &server).await;
        theirs.write_all(b"?").await.unwrap();
        ours.read_exact(&mut [0]).await.unwrap();
        ours.write_all(b"half of").await.unwrap();
        ours.flush().await.unwrap();
        drop(ours);
        pause(&server, 1).await;
        let mut buffer = [0; 100];
        assert_eq!(theirs.read(&mut buffer).await, Ok(7));
        assert_eq!(theirs.read(&mut buffer).await, Err(ErrorKind::ConnectionReset));
        assert_eq!(theirs.write(b"?").await, Err(ErrorKind::ConnectionReset));
        assert_eq!(theirs.flush().await, Ok(()), "there is nothing that was not delivered");
        assert_eq!(theirs.shutdown().await, Err(ErrorKind::ConnectionReset));
    });
}

/// Also when every socket is needed again at once.
#[test]
fn every_peer_is_told() {
    let Pair { client, server, mut background, .. } = pair(Cable::GOOD);
    background.run(async {
        let mut listener = server.listen(port(7), 1, false).await.unwrap();
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..TCP {
            let (a, b) = zip(client.connect(server_at(7)), listener.accept()).await;
            ours.push(a.unwrap());
            theirs.push(b.unwrap().0);
        }
        drop(listener);
        drop(ours);
        for _ in 0..TCP {
            assert_eq!(client.connect(server_at(7)).await.unwrap_err(), ErrorKind::ConnectionRefused);
        }
        for theirs in &mut theirs {
            let read = within(&server, 1, theirs.read(&mut [0])).await;
            assert_eq!(read, Some(Err(ErrorKind::ConnectionReset)));
        }
    });
}
