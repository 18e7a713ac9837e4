//! `--explain`: asks a server as a device would, and tells what a device needs to talk to it.

use std::fmt::{Display, Write as _};

use sha2::{Digest as _, Sha256};
use socketpool::{
    ErrorKind, Result,
    pool::DEFAULT_HEAD,
    requests::Session,
    tls::{
        CertificateInfo, KeyInfo, TlsError, TrustAnchor,
        verify::{CertificateError, KeyKind, MAX_CERTIFICATES, VerifyPolicy, algorithms},
    },
    traits::{SocketPool, TlsContext},
};

use crate::{
    anchors::{self, key_name},
    cost::PROCESSORS,
    failure::Failure,
    meter::Meter,
    options::{MAX_RX, Options},
    output::Output,
    prepare,
    report::{Handshake, Root, Shown, date, days, milliseconds, printable},
};

/// What of a body is read, so that the connection can be used again.
const MAX_BODY: usize = 1 << 20;
/// The longest record that may come, which a device has room for.
const MAX_RECORD: usize = 16_406;
/// How long a line may be, roughly.
const WIDTH: usize = 100;
const CODINGS: [&str; 2] = ["gzip", "deflate"];

/// What a server answered.
struct Answer {
    status: u16,
    /// The bytes of its head.
    head: usize,
    coding: Option<String>,
    location: Option<String>,
}

/// Asks three times: on a connection that is closed, on a new one, and on that one again.
pub async fn run<'p, P, T>(
    (pool, tls): (&'p P, &'p T),
    options: &Options<'_>,
    own: &[TrustAnchor<'_>],
    output: &mut Output<'_>,
    meter: &Meter,
) -> Result<(), Failure>
where
    P: SocketPool,
    T: TlsContext<P::Socket<'p>>,
{
    let url = if options.url.contains("://") { options.url.into() } else { format!("https://{}/", options.url) };
    let mut http = Session::new(pool, tls).buffer_limit(MAX_RX).max_redirects(None);
    if options.timeout.is_some() {
        http = http.timeout(options.timeout);
    }
    let mut answers = Vec::new();
    let mut outcome = Ok(());
    for fields in [[("Connection", "close")], [("Accept-Encoding", CODINGS[0])], [("Accept-Encoding", CODINGS[1])]] {
        match ask(&http, &url, options, &fields).await {
            Ok(answer) => answers.push(answer),
            // A server that does not know a coding may say so in its own way; the first answer counts.
            Err(error) if answers.is_empty() => {
                outcome = Err(error);
                break;
            }
            Err(_) => break,
        }
    }
    let seen = meter.seen.borrow();
    let mut text = Text(String::new());
    match (answers.first(), outcome) {
        (Some(first), _) => text.title(format_args!("{url} answered {}", first.status)),
        (None, _) => text.title(format_args!("{url} gave no answer")),
    }
    text.connection(&url, &seen, meter);
    let first_shown = seen.first().and_then(|handshake| handshake.shown.as_ref());
    let wrong = match (outcome.map_err(|error| error.kind()), first_shown) {
        (Err(ErrorKind::Tls(TlsError::Certificate(error))), Some(shown)) => {
            let own_only = !own.is_empty() && !options.mozilla;
            Some(diagnosis(error, shown, own, own_only, &url))
        }
        (Err(_), _) => Some(Wrong { at: None, lines: Vec::new() }),
        (Ok(()), _) => None,
    };
    let shown = seen.iter().find_map(|handshake| handshake.shown.as_ref());
    if let Some(shown) = shown {
        text.chain(shown, wrong.as_ref().and_then(|wrong| wrong.at));
    }
    if let Some(wrong) = wrong {
        text.title("what is wrong");
        wrong.lines.iter().for_each(|line| text.paragraph(line));
        if let Err(error) = outcome {
            text.paragraph(&error.to_string());
        }
    }
    if !answers.is_empty() {
        text.needs(&url, shown, &answers);
        text.compression(&answers);
    }
    output.body(text.0.as_bytes())?;
    Ok(outcome?)
}

async fn ask<'p, P, T>(
    http: &Session<'p, P, T>,
    url: &str,
    options: &Options<'_>,
    fields: &[(&str, &str)],
) -> Result<Answer>
where
    P: SocketPool,
    T: TlsContext<P::Socket<'p>>,
{
    let mut response = prepare(http.get(url), options).headers(fields).send().await?;
    let field = |name| response.header(name).map(|value| value.escape_debug().to_string());
    // Status line, fields, the empty line.
    let lines = 15 + response.reason().len();
    let head =
        response.headers().into_iter().map(|(name, value)| name.len() + value.len() + 4).sum::<usize>() + lines + 2;
    let (status, coding, location) = (response.status().as_u16(), field("content-encoding"), field("location"));
    let (mut buffer, mut received) = ([0; 4096], 0);
    while received < MAX_BODY {
        match response.read(&mut buffer).await? {
            0 => break,
            count => received += count,
        }
    }
    Ok(Answer { status, head, coding, location })
}

