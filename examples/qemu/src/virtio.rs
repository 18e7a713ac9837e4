//! The network card of `virt`: virtio-net over MMIO.

use core::{
    ptr::NonNull,
    sync::atomic::{AtomicUsize, Ordering},
};

use virtio_drivers::{
    BufferDirection, Hal, PAGE_SIZE, PhysAddr,
    device::net::VirtIONetRaw,
    transport::mmio::{MmioTransport, VirtIOHeader},
};

use crate::nic::{FRAME, Nic};

/// The slots for virtio devices.
const FIRST_SLOT: usize = 0x1000_1000;
const SLOT: usize = 0x1000;
const SLOTS: usize = 8;

/// Frames that may wait to be read.
const QUEUE: usize = 8;
/// Frames that may be under way to the device. Each takes two places in the queue.
const SENDING: usize = 4;
/// The header that virtio puts before a frame, and the frame.
const BUFFER: usize = 12 + FRAME;

/// Room for frames.
pub struct Frames {
    rx: [Frame; QUEUE],
    tx: [Frame; SENDING],
}

type Frame = [u8; BUFFER];

impl Frames {
    /// All of it empty.
    pub const fn new() -> Self {
        Self { rx: [[0; BUFFER]; QUEUE], tx: [[0; BUFFER]; SENDING] }
    }
}

/// Memory of the device is our memory: there is no other, and no translation.
struct Memory;

#[repr(align(4096))]
struct Pages(#[expect(dead_code, reason = "reached by its address")] [u8; PAGES * PAGE_SIZE]);

/// For two queues.
const PAGES: usize = 4;
static mut POOL: Pages = Pages([0; PAGES * PAGE_SIZE]);
static TAKEN: AtomicUsize = AtomicUsize::new(0);

// SAFETY: pages are given out once each, zeroed, and addresses are the same for the device.
unsafe impl Hal for Memory {
    fn dma_alloc(pages: usize, _: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let start = TAKEN.fetch_add(pages, Ordering::Relaxed);
        assert!(start + pages <= PAGES, "more pages than there are");
        let Some(page) = NonNull::new((&raw mut POOL).cast::<u8>().wrapping_add(start * PAGE_SIZE)) else {
            unreachable!("a static has an address")
        };
        (page.addr().get() as PhysAddr, page)
    }

    unsafe fn dma_dealloc(_: PhysAddr, _: NonNull<u8>, _: usize) -> i32 {
        0
    }

    unsafe fn mmio_phys_to_virt(address: PhysAddr, _: usize) -> NonNull<u8> {
        NonNull::new(address as *mut u8).expect("no device lies at 0")
    }

    unsafe fn share(buffer: NonNull<[u8]>, _: BufferDirection) -> PhysAddr {
        buffer.addr().get() as PhysAddr
    }

    unsafe fn unshare(_: PhysAddr, _: NonNull<[u8]>, _: BufferDirection) {}
}

/// A virtio network card.
pub struct Virtio {
    device: VirtIONetRaw<Memory, MmioTransport<'static>, QUEUE>,
    buffers: &'static mut [Frame; QUEUE],
    /// Which token the device gave for each buffer that it has.
    tokens: [u16; QUEUE],
    tx: &'static mut [Frame; SENDING],
    /// For each frame that is being sent its token, and where it ends.
    sending: [Option<(u16, usize)>; SENDING],
}

impl Virtio {
    /// The first network card on the bus.
    ///
    /// # Panics
    /// If there is none.
    pub fn new(Frames { rx: buffers, tx }: &'static mut Frames) -> Self {
        let mut slots = (0..SLOTS).filter_map(|slot| {
            let header = NonNull::new((FIRST_SLOT + slot * SLOT) as *mut VirtIOHeader)?;
            // SAFETY: the registers of a slot, which only this file uses.
            unsafe { MmioTransport::new(header, SLOT) }.ok()
        });
        let mut device = slots.find_map(|slot| VirtIONetRaw::new(slot).ok()).expect("no virtio network card");
        let mut tokens = [0; QUEUE];
        for (buffer, token) in buffers.iter_mut().zip(&mut tokens) {
            // SAFETY: a buffer is not touched until `receive` has it back.
            *token = unsafe { device.receive_begin(buffer) }.expect("the queue has room for all buffers");
        }
        device.enable_interrupts();
        Self { device, buffers, tokens, tx, sending: [None; SENDING] }
    }
}

impl Nic for Virtio {
    fn mac(&self) -> [u8; 6] {
        self.device.mac_address()
    }

    fn receive(&mut self, frame: &mut [u8]) -> Option<usize> {
        // First this, then a look: what arrives in between interrupts again.
        self.device.ack_interrupt();
        let token = self.device.poll_receive()?;
        let index = self.tokens.iter().position(|known| *known == token)?;
        let buffer = &mut self.buffers[index];
        // SAFETY: the buffer that the device was given with this token.
        let (header, len) = unsafe { self.device.receive_complete(token, buffer) }.ok()?;
        let len = len.min(frame.len());
        frame[..len].copy_from_slice(&buffer[header..header + len]);
        // SAFETY: the buffer is not touched until it comes back here.
        self.tokens[index] =
            unsafe { self.device.receive_begin(buffer) }.expect("there is room for what just came out");
        Some(len)
    }

    fn can_send(&mut self) -> bool {
        // As above: whoever cannot send now is interrupted when that changes.
        self.device.ack_interrupt();
        while let Some(token) = self.device.poll_transmit() {
            let is_it = |sending: &Option<(u16, usize)>| sending.is_some_and(|(sent, _)| sent == token);
            let Some(index) = self.sending.iter().position(is_it) else { break };
            let Some((_, end)) = self.sending[index].take() else { break };
            // SAFETY: the buffer that the device was given with this token.
            let _ = unsafe { self.device.transmit_complete(token, &self.tx[index][..end]) };
        }
        self.sending.contains(&None)
    }

    fn send(&mut self, frame: &[u8]) {
        let Some(index) = self.sending.iter().position(Option::is_none) else { return };
        let buffer = &mut self.tx[index];
        let header = self.device.fill_buffer_header(buffer).expect("room for a header");
        let end = header + frame.len();
        buffer[header..end].copy_from_slice(frame);
        // SAFETY: the buffer is not touched until `can_send` has it back.
        let token = unsafe { self.device.transmit_begin(&buffer[..end]) }.expect("room in the queue");
        self.sending[index] = Some((token, end));
    }
}
