//! The command line.

use std::{ffi::OsString, net::IpAddr, net::SocketAddr, time::Duration};

use socketpool::{
    http::{Method, is_field_name, is_field_value},
    tls::pin::Pin,
};

use crate::{
    crypto::{self, CipherSuite, Group},
    failure::Failure,
};

/// The most that `--rx` can be, and the size of the pool's exchange buffers, in bytes.
pub const MAX_RX: usize = 65_536;
/// What `--rx` is unless given: what a device has, so that what works here works there.
const DEFAULT_RX: usize = socketpool::pool::DEFAULT_HEAD;

/// What `--help` prints.
pub fn help() -> String {
    format!(
        "\
usage: request [option]… URL
       request --explain [option]… HOST[:PORT] | URL

the request
  -X METHOD                         instead of GET, of POST with a body, of PUT with --upload
  -H 'Name: value'                  a header field; may be repeated
  --query k=v                       adds to the query of the URL; may be repeated
  --range A-B, --range A-           asks for these bytes only; a note on standard error says when others came
  --compressed                      asks for gzip or deflate, and decompresses
  --sse                             reads server-sent events and writes the data of each as it comes

its body
  -d DATA, -d @FILE                 sends this, or what the file holds, as it is
  --json TEXT                       sends this as application/json
  --form k=v                        sends a form; may be repeated
  --multipart k=v, --multipart k=@FILE[;type=T]
                                    sends a form with files, which are read while they are sent; may be repeated
  --upload FILE                     sends what the file holds, reading it while it is sent; - is standard input

authentication
  --user u:p, --bearer T            authenticates: with --user, else with --bearer, else with -H
  --digest u:p                      authenticates by Digest, once the server asks for it

whom to trust
  --roots mozilla, --roots FILE     trusts Mozilla's roots (unless given), or these (PEM or DER); may be repeated
  --cacert FILE                     the same as --roots FILE
  --pin HEX                         wants this SHA-256 of the server's public key, too; may be repeated: one has to fit
  --at UNIX_SECONDS                 checks certificates as of then
  --cert FILE [--key FILE]          shows this certificate to servers that ask; key P-256 or Ed25519, or in the same file
  --psk ID:HEX                      shares this key with the server, instead of certificates

TLS
  --groups LIST                     offers these groups, and a key of the first: x25519, secp256r1; both unless given
  --suites LIST                     offers these cipher suites: chacha20, aes128, aes256; the first two unless given
  --alpn LIST                       offers these protocols inside TLS; none unless given
  --tickets FILE                    resumes TLS sessions that are saved in this file, and saves the new ones there: they are
                                    secret, and the file need not exist; --stats says how many handshakes were resumed
  --engine ours|embedded-tls        which engine speaks TLS; ours unless given. The other one keeps no connection open

connections
  --resolve HOST:PORT:ADDR[:PORT]   connects there for that host and port; may be repeated; IPv6 in brackets
  --timeout SECONDS                 for the whole exchange; 30 unless given
  --max-redirects N, --no-redirect  10 are followed unless given
  --retry N                         makes up to N attempts, with a random wait between them
  --repeat N                        sends the request so often
  --no-keep-alive                   each of them on a new connection
  --face async|blocking             which half of the crate does it; async unless given
  --rx BYTES                        stages so much of a request, and receives so large a head: the third number of a
                                    device's `Resources`; up to {MAX_RX}; {DEFAULT_RX}, as there, unless given

what is written
  -i                                writes status line and fields before the body
  -o FILE                           writes to this file
  --fail                            a status of 400 or above is a failure
  --stats                           ends with counts of connections, requests and writes on standard error; a line before
                                    them counts TLS handshakes, if there were any: all, resumed ones, and those in which
                                    the server asked for another group or for a cookie (HelloRetryRequest)
  -v                                tells on standard error what each connection agreed on, and what the server showed
  --silent                          no progress bar, which otherwise shows a large body if standard error is a terminal
  --explain                         tells instead what a device needs to talk to this server: root, flash, clock, time,
                                    memory; https unless the URL says otherwise
  --help                            tells this

exit status: 0 a complete response  1 cannot write it  2 usage or URL  3 resolve  4 connect  5 TLS  6 timeout
  7 malformed or no response  8 truncated body  9 a limit  10 too many redirects  11 pool exhausted
  12 refused by policy  22 status of 400 or above, with --fail
"
    )
}

