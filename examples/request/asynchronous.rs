//! The async face at work.

use socketpool::{Resources, SocketPool, requests::Session};

use crate::{
    Payload, SOCKETS, date,
    failure::Failure,
    floor,
    meter::{Meter, Metered},
    network::HostNetwork,
    options::{MAX_RX, Options},
    output::Output,
    prepare,
    trust::Trust,
};

/// Sends the request as often as asked, and writes the answers out.
pub async fn run(
    options: &Options<'_>,
    body: &Payload<'_>,
    trust: &Trust<'_>,
    output: &mut Output<'_>,
    meter: &Meter,
) -> Result<(), Failure> {
    // A pool over the network, whom to trust, and a session.
    let mut network = HostNetwork::new(&options.routes, meter);
    let mut memory = Box::new(Resources::<SOCKETS, SOCKETS, MAX_RX>::new());
    let pool = Metered::new(SocketPool::new(&mut network, &mut memory), meter);
    let tls = Metered::new(trust.context(date(options.at)).floor(floor(options.at)), meter);
    let mut http = Session::new(&pool, &tls).buffer_limit(options.rx);
    if options.timeout.is_some() {
        http = http.timeout(options.timeout);
    }
    if let Some(redirects) = options.max_redirects {
        http = http.max_redirects(redirects);
    }

    let mut outcome = Ok(());
    let mut buffer = [0; 16 * 1024];
    for _ in 0..options.repeat {
        let request = prepare(http.request(options.method, options.url), options);
        let mut response = match *body {
            Payload::Nothing => request.send().await?,
            Payload::Bytes(bytes) => request.body(bytes).send().await?,
            Payload::Form(pairs) => request.form(pairs).send().await?,
        };
        output.head(&response)?;
        loop {
            match response.read(&mut buffer).await? {
                0 => break,
                count => output.body(&buffer[..count])?,
            }
        }
        if options.fail
            && let Err(error) = response.error_for_status()
        {
            outcome = Err(error.into());
        }
        // Here the response is dropped. It was read to its end, so its connection goes back to the pool.
    }
    let writes = meter.writes.get();
    pool.inner.close_idle().await;
    meter.all_tls_since(writes);
    outcome
}
