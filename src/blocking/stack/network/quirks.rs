//! Where embedded-nal leaves open what a stack says, and the stacks differ.

/// What it means when a stack's `receive` says that it received 0 bytes. embedded-nal leaves that open, and the stacks
/// differ; [`Network`](super::Network) has the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ZeroRead {
    /// The peer has ended the stream.
    Eof,
    /// Nothing has arrived yet: try again.
    WouldBlock,
}

/// How a stack says that no datagram has arrived. embedded-nal wants `WouldBlock`, but one stack has an error for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum UdpSilence {
    /// `WouldBlock`. An error is an error.
    #[default]
    WouldBlock,
    /// With an error, as smoltcp-nal 0.7 does. No error of `receive` can be told from silence then, so all of them end at
    /// the deadline, and never without one.
    Error,
}