/// What is told.
struct Text(String);

impl Text {
    fn title(&mut self, title: impl Display) {
        let gap = if self.0.is_empty() { "" } else { "\n" };
        let _ = writeln!(self.0, "{gap}{title}");
    }

    fn line(&mut self, name: impl Display, text: impl Display) {
        let line = format!("  {name:<12}{text}");
        let _ = writeln!(self.0, "{}", line.trim_end());
    }

    /// Words, in lines that are not too long.
    fn paragraph(&mut self, words: &str) {
        let mut line = String::from(" ");
        for word in words.split_whitespace() {
            if line.len() + word.len() >= WIDTH {
                let _ = writeln!(self.0, "{line}");
                line = String::from(" ");
            }
            line.push(' ');
            line.push_str(word);
        }
        let _ = writeln!(self.0, "{line}");
    }

    fn connection(&mut self, url: &str, seen: &[Handshake], meter: &Meter) {
        self.title("connection");
        if let Some(address) = meter.last_remote() {
            self.line("address", address);
        }
        match seen {
            [] if url.starts_with("https:") => self.line("TLS", "no handshake"),
            [] => self.line("TLS", "none: everybody on the way can read and change what is said"),
            [first, ..] if first.outcome.is_err() => {
                self.line("TLS", format_args!("the handshake failed after {} here", milliseconds(first.took)));
            }
            [first, more @ ..] => {
                self.line("TLS", first.agreed());
                let again = if first.info.is_some_and(|info| info.is_retried) {
                    ", one round trip more (HelloRetryRequest)"
                } else {
                    ""
                };
                self.line("handshake", format_args!("{} here{again}", milliseconds(first.took)));
                let is_resumed = |one: &&Handshake| one.info.is_some_and(|info| info.is_resumed);
                match more.iter().find(is_resumed) {
                    Some(one) => self.line(
                        "the next",
                        format_args!("resumed by a ticket, {} here: TlsContext::sessions", milliseconds(one.took)),
                    ),
                    None => self.line("the next", "no ticket was taken: each connection is verified in full"),
                }
            }
        }
        if meter.was_reused() {
            self.line("kept", "yes: a request on an open connection needs no handshake");
        } else if meter.connections.get() > 1 {
            self.line("kept", "no: the server closes after its response");
        }
    }

    fn chain(&mut self, shown: &Shown, wrong: Option<usize>) {
        self.title("chain");
        for (at, der) in shown.certificates.iter().enumerate() {
            let mark = if wrong == Some(at) { "   <-- this one" } else { "" };
            let text = CertificateInfo::parse(der).map_or_else(
                || "not readable".into(),
                |this| format!("{}, {}, {}", printable(this.subject()), key_name(this.key()), days(&this, shown.now)),
            );
            self.line(at + 1, format_args!("{text}{mark}"));
        }
        match &shown.verdict {
            Ok(Some(root)) => {
                let key = key_name(KeyInfo::of(&root.public_key));
                self.line("root", format_args!("{}, {key}, {}", root.name(), root.origin()));
            }
            Ok(None) => self.line("root", "none: a pin stands for the chain"),
            Err(error) => self.line("refused", error.reason()),
        }
        if let Some((_, leaf)) = shown.read().next() {
            self.line("pin", format_args!("{} (SHA-256 of the server's public key)", pin(leaf.public_key())));
        }
    }

    fn needs(&mut self, url: &str, shown: Option<&Shown>, answers: &[Answer]) {
        self.title("what a device needs");
        match shown {
            Some(shown) => {
                if let Ok(Some(root)) = &shown.verdict {
                    self.root(root);
                    self.limits(shown, root);
                    self.time(shown, root);
                }
                self.clock(shown);
            }
            None if url.starts_with("https:") => self.line("clock", "no date: a shared key proves the server"),
            None => self.line("clock", "no date"),
        }
        self.head(answers);
        if let Some(location) = answers.iter().find_map(|answer| answer.location.as_deref()) {
            self.line("redirect", format_args!("it points to {location}: explain that URL too"));
        }
    }

    fn root(&mut self, root: &Root) {
        let bytes = root.flash();
        if root.origin() == anchors::Origin::Own.words() {
            self.line("flash", format_args!("{bytes} bytes for this root: Roots::only"));
            return;
        }
        let all = anchors::flash_of_all().div_ceil(1000);
        let name = root.name();
        let name = name.split(" (").next().unwrap_or_default();
        self.line("flash", format_args!("{bytes} bytes for this root: cargo run --example roots -- \"{name}\""));
        self.line("", format_args!("{all} KB for all of Mozilla's, the default"));
    }

