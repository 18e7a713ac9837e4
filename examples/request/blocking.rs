//! The blocking face at work: the same without `await`.

use embedded_io::Read;
use socketpool::{
    Error, Resources,
    blocking::{Events, Session, SocketPool},
    requests::{Inflate, Retry},
    tls::TrustAnchor,
    traits::SocketPool as _,
};

use crate::{
    Payload, SOCKETS, authenticate, date, explain,
    failure::Failure,
    floor,
    meter::{Meter, Metered},
    network::HostNetwork,
    options::{MAX_RX, Options},
    output::Output,
    prepare,
    progress::Bars,
    random_number,
    trust::Trust,
    upload::{self, HostFile},
};

/// Sends the request as often as asked, and writes the answers out.
pub fn run(
    options: &Options<'_>,
    body: &Payload<'_>,
    (trust, own): (&Trust<'_>, &[TrustAnchor<'_>]),
    output: &mut Output<'_>,
    meter: &Meter,
) -> Result<(), Failure> {
    // A pool over the network, whom to trust, and a session.
    let mut network = HostNetwork::new(&options.routes, meter);
    let mut memory = Box::new(Resources::<SOCKETS, SOCKETS, MAX_RX>::new());
    let pool = Metered::new(SocketPool::new(&mut network, &mut memory), meter);
    let tls = Metered::new(trust.context(date(options.at), meter).floor(floor(options.at)), meter);
    if options.explain {
        return socketpool::time::run(pool.timer(), explain::run((&pool, &tls), options, own, output, meter));
    }
    let mut http = Session::new(&pool, &tls).buffer_limit(options.rx);
    if options.timeout.is_some() {
        http = http.timeout(options.timeout);
    }
    if let Some(redirects) = options.max_redirects {
        http = http.max_redirects(redirects);
    }

    if let Some(attempts) = options.retry {
        http = http.retry(Retry::new(attempts, &random_number));
    }

    let bars = Bars::new(options);
    let mut outcome = Ok(());
    let mut buffer = [0; 16 * 1024];
    let mut inflate = Box::new(Inflate::<32_768>::new());
    for _ in 0..options.repeat {
        let request = prepare(http.request(options.method, options.url), options);
        let mut cnonce = [0; 16];
        let request = authenticate(request, options, &mut cnonce);
        let mut response = match *body {
            Payload::Nothing => request.send()?,
            Payload::Bytes(bytes) => request.body(bytes).send()?,
            Payload::Form(pairs) => request.form(pairs).send()?,
            Payload::Multipart(fields) => request.multipart_streamed(&mut upload::parts(fields, bars)?).send()?,
            Payload::Upload(path) => {
                let (file, len) = HostFile::open("--upload", path, bars)?;
                request.stream(file, len).send()?
            }
        };
        output.head(&response)?;
        if options.compressed {
            write_out(&mut response.decoded(&mut inflate)?, options, output, &mut buffer)?;
        } else {
            write_out(&mut response, options, output, &mut buffer)?;
        }
        output.end();
        if options.fail
            && let Err(error) = response.error_for_status()
        {
            outcome = Err(error.into());
        }
        // Here the response is dropped. It was read to its end, so its connection goes back to the pool.
        drop(response);
        if !options.keep_alive {
            pool.close_idle();
        }
    }
    pool.close_idle();
    outcome
}

/// Writes a body out as it arrives: a response's, or one that is being decompressed.
fn write_out(
    body: &mut impl Read<Error = Error>,
    options: &Options<'_>,
    output: &mut Output<'_>,
    buffer: &mut [u8],
) -> Result<(), Failure> {
    if options.sse {
        let mut events = Events::new(body, buffer);
        while let Some(event) = events.next_event()? {
            output.event(event.data)?;
        }
        return Ok(());
    }
    loop {
        match body.read(buffer)? {
            0 => return Ok(()),
            count => output.body(&buffer[..count])?,
        }
    }
}