/// What the command line asks for.
#[derive(Debug)]
pub struct Options<'a> {
    pub method: Method<'a>,
    pub url: &'a str,
    pub headers: Vec<(&'a str, &'a str)>,
    pub query: Vec<(&'a str, &'a str)>,
    pub data: Data<'a>,
    /// Whether the data is JSON.
    pub json: bool,
    pub user: Option<(&'a str, &'a str)>,
    pub digest: Option<(&'a str, &'a str)>,
    pub range: Option<(u64, Option<u64>)>,
    /// Attempts, the first one included.
    pub retry: Option<u8>,
    pub bearer: Option<&'a str>,
    /// Mozilla's roots were asked for.
    pub mozilla: bool,
    pub roots: Vec<&'a str>,
    pub pins: Vec<Pin>,
    pub cert: Option<&'a str>,
    pub key: Option<&'a str>,
    pub psk: Option<(&'a str, Vec<u8>)>,
    /// What to offer instead of the default; empty for that.
    pub groups: Vec<Group>,
    pub suites: Vec<CipherSuite>,
    pub alpn: Vec<&'a [u8]>,
    pub engine: Engine,
    /// The file of the tickets.
    pub tickets: Option<&'a str>,
    pub at: Option<u64>,
    pub routes: Vec<Route>,
    pub timeout: Option<Duration>,
    /// As the session wants it, if given.
    pub max_redirects: Option<Option<u8>>,
    pub repeat: u32,
    /// Idle connections are used again.
    pub keep_alive: bool,
    pub face: Face,
    pub rx: usize,
    pub include: bool,
    pub output: Option<&'a str>,
    pub fail: bool,
    pub stats: bool,
    pub verbose: bool,
    pub silent: bool,
    pub explain: bool,
    pub compressed: bool,
    /// Whether the body is an event stream.
    pub sse: bool,
}

