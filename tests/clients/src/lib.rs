//! What the tests have in common: this host as a device, the authorities of tests/interop/pki.sh, and a mosquitto that
//! can be stopped and started again.

#[path = "../../../examples/support/mod.rs"]
pub mod support;

use std::{
    env, fs,
    fs::OpenOptions,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

/// A device with a pool of two sockets and one TLS session, that trusts the root `name`.
#[macro_export]
macro_rules! device {
    ($face:ident, $name:expr, |$pool:ident, $tls:ident| $test:block) => {{
        let root = $crate::root($name);
        let anchors = [socketpool::tls::roots::trust_anchor_from_der(&root).unwrap()];
        let $tls = socketpool::tls::TlsContext::new($crate::support::random, $crate::support::date)
            .roots(socketpool::tls::Roots::only(&anchors));
        let mut memory = socketpool::Resources::<2, 1>::new();
        $crate::device!(@ $face, memory, |$pool| $test)
    }};
    (@ asynchronous, $memory:ident, |$pool:ident| $test:block) => {{
        let mut network = $crate::support::network();
        let $pool = socketpool::SocketPool::new(&mut network, &mut $memory);
        socketpool::host::block_on(async { $test })
    }};
    (@ blocking, $memory:ident, |$pool:ident| $test:block) => {{
        let mut network = $crate::support::network();
        let $pool = socketpool::blocking::SocketPool::new(&mut network, &mut $memory);
        $test
    }};
}

/// The directory where run.py keeps certificates, keys and logs.
#[must_use]
pub fn directory() -> PathBuf {
    env::var_os("INTEROP_DIRECTORY").expect("these tests are run by tests/interop/run.py").into()
}

/// The certificate of an authority, as DER.
#[must_use]
pub fn root(name: &str) -> Vec<u8> {
    fs::read(directory().join(name).with_extension("der")).expect("pki.sh made it")
}

/// How a broker ends.
#[derive(Debug, Clone, Copy)]
pub enum Stop {
    /// It is told to, and takes its leave.
    Orderly,
    /// It is killed.
    Crash,
}

/// A mosquitto with a TLS 1.3 listener on 127.0.0.1, whose certificate is for `localhost`.
pub struct Broker {
    name: &'static str,
    pub port: u16,
    process: Child,
}

impl Broker {
    #[must_use]
    pub fn start(name: &'static str) -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = free.local_addr().expect("it is bound").port();
        drop(free);
        let configuration = format!(
            "listener {port} 127.0.0.1\ncertfile p256.pem\nkeyfile p256.key\ntls_version tlsv1.3\n\
             allow_anonymous true\nlog_type all\nlog_dest stderr\nuser root\n"
        );
        fs::write(directory().join(name).with_extension("conf"), configuration).expect("a file");
        Self { name, port, process: Self::run(name, port) }
    }

    fn run(name: &str, port: u16) -> Child {
        let log = directory().join(name).with_extension("log");
        let log = OpenOptions::new().create(true).append(true).open(log).expect("a file");
        let mut process = Command::new("mosquitto")
            .args(["-c", &format!("{name}.conf")])
            .current_dir(directory())
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("mosquitto is installed");
        for _ in 0..500 {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return process;
            }
            assert_eq!(process.try_wait().expect("it was started"), None, "mosquitto ended: see {name}.log");
            thread::sleep(Duration::from_millis(20));
        }
        panic!("mosquitto does not listen: see {name}.log");
    }

    pub fn stop(&mut self, how: Stop) {
        match how {
            Stop::Orderly => {
                let told = Command::new("kill").arg(self.process.id().to_string()).status();
                assert!(told.is_ok_and(|status| status.success()), "kill");
            }
            Stop::Crash => self.process.kill().expect("it runs"),
        }
        self.process.wait().expect("it was started");
    }

    /// After [`stop`](Self::stop).
    pub fn start_again(&mut self) {
        self.process = Self::run(self.name, self.port);
    }

    /// How many lines of its log have this in them.
    #[must_use]
    pub fn logged(&self, what: &str) -> usize {
        let log = fs::read_to_string(directory().join(self.name).with_extension("log")).expect("it has a log");
        log.lines().filter(|line| line.contains(what)).count()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
