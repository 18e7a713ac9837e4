//! The radio: a CYW43439 with its firmware, behind an SPI of three wires that a PIO block speaks.

use cyw43::{A4, Aligned, Control, JoinError, JoinOptions, NetDriver, PowerManagementMode, SpiBus, State};
use cyw43_firmware::{CYW43_43439A0, CYW43_43439A0_CLM};
use cyw43_pio::{DEFAULT_CLOCK_DIVIDER, PioSpi};
use embassy_executor::Spawner;
use embassy_rp::{
    Peri, bind_interrupts, dma,
    gpio::{Level, Output},
    peripherals::{DMA_CH0, PIN_23, PIN_24, PIN_25, PIN_29, PIO0},
    pio::{self, Pio},
};
use static_cell::StaticCell;

use crate::nvram::NVRAM;

bind_interrupts!(struct Interrupts {
    PIO0_IRQ_0 => pio::InterruptHandler<PIO0>;
    DMA_IRQ_0 => dma::InterruptHandler<DMA_CH0>;
});

/// Copied into the radio's RAM at every start.
static FIRMWARE: Aligned<A4, [u8; CYW43_43439A0.len()]> = Aligned(*CYW43_43439A0);

/// How the radio is wired to the chip.
pub(crate) struct Pins {
    pub(crate) power: Peri<'static, PIN_23>,
    pub(crate) data: Peri<'static, PIN_24>,
    pub(crate) select: Peri<'static, PIN_25>,
    pub(crate) clock: Peri<'static, PIN_29>,
}

type Bus = SpiBus<Output<'static>, PioSpi<'static, PIO0, 0>>;

/// Starts the radio.
pub(crate) async fn start(
    spawner: Spawner,
    pins: Pins,
    pio: Peri<'static, PIO0>,
    dma: Peri<'static, DMA_CH0>,
) -> (NetDriver<'static>, Radio) {
    let power = Output::new(pins.power, Level::Low);
    let select = Output::new(pins.select, Level::High);
    let mut pio = Pio::new(pio, Interrupts);
    let dma = dma::Channel::new(dma, Interrupts);
    let spi =
        PioSpi::new(&mut pio.common, pio.sm0, DEFAULT_CLOCK_DIVIDER, pio.irq0, select, pins.data, pins.clock, dma);

    static STATE: StaticCell<State> = StaticCell::new();
    let (device, mut control, runner) = cyw43::new(STATE.init_with(State::new), power, spi, &FIRMWARE, &NVRAM).await;
    spawner.spawn(run(runner).expect("it is started once"));
    control.init(CYW43_43439A0_CLM).await;
    control.set_power_management(PowerManagementMode::PowerSave).await;
    (device, Radio(control))
}

#[embassy_executor::task]
async fn run(runner: cyw43::Runner<'static, Bus>) -> ! {
    runner.run().await
}

/// The radio, once it runs.
pub(crate) struct Radio(Control<'static>);

impl station::link::Radio for Radio {
    type Error = JoinError;

    async fn join(&mut self, ssid: &str, passphrase: &str) -> Result<(), JoinError> {
        let options =
            if passphrase.is_empty() { JoinOptions::new_open() } else { JoinOptions::new(passphrase.as_bytes()) };
        self.0.join(ssid, options).await
    }

    async fn leave(&mut self) {
        self.0.leave().await;
    }
}
