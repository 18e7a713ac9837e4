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
/// The header that virtio puts before a frame, and the frame.
const BUFFER: usize = 12 + FRAME;

/// Room for the frames that may wait.
pub type Frames = [[u8; BUFFER]; QUEUE];
/// All of it empty.
pub const NO_FRAMES: Frames = [[0; BUFFER]; QUEUE];

/// Memory of the device is our memory: there is no other, and no translation.
struct Memory;

#[repr(align(4096))]
struct Pages([u8; PAGES * PAGE_SIZE]);

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
    buffers: &'static mut Frames,
    /// Which token the device gave for each buffer that it has.
    tokens: [u16; QUEUE],
}

impl Virtio {
    /// The first network card on the bus.
    ///
    /// # Panics
    /// If there is none.
    pub fn new(buffers: &'static mut Frames) -> Self {
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
        Self { device, buffers, tokens }
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
        self.device.can_send()
    }

    fn send(&mut self, frame: &[u8]) {
        if let Err(error) = self.device.send(frame) {
            log::error!("virtio: a frame was not sent: {error}");
        }
    }
}
