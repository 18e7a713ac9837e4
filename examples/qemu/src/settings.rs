//! What a boot is to do: words `name=value` on the command line of the emulator. A product has such settings in flash.

use core::{ffi::CStr, fmt::Debug, net::Ipv4Addr, str::FromStr, time::Duration};

use heapless::String;

/// The settings of a boot.
#[derive(Debug)]
pub struct Settings {
    /// `url=`: whom to ask.
    pub url: String<128>,
    /// `broker=`: the port of the MQTT broker.
    pub broker: u16,
    /// `every=`: how many milliseconds lie between two rounds.
    pub every: Duration,
    /// `time=`: two time servers, `host:port`, with a comma between.
    pub time: String<128>,
    /// `dns=`: the name server; unless said otherwise the machine that runs QEMU.
    pub dns: Ipv4Addr,
    /// `date=`: seconds since 1970. Not known without one.
    pub date: Option<u64>,
    /// `root=`: a file with a root certificate (DER) to trust besides Mozilla's.
    pub root: String<128>,
    /// `rounds=`: after how many to stop.
    pub rounds: u32,
    /// `timeout=`: how many milliseconds a request may take.
    pub timeout: Duration,
    /// `key=`: the public key of the author of updates, in hexadecimal digits.
    pub key: [u8; 32],
    /// `version=`: what an update has to be newer than.
    pub version: u32,
}

impl Settings {
    /// Reads them from the command line.
    ///
    /// # Panics
    /// If a word is none of the above.
    #[must_use]
    pub fn from_command_line() -> Self {
        let mut settings = Self {
            url: String::new(),
            broker: 8883,
            every: Duration::from_millis(10),
            time: String::new(),
            dns: Ipv4Addr::new(10, 0, 2, 2),
            date: None,
            root: String::new(),
            rounds: 1,
            timeout: Duration::from_secs(10),
            key: [0; 32],
            version: 1,
        };
        qemu_board::arguments(|word| settings.set(word));
        settings
    }

    fn set(&mut self, word: &str) {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        match name {
            "url" => self.url = parsed(value),
            "broker" => self.broker = parsed(value),
            "every" => self.every = Duration::from_millis(parsed(value)),
            "time" => self.time = parsed(value),
            "dns" => self.dns = parsed(value),
            "date" => self.date = Some(parsed(value)),
            // A name of a file ends with a zero where it is going.
            "root" => {
                self.root = parsed(value);
                self.root.push('\0').expect("a short name");
            }
            "rounds" => self.rounds = parsed(value),
            "timeout" => self.timeout = Duration::from_millis(parsed(value)),
            "key" => self.key = socketpool_apps::update::key(value).expect("64 digits"),
            "version" => self.version = parsed(value),
            _ => panic!("unknown setting {word}"),
        }
    }

    /// The file with the root certificate, if there is one.
    #[must_use]
    pub fn root(&self) -> Option<&CStr> {
        CStr::from_bytes_with_nul(self.root.as_bytes()).ok()
    }

    /// The two time servers.
    #[must_use]
    pub fn time_servers(&self) -> [&str; 2] {
        let (first, second) = self.time.split_once(',').unwrap_or_default();
        [first, second]
    }
}

fn parsed<T: FromStr<Err: Debug>>(value: &str) -> T {
    value.parse().expect("a setting that can be read")
}