    fn clock(&mut self, shown: &Shown) {
        let from = shown.read().map(|(_, this)| this.not_before()).max();
        let until = shown.read().map(|(_, this)| this.not_after()).min();
        if let (Some(from), Some(until)) = (from, until) {
            let dates = format!("{} to {}", date(from), date(until));
            self.line("clock", format_args!("a date: these certificates are valid together from {dates}"));
        }
    }

    fn limits(&mut self, shown: &Shown, root: &Root) {
        let certificates: Vec<_> = shown.read().map(|(_, this)| this).collect();
        let path = path(&certificates, Some(&root.subject));
        let bytes = shown.certificates.iter().map(|der| der.len() + 5).sum::<usize>() + 8;
        let (most_work, most) = (VerifyPolicy::DEFAULT_MAX_WORK, VerifyPolicy::DEFAULT_MAX_INTERMEDIATES);
        let intermediates = path.len().saturating_sub(1);
        let suffice = shown.work <= most_work && intermediates <= usize::from(most) && bytes <= MAX_RECORD;
        let verdict = if suffice { "the defaults suffice" } else { "the defaults do not suffice" };
        self.line(
            "TLS limits",
            format_args!(
                "{verdict}: {} of {MAX_CERTIFICATES} certificates, {intermediates} of {most} between server and root,",
                shown.certificates.len()
            ),
        );
        self.line("", format_args!("{bytes} of {MAX_RECORD} bytes, work {} of {most_work}", shown.work));
        if certificates.iter().any(|this| this.key().kind == Some(KeyKind::Ed25519)) {
            self.line(
                "algorithms",
                "Ed25519 has to be named, 18 KB of flash: VerifyPolicy::algorithms(algorithms::ALL)",
            );
        }
    }

    fn time(&mut self, shown: &Shown, root: &Root) {
        let certificates: Vec<_> = shown.read().map(|(_, this)| this).collect();
        let path = path(&certificates, Some(&root.subject));
        // The server signs the handshake, each certificate is signed by the next, the last one by the root.
        let mut signed_by: Vec<_> =
            path.iter().filter_map(|at| certificates.get(*at)).map(CertificateInfo::key).collect();
        signed_by.push(KeyInfo::of(&root.public_key));
        let mut name = "time";
        for processor in &PROCESSORS {
            if let (Some(full), Some(resumed)) = (processor.full(&signed_by), processor.resumed()) {
                let times = format!("about {full:.1} s for a handshake, {resumed:.1} s resumed");
                self.line(name, format_args!("{}: {times}", processor.name));
                name = "";
            }
        }
        self.line("", "(estimates, from instructions that ./ci.sh icount counts; the network's time not in it)");
    }

    fn head(&mut self, answers: &[Answer]) {
        let largest = answers.iter().map(|answer| answer.head).max().unwrap_or(0);
        let verdict = if largest <= DEFAULT_HEAD {
            format!("Resources<SOCKETS, TLS> has {DEFAULT_HEAD}, and suffices")
        } else {
            format!("Resources<SOCKETS, TLS, {}>", largest.next_multiple_of(256))
        };
        self.line("head", format_args!("{largest} bytes, the largest of {} responses: {verdict}", answers.len()));
    }

    fn compression(&mut self, answers: &[Answer]) {
        self.title("compression (feature `gzip`)");
        for (coding, answer) in CODINGS.iter().zip(answers.iter().skip(1)) {
            let offered = answer.coding.as_deref().is_some_and(|sent| sent.eq_ignore_ascii_case(coding));
            self.line(coding, if offered { "offered" } else { "not offered for this URL" });
        }
    }
}

