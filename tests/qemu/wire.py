"""What was on the wire: reads what QEMU's filter-dump wrote (the pcap format)."""

import struct
from pathlib import Path

BOARD = bytes([10, 0, 2, 15])


class Wire:
    """Ethernet frames in both directions, their bytes, and round trips: how often the board said something and was answered
    (TCP segments with something in them, and datagrams; mere acknowledgements do not count)."""

    def __init__(self, path: Path):
        self.packets = self.bytes = self.round_trips = 0
        data, at, ours_was_last = path.read_bytes(), 24, False
        while at + 16 <= len(data):
            length = struct.unpack_from("<I", data, at + 8)[0]
            frame = data[at + 16 : at + 16 + length]
            at += 16 + length
            self.packets += 1
            self.bytes += len(frame)
            if not says_something(frame):
                continue
            ours = frame[26:30] == BOARD
            if ours_was_last and not ours:
                self.round_trips += 1
            ours_was_last = ours


def says_something(frame):
    if frame[12:14] != b"\x08\x00":
        return False
    header = 14 + (frame[14] & 15) * 4
    total = struct.unpack_from(">H", frame, 16)[0]
    if frame[23] == 17:
        return True
    if frame[23] != 6:
        return False
    payload = total - (header - 14) - (frame[header + 12] >> 4) * 4
    syn = frame[header + 13] & 2
    return payload > 0 or bool(syn)
