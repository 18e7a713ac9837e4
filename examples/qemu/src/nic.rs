//! A network card, and what makes a driver for embassy-net of it.

use core::task::Context;

use embassy_net_driver::{Capabilities, Driver, HardwareAddress, LinkState, RxToken, TxToken};

/// The longest Ethernet frame, without its checksum.
pub const FRAME: usize = 1514;

/// Sends and receives frames. Interrupts when one has arrived, and when there is room to send again.
pub trait Nic {
    /// The address of the card.
    fn mac(&self) -> [u8; 6];
    /// The next frame, if one has arrived: its length in `frame`.
    fn receive(&mut self, frame: &mut [u8]) -> Option<usize>;
    /// Whether there is room for a frame.
    fn can_send(&mut self) -> bool;
    /// Sends a frame.
    fn send(&mut self, frame: &[u8]);
}

/// A card with room for one frame in each direction.
pub struct Ethernet<N> {
    nic: N,
    rx: [u8; FRAME + 4],
    tx: [u8; FRAME],
}

impl<N: Nic> Ethernet<N> {
    /// Puts the memory beside the card.
    pub const fn new(nic: N) -> Self {
        Self { nic, rx: [0; FRAME + 4], tx: [0; FRAME] }
    }

    /// The address of the card.
    pub fn mac(&self) -> [u8; 6] {
        self.nic.mac()
    }

    /// A frame that has arrived, and room for one that answers it.
    pub fn next_frame(&mut self) -> Option<(Received<'_>, ToSend<'_, N>)> {
        if !self.nic.can_send() {
            return None;
        }
        let len = self.nic.receive(&mut self.rx)?;
        Some((Received(&mut self.rx[..len]), ToSend { nic: &mut self.nic, tx: &mut self.tx }))
    }

    /// Room for a frame to send.
    pub fn room(&mut self) -> Option<ToSend<'_, N>> {
        self.nic.can_send().then_some(ToSend { nic: &mut self.nic, tx: &mut self.tx })
    }
}

/// The executor polls again after every interrupt, so no waker is remembered here.
impl<N: Nic> Driver for Ethernet<N> {
    type RxToken<'a>
        = Received<'a>
    where
        Self: 'a;
    type TxToken<'a>
        = ToSend<'a, N>
    where
        Self: 'a;

    fn receive(&mut self, _: &mut Context<'_>) -> Option<(Received<'_>, ToSend<'_, N>)> {
        self.next_frame()
    }

    fn transmit(&mut self, _: &mut Context<'_>) -> Option<ToSend<'_, N>> {
        self.room()
    }

    fn link_state(&mut self, _: &mut Context<'_>) -> LinkState {
        LinkState::Up
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = FRAME;
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(self.nic.mac())
    }
}

/// A frame that has arrived.
pub struct Received<'a>(pub(crate) &'a mut [u8]);

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

/// Room for a frame to send.
pub struct ToSend<'a, N> {
    nic: &'a mut N,
    tx: &'a mut [u8; FRAME],
}

impl<N: Nic> ToSend<'_, N> {
    /// Sends a frame of this length that `write` writes.
    pub fn send<R>(self, len: usize, write: impl FnOnce(&mut [u8]) -> R) -> R {
        let frame = &mut self.tx[..len];
        let outcome = write(frame);
        self.nic.send(frame);
        outcome
    }
}

impl<N: Nic> TxToken for ToSend<'_, N> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        self.send(len, write)
    }
}
