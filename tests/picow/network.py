"""What is behind the radio: an address, names, the date, and the servers of the machine that emulates. Nothing else is
reachable, and each can be made to fail while the board runs."""

import asyncio
import struct
import time

from rp2040py.external.cyw43 import net

EPOCH_OF_NTP = 2_208_988_800
A_RECORD = 1


class Network:
    """One network, with one board in it.

    `ports` are where the servers listen on loopback; `server` is which of them a connection to a port for TLS reaches now.
    """

    TLS = (443, 8883)

    def __init__(self, board, ports):
        self.board, self.ports = board, ports
        self.dhcp = self.names = True
        self.server, self.writers = None, []
        self.began = time.time()
        self.counts = dict.fromkeys(("dhcp", "names", "time", "connections"), 0)
        bridge = board.radio.bus.nat_bridge
        self.give_address = bridge._dhcp.maybe_handle
        bridge._dhcp.maybe_handle = self.address
        bridge._udp.maybe_handle = self.datagram
        bridge._tcp._connect_fn = self.connect
        self.send_frame = bridge._queue_ethernet_frame
        frames = bridge.handle_outbound_ethernet_frame

        def outbound(frame):
            board.pacing.traffic()
            frames(frame)

        bridge.handle_outbound_ethernet_frame = outbound

    def address(self, frame):
        """DHCP, of which every packet is counted."""
        reply = self.give_address(frame)
        if reply is not None:
            self.counts["dhcp"] += 1
        return reply if self.dhcp else None

    def datagram(self, frame):
        ip = net.parse_ipv4(frame.payload)
        udp = net.parse_udp(ip.payload) if ip and ip.proto == net.IP_PROTO_UDP else None
        if udp is None:
            return False
        answer = {53: self.name, 123: self.date}.get(udp.dst_port, lambda _: None)(udp.payload)
        if answer is not None:
            packet = net.pack_udp(ip.dst_ip, ip.src_ip, udp.dst_port, udp.src_port, answer)
            packet = net.pack_ipv4(ip.dst_ip, ip.src_ip, net.IP_PROTO_UDP, packet)
            self.send_frame(net.pack_ethernet(frame.src_mac, frame.dst_mac, net.ETHERTYPE_IPV4, packet))
        return True

    def name(self, question):
        """Every name has one address, of those that are for documentation (RFC 5737)."""
        self.counts["names"] += 1
        if not self.names:
            return None
        end = question.index(b"\0", 12) + 5
        answers = int(question[end - 4 : end - 2] == struct.pack(">H", A_RECORD))
        record = b"\xc0\x0c" + struct.pack(">HHIH", A_RECORD, 1, 60, 4) + bytes([198, 51, 100, 1 + end % 250])
        header = question[:2] + b"\x81\x80" + struct.pack(">HHHH", 1, answers, 0, 0)
        return header + question[12:end] + record * answers

    def date(self, question):
        """NTP (RFC 4330): the date when the board was started, and how long it has run by its own clock."""
        self.counts["time"] += 1
        whole, part = divmod(self.began + self.board.seconds, 1)
        now = struct.pack(">II", int(whole) + EPOCH_OF_NTP, int(part * 2**32))
        return struct.pack(">BBbb", 0x24, 1, 6, -20) + bytes(8) + b"TEST" + now + question[40:48] + now + now

    def cut(self):
        """Ends all connections, for both sides."""
        for writer in self.writers:
            writer.close()
        self.writers.clear()

    async def connect(self, _host, port):
        self.counts["connections"] += 1
        to = self.ports[self.server] if port in self.TLS and self.server else None
        if to is None:
            raise ConnectionRefusedError
        reader, writer = await asyncio.open_connection("127.0.0.1", to)
        self.writers.append(writer)
        read = reader.read

        async def noticed(count=-1):
            data = await read(count)
            self.board.pacing.traffic()
            return data

        reader.read = noticed
        return reader, writer
