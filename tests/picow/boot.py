#!/usr/bin/env python3
"""usage: boot.py IMAGE PLAN

Boots a program on an emulated Pico W and prints what it logs, a line of JSON each. The plan, JSON too, says which servers
there are ("ports", by name), and lists phases ("phases"): what of the network works ("dhcp", "names", "server"), whether all
connections end first ("cut"), and the line that ends the phase ("line", a regular expression). The last one ends the boot; so
does "patience", in seconds of wall time. A program may restart its board.
"""

import asyncio
import json
import re
import sys
import time

from elftools.elf.elffile import ELFFile

import defmt_log
from emulator import PicoW
from network import Network


class Boot:
    def __init__(self, image, plan):
        self.board = PicoW(image)
        self.network = Network(self.board, plan["ports"])
        self.phases, self.patience = plan["phases"], plan["patience"]
        with open(image, "rb") as file:
            elf = ELFFile(file)
            self.texts, self.rtt = defmt_log.Texts(elf), defmt_log.Rtt(elf, self.board.mcu.sram)
        self.board.watchers.append(self.read_log)
        self.board.on_restart = self.restart
        self.began, self.phase, self.restarts = time.monotonic(), -1, 0
        self.next_phase()

    def next_phase(self):
        self.phase += 1
        if self.phase < len(self.phases):
            phase = self.phases[self.phase]
            self.network.dhcp = phase.get("dhcp", True)
            self.network.names = phase.get("names", True)
            self.network.server = phase.get("server")
            if phase.get("cut"):
                self.network.cut()

    def restart(self):
        self.read_log()
        self.network.cut()
        self.restarts += 1

    @property
    def is_over(self):
        return self.phase >= len(self.phases)

    def read_log(self):
        for frame in self.rtt.frames():
            micros, line = self.texts.line(frame)
            self.say(line=line, board=micros / 1e6, phase=self.phase, cycles=self.board.cycles)
            if not self.is_over and re.search(self.phases[self.phase]["line"], line):
                self.next_phase()

    def say(self, **what):
        print(json.dumps(what | {"wall": round(time.monotonic() - self.began, 1)}), flush=True)

    async def run(self):
        while not self.is_over and time.monotonic() - self.began < self.patience:
            await self.board.step()
            self.read_log()
        firmware = self.board.radio.bus.loaded
        self.say(over=self.is_over, board=self.board.seconds, firmware=firmware, counts=self.network.counts, restarts=self.restarts)


async def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    await Boot(sys.argv[1], json.loads(sys.argv[2])).run()


if __name__ == "__main__":
    asyncio.run(main())
