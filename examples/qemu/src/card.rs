//! The network card of this board.

use static_cell::StaticCell;

use crate::nic::Ethernet;

#[cfg(target_arch = "arm")]
pub(crate) type Card = crate::lan9118::Lan9118;
#[cfg(target_arch = "riscv32")]
pub(crate) type Card = crate::virtio::Virtio;

/// The card, started. To be called once.
pub(crate) fn start() -> &'static mut Ethernet<Card> {
    static ETHERNET: StaticCell<Ethernet<Card>> = StaticCell::new();
    ETHERNET.init_with(|| Ethernet::new(card()))
}

#[cfg(target_arch = "arm")]
fn card() -> Card {
    Card::new()
}

#[cfg(target_arch = "riscv32")]
fn card() -> Card {
    use crate::virtio::Frames;
    static FRAMES: static_cell::ConstStaticCell<Frames> = static_cell::ConstStaticCell::new(Frames::new());
    Card::new(FRAMES.take())
}
