//! A line that loses and reorders frames.

use super::*;

#[test]
fn a_tenth_lost_and_the_rest_out_of_order() {
    for seed in 0..20 {
        let Pair { client, server, mut background, .. } = pair(Cable::bad(seed));
        background.run(async {
            let sent: Vec<u8> = (0..100_000u32).map(|count| ((count * 7919) >> 5) as u8).collect();
            let (mut ours, mut theirs) = connected(&client, &server).await;
            let upload = async {
                ours.write_all(&sent).await.unwrap();
                ours.close_write().await.unwrap();
                read_all(&mut ours).await.unwrap()
            };
            let echo = async {
                let received = read_all(&mut theirs).await.unwrap();
                theirs.write_all(&received).await.unwrap();
                // The acknowledgement of the end may stay lost: nobody has to repeat it for ever.
                let _ = theirs.shutdown().await;
                received
            };
            let (back, there) = zip(upload, echo).await;
            assert!(there == sent && back == sent, "seed {seed}");
        });
    }
}

/// Attempts may fail on a bad line; what was connected is whole, and nothing hangs or stays behind.
#[test]
fn many_clients_on_a_bad_line() {
    for seed in 0..5 {
        let Pair { client, server, mut background, .. } = pair(Cable::bad(seed));
        let (client, server): (&'static Net, &'static Net) = (Box::leak(Box::new(client)), Box::leak(Box::new(server)));
        background.spawn(async move {
            let mut listener = server.listen(port(7), TCP, false).await.unwrap();
            loop {
                let (mut connection, _) = listener.accept().await.unwrap();
                let Some(Ok(question)) = within(server, 60, read_all(&mut connection)).await else { continue };
                let _ = within(server, 60, connection.write_all(&question)).await;
                let _ = within(server, 60, connection.shutdown()).await;
            }
        });
        let served = Rc::new(Cell::new(0));
        for task in 0..TCP as u8 {
            let served = served.clone();
            background.spawn(async move {
                loop {
                    let question = [task; 500];
                    let Some(Ok(mut connection)) = within(client, 30, client.connect(server_at(7))).await else {
                        continue;
                    };
                    let Some(Ok(())) = within(client, 60, connection.write_all(&question)).await else { continue };
                    let Some(Ok(())) = within(client, 60, connection.close_write()).await else { continue };
                    if let Some(Ok(answer)) = within(client, 120, read_all(&mut connection)).await {
                        assert!(answer == question, "seed {seed}: {} of 500 bytes", answer.len());
                        served.set(served.get() + 1);
                    }
                }
            });
        }
        background.run(pause(client, 300));
        assert!(served.get() > 20, "seed {seed}: {}", served.get());
    }
}

#[test]
fn a_thousand_connections_on_a_bad_line() {
    let Pair { client, server, mut background, wire } = pair(Cable { loss: 5, ..Cable::GOOD });
    background.run(async {
        for round in 0..1000u64 {
            wire.cut.set(round % 50 == 0);
            let ours = async {
                let Ok(mut connection) = client.connect(server_at(7)).await else { return };
                if round % 3 > 0 && connection.write_all(&[1; 100]).await.is_ok() && round % 3 > 1 {
                    let _ = connection.shutdown().await;
                }
            };
            let theirs = async {
                let mut listener = server.listen(port(7), 1, false).await.unwrap();
                let Ok((mut connection, _)) = listener.accept().await else { return };
                let _ = read_all(&mut connection).await;
            };
            zip(within(&client, 2, ours), within(&server, 2, theirs)).await;
        }
        wire.cut.set(false);
        nothing_is_lost(&client, &server).await;
    });
}
