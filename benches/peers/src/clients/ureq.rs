//! ureq: an agent, which keeps connections.

use std::{io::Read, sync::Arc};

use ureq::{
    Agent,
    tls::{Certificate, RootCerts, TlsConfig},
    unversioned::transport::DefaultConnector,
};

use crate::{
    alternate::Client,
    cases::{Case, READING, ROOM, Receipt, URL, USER_AGENT, Work},
    line::Memory,
    stacks::{UreqResolver, UreqStack},
    tls::Target,
};

const NAME: &str = "ureq";

fn get(agent: &Agent, url: &str) -> usize {
    let mut response = agent.get(url).call().expect("an answer");
    let mut reader = response.body_mut().as_reader();
    let (mut room, mut len) = ([0; ROOM], 0);
    loop {
        match reader.read(&mut room).expect("a body") {
            0 => return len,
            count => len += count,
        }
    }
}

pub fn memory(case: &Case) -> Client {
    let config = Agent::config_builder().user_agent(USER_AGENT).accept_encoding("identity").build();
    let agent = Agent::with_parts(config, UreqStack(Memory::new(case)), UreqResolver);
    let work = case.work;
    Client::new(NAME, move || match work {
        Work::Get => get(&agent, URL),
        Work::PostJson => {
            let mut response = agent.post(URL).send_json(&READING).expect("an answer");
            let receipt: Receipt = response.body_mut().read_json().expect("a receipt");
            assert!(receipt.accepted && receipt.id == 4711);
            0
        }
    })
}

pub fn tls(target: &'static Target) -> Client {
    let roots = RootCerts::new_with_certs(&[Certificate::from_der(&target.root).to_owned()]);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = TlsConfig::builder().root_certs(roots).unversioned_rustls_crypto_provider(provider).build();
    let config = Agent::config_builder().user_agent(USER_AGENT).accept_encoding("identity").tls_config(tls);
    let config = if target.keeps { config } else { config.max_idle_connections(0) };
    let agent = Agent::with_parts(config.build(), DefaultConnector::new(), UreqResolver);
    Client::new(NAME, move || get(&agent, &target.url))
}
