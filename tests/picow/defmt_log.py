"""Reads the log of a program: RTT in its memory, frames of rzCOBS, and the texts that defmt left in its ELF file.

Formats: the books of RTT (SEGGER) and defmt 1.x (`defmt-parser`, `defmt-decoder`).
"""

import json
import re
import struct

RAM = 0x2000_0000
NUMBERS = {"u8": "<B", "u16": "<H", "u32": "<I", "u64": "<Q", "usize": "<I", "i8": "<b", "i16": "<h", "i32": "<i", "i64": "<q",
           "isize": "<i", "f32": "<f", "f64": "<d", "bool": "<?", "char": "<I"}
# Brackets that are written twice, or a parameter: number, type, and a hint how to show it.
PART = re.compile(r"\{\{|\}\}|\{(\d*)(?:=([^:}]+))?(?::([^}]*))?\}")


class Texts:
    """What the numbers of a log stand for: symbols in a section that is not loaded."""

    def __init__(self, elf):
        section = next(number for number, section in enumerate(elf.iter_sections()) if section.name == ".defmt")
        self.by_index, self.timestamp = {}, None
        for symbol in elf.get_section_by_name(".symtab").iter_symbols():
            if symbol["st_shndx"] != section or not symbol.name.startswith("{"):
                continue
            said = json.loads(symbol.name)
            if said["tag"] == "defmt_timestamp":
                self.timestamp = said["data"]
            else:
                self.by_index[symbol["st_value"] & 0xFFFF] = (said["tag"], said["data"])

    def line(self, frame):
        """Microseconds since the start, and a line: level and message."""
        data = Data(frame)
        tag, text = self.by_index[data.number("u16")]
        time = int(Renderer(self, data).text("{=u64}")) if self.timestamp else 0
        level = tag.removeprefix("defmt_").upper()
        return time, f"{level} {Renderer(self, data).text(text)}"


class Data:
    """The arguments of a line."""

    def __init__(self, data):
        self.data = data

    def take(self, count):
        if count > len(self.data):
            raise ValueError("a frame that ends too early")
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def number(self, kind):
        layout = NUMBERS[kind]
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]

    def until(self, end):
        taken, _, self.data = self.data.partition(end)
        return taken


class Renderer:
    """Puts arguments into a text."""

    def __init__(self, texts, data):
        self.texts, self.data = texts, data

    def text(self, text):
        values, next_number = {}, 0

        def fill(match):
            nonlocal next_number
            if match[0] in ("{{", "}}"):
                return match[0][0]
            number = int(match[1]) if match[1] else next_number
            next_number = max(next_number, number + 1)
            if number not in values:
                values[number] = self.value(match[2] or "?")
            return shown(values[number], match[3] or "")

        return PART.sub(fill, text)

    def interned(self):
        return self.texts.by_index[self.data.number("u16")][1]

    def value(self, kind):
        """An argument of this type."""
        if kind in NUMBERS:
            number = self.data.number(kind)
            return chr(number) if kind == "char" else number
        match kind:
            case "?":
                return self.nested(self.interned())
            case "str":
                return self.data.take(self.data.number("u32")).decode()
            case "istr":
                return self.interned()
            case "__internal_Display" | "__internal_Debug":
                return self.data.until(b"\xff").decode()
            case "__internal_FormatSequence":
                parts = []
                while index := self.data.number("u16"):
                    parts.append(self.text(self.texts.by_index[index][1]))
                return "".join(parts)
            case "[u8]":
                return list(self.data.take(self.data.number("u32")))
            case "[?]":
                return self.elements(self.data.number("u32"))
        if match := re.fullmatch(r"\[(u8|\?); *(\d+)\]", kind):
            length = int(match[2])
            return list(self.data.take(length)) if match[1] == "u8" else self.elements(length)
        raise ValueError(f"a type that is not known here: {kind}")

    def nested(self, text):
        """A value with a text of its own; an enum has one for each variant, and says first which it is."""
        variants = text.split("|")
        return self.text(variants[self.data.number("u8")] if len(variants) > 1 else text)

    def elements(self, count):
        text = self.interned()
        return "[" + ", ".join(self.nested(text) for _ in range(count)) + "]"


def shown(value, hint):
    """`value` in the way a hint asks for; hints that do not matter here are left out."""
    if isinstance(value, bool):
        return str(value).lower()
    if match := re.fullmatch(r"#?(0\d+)?([xXb]?)", hint):
        if isinstance(value, int):
            return format(value, (match[1] or "") + match[2])
        if match[1] and isinstance(value, str):  # nested: the hint is for what it holds
            return value.rjust(int(match[1]), "0")
    return f"{value:.7g}" if isinstance(value, float) else str(value)


def unstuff(frame):
    """A frame of rzCOBS without its zero at the end; read from the back."""
    out, rest = [], bytearray(frame)

    def copy(count):
        for _ in range(count):
            out.append(rest.pop())

    while rest:
        code = rest.pop()
        if code == 0:
            raise ValueError("a zero inside a frame")
        if code < 0x80:  # a bit for each of seven bytes: whether it is zero
            for bit in reversed(range(7)):
                if code >> bit & 1:
                    out.append(0)
                else:
                    copy(1)
        elif code < 0xFF:
            out.append(0)
            copy((code & 0x7F) + 7)
        else:
            copy(134)
    return bytes(reversed(out))


class Rtt:
    """The first channel from the program to the host, in the memory of the program."""

    def __init__(self, elf, ram):
        symbol = elf.get_section_by_name(".symtab").get_symbol_by_name("_SEGGER_RTT")[0]
        self.ram, self.block, self.pending = ram, symbol["st_value"] - RAM, bytearray()

    def frames(self):
        """What has come since the last time."""
        if bytes(self.ram[self.block : self.block + 10]) != b"SEGGER RTT":
            return
        # After 16 bytes of name and two counts: name, buffer, size, where to write, where to read.
        _, buffer, size, write, read = struct.unpack("<5I", bytes(self.ram[self.block + 24 : self.block + 44]))
        if write == read or size == 0:
            return
        start = buffer - RAM
        held = bytes(self.ram[start : start + size])
        self.pending += held[read:write] if write > read else held[read:] + held[:write]
        self.ram[self.block + 40 : self.block + 44] = struct.pack("<I", write)
        while 0 in self.pending:
            frame, _, rest = bytes(self.pending).partition(b"\0")
            self.pending = bytearray(rest)
            if frame:
                yield unstuff(frame)