/// The way from the server's certificate up, by names, until one is issued by `root` or nobody who is there issued it.
fn path(certificates: &[CertificateInfo<'_>], root: Option<&[u8]>) -> Vec<usize> {
    let mut path = vec![0];
    while let Some(last) = path.last().and_then(|at| certificates.get(*at)) {
        let issuer = last.issuer_der();
        let next = (1..certificates.len()).find(|at| certificates[*at].subject_der() == issuer && !path.contains(at));
        match next {
            Some(at) if Some(issuer) != root => path.push(at),
            _ => break,
        }
    }
    path
}

/// SHA-256 of a subjectPublicKeyInfo, which is given without its header.
fn pin(public_key: &[u8]) -> String {
    let mut hash = Sha256::new();
    let len = public_key.len();
    match len {
        0..0x80 => hash.update([0x30, len as u8]),
        0x80..0x100 => hash.update([0x30, 0x81, len as u8]),
        _ => hash.update([0x30, 0x82, (len >> 8) as u8, len as u8]),
    }
    hash.update(public_key);
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Which certificate it is about, and what to do.
struct Wrong {
    at: Option<usize>,
    lines: Vec<String>,
}

fn diagnosis(error: CertificateError, shown: &Shown, own: &[TrustAnchor<'_>], own_only: bool, url: &str) -> Wrong {
    use CertificateError as E;
    let certificates: Vec<_> = shown.read().map(|(_, this)| this).collect();
    let place = |is: &dyn Fn(&CertificateInfo<'_>) -> bool| shown.read().find(|(_, this)| is(this)).map(|(at, _)| at);
    let mut lines = Vec::new();
    let at = match error {
        E::Expired { not_after, .. } => place(&|this| this.not_after() == not_after),
        E::NotYetValid { not_before, .. } => place(&|this| this.not_before() == not_before),
        E::WeakKey { bits } => place(&|this| this.key().bits == bits),
        E::UnsupportedAlgorithm => place(&|this| this.key().kind.is_none()),
        E::NameMismatch => {
            let mut names = Vec::new();
            if let Some(leaf) = certificates.first() {
                names.extend(leaf.dns_names().map(printable));
                names.extend(leaf.ip_addresses().map(|address| address.to_string()));
            }
            match names {
                none if none.is_empty() => lines.push("It is for no name at all.".into()),
                names => lines.push(format!("It is for {}, and {url} asks for another name.", names.join(", "))),
            }
            Some(0)
        }
        E::WrongUsage => Some(0),
        E::PinMismatch => {
            lines.push("The pin that would fit the server's key stands above.".into());
            Some(0)
        }
        E::UnknownIssuer => {
            let top = path(&certificates, None).last().copied();
            if let Some(top) = top {
                unknown_issuer(top, &certificates, own, own_only, &mut lines);
            }
            top
        }
        E::BadSignature => bad_link(&certificates, own, &mut lines),
        E::Malformed => {
            (0..shown.certificates.len()).find(|at| CertificateInfo::parse(&shown.certificates[*at]).is_none())
        }
        _ => None,
    };
    if let Some(at) = at {
        let subject = certificates.get(at).map_or("not readable", CertificateInfo::subject);
        lines.insert(0, format!("Certificate {} ({}): {}.", at + 1, printable(subject), error.reason()));
    }
    Wrong { at, lines }
}

/// Nobody who is trusted issued the last certificate of the way up.
fn unknown_issuer(
    top: usize,
    certificates: &[CertificateInfo<'_>],
    own: &[TrustAnchor<'_>],
    own_only: bool,
    lines: &mut Vec<String>,
) {
    let last = &certificates[top];
    let issuer = printable(last.issuer());
    let mozilla = anchors::all().find(|root| root.subject() == last.issuer_der());
    if let Some(root) = mozilla.filter(|_| own_only) {
        let bytes = anchors::flash_of(&root);
        lines.push(format!(
            "Its issuer {issuer} is in Mozilla's list, which these roots are instead of. Trust it too ({bytes} bytes of \
             flash): cargo run --example roots -- \"{issuer}\"; here --roots mozilla."
        ));
    } else if last.issuer_der() == last.subject_der() {
        if top == 0 {
            lines.push(
                "It is self-signed. A device can pin its key instead of a chain: PinMode::InsteadOfChain.".into(),
            );
        } else {
            lines.push("It is a root, and none that is trusted: trust it with Roots::only, here --roots FILE.".into());
        }
    } else if own.iter().any(|root| root.subject() == last.issuer_der()) {
        lines.push(format!("A root with the name of its issuer {issuer} is trusted, and may not issue it."));
    } else {
        lines.push(format!(
            "Its issuer {issuer} was not sent, and is not trusted. If that is a root of your own, trust it: Roots::only, \
             here --roots FILE. If not, it is an intermediate that the server has to send with it (nginx: both in the \
             file of ssl_certificate; openssl s_server: -cert_chain)."
        ));
    }
}

/// The certificate whose signature its issuer did not make.
fn bad_link(certificates: &[CertificateInfo<'_>], own: &[TrustAnchor<'_>], lines: &mut Vec<String>) -> Option<usize> {
    let path = path(certificates, None);
    for (step, at) in path.iter().enumerate() {
        let this = certificates.get(*at)?;
        let above = path.get(step + 1).and_then(|next| certificates.get(*next)).map(CertificateInfo::public_key);
        let root = own.iter().find(|root| root.subject() == this.issuer_der()).map(TrustAnchor::public_key);
        let is_wrong = |key: &[u8]| this.is_signed_by(key, algorithms::ALL) == Some(false);
        if root.is_some_and(is_wrong) {
            lines.push(format!(
                "The root {} that is trusted has another key than the one that signed it: an older or newer authority \
                 of the same name.",
                printable(this.issuer())
            ));
            return Some(*at);
        }
        if above.is_some_and(is_wrong) {
            lines.push("The certificate above it has another key than the one that signed it.".into());
            return Some(*at);
        }
    }
    None
}