/// The body.
#[derive(Debug)]
pub enum Data<'a> {
    Nothing,
    Text(&'a str),
    File(&'a str),
    Form(Vec<(&'a str, &'a str)>),
    Multipart(Vec<Field<'a>>),
    Upload(&'a str),
}

/// A part of a form with files.
#[derive(Debug)]
pub struct Field<'a> {
    pub name: &'a str,
    pub value: Value<'a>,
    pub content_type: Option<&'a str>,
}

#[derive(Debug)]
pub enum Value<'a> {
    Text(&'a str),
    File(&'a str),
}

#[derive(Debug, Clone, Copy)]
pub enum Face {
    Async,
    Blocking,
}

/// Who speaks TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Ours,
    EmbeddedTls,
}

/// Where to connect for a host and port, whatever the name server says.
#[derive(Debug, Clone)]
pub struct Route {
    /// In lower case, as in a URL in normal form.
    pub host: String,
    pub port: u16,
    pub to: SocketAddr,
}

impl<'a> Options<'a> {
    pub fn parse(args: &'a [OsString]) -> Result<Self, Failure> {
        let mut options = Self {
            method: Method::Get,
            url: "",
            headers: Vec::new(),
            query: Vec::new(),
            data: Data::Nothing,
            json: false,
            user: None,
            digest: None,
            range: None,
            retry: None,
            bearer: None,
            mozilla: false,
            roots: Vec::new(),
            pins: Vec::new(),
            cert: None,
            key: None,
            psk: None,
            groups: Vec::new(),
            suites: Vec::new(),
            alpn: Vec::new(),
            engine: Engine::Ours,
            tickets: None,
            at: None,
            routes: Vec::new(),
            timeout: None,
            max_redirects: None,
            repeat: 1,
            keep_alive: true,
            face: Face::Async,
            rx: DEFAULT_RX,
            include: false,
            output: None,
            fail: false,
            stats: false,
            verbose: false,
            silent: false,
            explain: false,
            compressed: false,
            sse: false,
        };
        let mut method = None;
        let mut urls = Vec::new();
        let mut args = args.iter().map(|arg| arg.to_str().ok_or_else(|| usage(format!("not UTF-8: {arg:?}"))));
        while let Some(arg) = args.next() {
            let arg = arg?;
            let mut value = || args.next().unwrap_or_else(|| Err(usage(format!("{arg} needs a value"))));
            match arg {
                "-X" => method = Some(Method::custom(value()?).map_err(|error| usage(format!("-X: {error}")))?),
                "-H" => options.headers.push(header(value()?)?),
                "-d" => match value()? {
                    text if text.starts_with('@') => options.set_data(Data::File(&text[1..]))?,
                    text => options.set_data(Data::Text(text))?,
                },
                "--json" => {
                    options.set_data(Data::Text(value()?))?;
                    options.json = true;
                }
                "--form" => {
                    let pair = pair(arg, value()?, '=')?;
                    match &mut options.data {
                        Data::Form(pairs) => pairs.push(pair),
                        _ => options.set_data(Data::Form(vec![pair]))?,
                    }
                }
                "--multipart" => {
                    let field = field(value()?)?;
                    match &mut options.data {
                        Data::Multipart(fields) => fields.push(field),
                        _ => options.set_data(Data::Multipart(vec![field]))?,
                    }
                }
                "--upload" => options.set_data(Data::Upload(value()?))?,
                "--digest" => options.digest = Some(pair(arg, value()?, ':')?),
                "--range" => {
                    let (from, last) = pair(arg, value()?, '-')?;
                    let last = if last.is_empty() { None } else { Some(number(arg, last)?) };
                    options.range = Some((number(arg, from)?, last));
                }
                "--retry" => options.retry = Some(number(arg, value()?)?),
                "--query" => options.query.push(pair(arg, value()?, '=')?),
                "--user" => options.user = Some(pair(arg, value()?, ':')?),
                "--bearer" => options.bearer = Some(value()?),
                "--cacert" => options.roots.push(value()?),
                "--roots" => match value()? {
                    "mozilla" => options.mozilla = true,
                    file => options.roots.push(file),
                },
                "--pin" => options.pins.push(pin(value()?)?),
                "--cert" => options.cert = Some(value()?),
                "--key" => options.key = Some(value()?),
                "--psk" => options.psk = Some(psk(value()?)?),
                "--groups" => options.groups = list(arg, value()?, crypto::group)?,
                "--suites" => options.suites = list(arg, value()?, crypto::suite)?,
                "--alpn" => options.alpn = value()?.split(',').map(str::as_bytes).collect(),
                "--engine" => {
                    options.engine = match value()? {
                        "ours" => Engine::Ours,
                        "embedded-tls" => Engine::EmbeddedTls,
                        other => return Err(usage(format!("--engine is ours or embedded-tls, not {other:?}"))),
                    }
                }
                "--tls12" => {
                    return Err(usage("--tls12: TLS 1.2 is not spoken here: a server without TLS 1.3 is refused"));
                }
                "--tickets" => options.tickets = Some(value()?),
                "--at" => options.at = Some(number(arg, value()?)?),
                "--resolve" => options.routes.push(route(value()?)?),
                "--timeout" => options.timeout = Some(seconds(arg, value()?)?),
                "--max-redirects" => options.max_redirects = Some(Some(number(arg, value()?)?)),
                "--no-redirect" => options.max_redirects = Some(None),
                "--repeat" => options.repeat = number(arg, value()?)?,
                "--no-keep-alive" => options.keep_alive = false,
                "--face" => {
                    options.face = match value()? {
                        "async" => Face::Async,
                        "blocking" => Face::Blocking,
                        other => return Err(usage(format!("--face is async or blocking, not {other:?}"))),
                    }
                }
                "--rx" => options.rx = number(arg, value()?)?,
                "-i" => options.include = true,
                "-o" => options.output = Some(value()?),
                "--fail" => options.fail = true,
                "--stats" => options.stats = true,
                "-v" => options.verbose = true,
                "--silent" => options.silent = true,
                "--explain" => options.explain = true,
                "--compressed" => options.compressed = true,
                "--sse" => options.sse = true,
                _ if arg.starts_with('-') => return Err(usage(format!("unknown option {arg:?}"))),
                url => urls.push(url),
            }
        }
        let [url] = urls[..] else {
            return Err(usage(format!("one URL is needed, there are {}", urls.len())));
        };
        options.url = url;
        if options.repeat == 0 {
            return Err(usage("--repeat 0 would send nothing"));
        }
        if options.rx > MAX_RX {
            return Err(usage(format!("--rx can be {MAX_RX} at most")));
        }
        if options.retry == Some(0) {
            return Err(usage("--retry 0 would send nothing"));
        }
        // One way to authenticate: by --user, else by --bearer, else by -H, else by what the URL says.
        if options.user.is_some() || options.bearer.is_some() {
            options.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("authorization"));
        }
        if options.digest.is_some() && (options.user.is_some() || options.bearer.is_some()) {
            return Err(usage("one way to authenticate is enough: --user, --bearer or --digest"));
        }
        if options.key.is_some() && options.cert.is_none() {
            return Err(usage("--key needs --cert"));
        }
        if options.psk.is_some() && (options.cert.is_some() || !options.pins.is_empty() || !options.roots.is_empty()) {
            return Err(usage("with --psk there are no certificates: no --cert, --pin or --roots"));
        }
        if options.engine == Engine::EmbeddedTls
            && (!options.groups.is_empty() || !options.suites.is_empty() || options.tickets.is_some())
        {
            return Err(usage(
                "--engine embedded-tls has one group, one suite and no tickets: no --groups, --suites or --tickets",
            ));
        }
        if options.explain && options.tickets.is_some() {
            return Err(usage("--explain wants to see certificates: no --tickets"));
        }
        if options.explain && (!matches!(options.data, Data::Nothing) || method.is_some()) {
            return Err(usage("--explain asks with GET and sends nothing: no -X and no body"));
        }
        let default = match options.data {
            Data::Nothing => Method::Get,
            Data::Upload(_) => Method::Put,
            _ => Method::Post,
        };
        options.method = method.unwrap_or(default);
        Ok(options)
    }

    fn set_data(&mut self, data: Data<'a>) -> Result<(), Failure> {
        match self.data {
            Data::Nothing => self.data = data,
            _ => return Err(usage("a request has one body: -d, --json, --form, --multipart or --upload")),
        }
        Ok(())
    }
}

fn usage(reason: impl Into<String>) -> Failure {
    Failure::Usage(reason.into())
}

/// `Name: value`. The library checks both as well; here the mistake can be shown.
fn header(text: &str) -> Result<(&str, &str), Failure> {
    let (name, value) = pair("-H", text, ':')?;
    let value = value.trim_matches([' ', '\t']);
    if !is_field_name(name.as_bytes()) || !is_field_value(value.as_bytes()) {
        return Err(usage(format!("-H {text:?} is no header field")));
    }
    Ok((name, value))
}

/// `name=value` or `name=@FILE[;type=T]`.
fn field(text: &str) -> Result<Field<'_>, Failure> {
    let (name, value) = pair("--multipart", text, '=')?;
    let Some(path) = value.strip_prefix('@') else {
        return Ok(Field { name, value: Value::Text(value), content_type: None });
    };
    let (path, content_type) = match path.split_once(";type=") {
        Some((path, media_type)) => (path, Some(media_type)),
        None => (path, None),
    };
    Ok(Field { name, value: Value::File(path), content_type })
}

