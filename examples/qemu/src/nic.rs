//! A network card, and what makes a driver for embassy-net of it.

use core::task::Context;

use embassy_net_driver::{Capabilities, Driver, HardwareAddress, LinkState, RxToken, TxToken};

/// The longest Ethernet frame, without its checksum.
pub const FRAME: usize = 1514;

/// Sends and receives frames. Interrupts when one has arrived.
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
}

/// The executor polls again after every interrupt, so no waker has to be remembered here.
impl<N: Nic> Driver for Ethernet<N> {
    type RxToken<'a>
        = Received<'a>
    where
        Self: 'a;
    type TxToken<'a>
        = ToSend<'a, N>
    where
        Self: 'a;

    fn receive(&mut self, _: &mut Context<'_>) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        let len = self.nic.receive(&mut self.rx)?;
        Some((Received(&mut self.rx[..len]), ToSend { nic: &mut self.nic, tx: &mut self.tx }))
    }

    fn transmit(&mut self, context: &mut Context<'_>) -> Option<Self::TxToken<'_>> {
        if !self.nic.can_send() {
            context.waker().wake_by_ref();
            return None;
        }
        Some(ToSend { nic: &mut self.nic, tx: &mut self.tx })
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
pub struct Received<'a>(&'a mut [u8]);

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

impl<N: Nic> TxToken for ToSend<'_, N> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let frame = &mut self.tx[..len];
        let outcome = write(frame);
        self.nic.send(frame);
        outcome
    }
}