fn pair<'a>(option: &str, text: &'a str, between: char) -> Result<(&'a str, &'a str), Failure> {
    text.split_once(between).ok_or_else(|| usage(format!("{option} needs a {between:?} in {text:?}")))
}

fn pin(text: &str) -> Result<Pin, Failure> {
    Pin::leaf_spki_from_hex(text).ok_or_else(|| usage(format!("--pin {text:?} is not 64 hexadecimal digits")))
}

/// `ID:HEX`. The identity may have colons in it. The key is not shown when it is wrong.
fn psk(text: &str) -> Result<(&str, Vec<u8>), Failure> {
    let wrong = || usage("--psk needs ID:HEX");
    let (identity, digits) = text.rsplit_once(':').ok_or_else(wrong)?;
    let digits = digits.chars().map(|digit| digit.to_digit(16)).collect::<Option<Vec<_>>>().ok_or_else(wrong)?;
    if digits.len() % 2 != 0 {
        return Err(wrong());
    }
    Ok((identity, digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()))
}

/// What the names in a list stand for, each once.
fn list<T: PartialEq>(option: &str, text: &str, find: fn(&str) -> Option<T>) -> Result<Vec<T>, Failure> {
    let mut found = Vec::new();
    for name in text.split(',') {
        match find(name) {
            Some(item) if !found.contains(&item) => found.push(item),
            Some(_) => return Err(usage(format!("{option}: {name:?} is there twice"))),
            None => return Err(usage(format!("{option}: {name:?} is none that there is: see --help"))),
        }
    }
    Ok(found)
}

fn number<N: std::str::FromStr>(option: &str, text: &str) -> Result<N, Failure> {
    // `parse` would take a sign.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits);
    number.ok_or_else(|| usage(format!("{option}: {text:?} is no number in range")))
}

fn seconds(option: &str, text: &str) -> Result<Duration, Failure> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| usage(format!("{option}: {text:?} is no number of seconds")))
}

/// `HOST:PORT:ADDR[:PORT]`.
fn route(text: &str) -> Result<Route, Failure> {
    let wrong = || usage(format!("--resolve needs HOST:PORT:ADDR[:PORT], not {text:?}"));
    let (host, rest) = text.split_once(':').ok_or_else(wrong)?;
    let (port, to) = rest.split_once(':').ok_or_else(wrong)?;
    let port = port.parse().map_err(|_| wrong())?;
    let bare = to.strip_prefix('[').and_then(|to| to.strip_suffix(']')).unwrap_or(to);
    let to = match (to.parse::<SocketAddr>(), bare.parse::<IpAddr>()) {
        (Ok(to), _) => to,
        (_, Ok(address)) => SocketAddr::new(address, port),
        _ => return Err(wrong()),
    };
    if host.is_empty() {
        return Err(wrong());
    }
    Ok(Route { host: host.to_ascii_lowercase(), port, to })
}
