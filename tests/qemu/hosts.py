"""What a board finds on the machine that runs QEMU besides nginx: a name server, time servers, an MQTT broker, and a server that
stalls."""

import atexit
import re
import socket
import ssl
import struct
import subprocess
import threading
import time

# The machine that runs QEMU, as the boards see it.
HOST = bytes([10, 0, 2, 2])


def in_background(work):
    threading.Thread(target=work, daemon=True).start()


def datagrams(port, answer):
    """Answers each datagram with what `answer` makes of it. The port that it is."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", port))

    def serve():
        while True:
            question, client = server.recvfrom(2048)
            server.sendto(answer(question), client)

    in_background(serve)
    return server.getsockname()[1]


def start_names():
    """A name server on port 53, which is where boards ask: every name is this machine, but those in .invalid are none."""

    def answer(question):
        end = question.index(b"\0", 12) + 5
        if question[12:end].lower().find(b"\x07invalid\0") >= 0:
            return question[:2] + b"\x81\x83\0\1\0\0\0\0\0\0" + question[12:end]
        header = question[:2] + b"\x81\x80\0\1\0\1\0\0\0\0"
        return header + question[12:end] + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + HOST

    datagrams(53, answer)


def start_time():
    """An SNTP server (RFC 4330) that says what time it is here. Its port."""

    def answer(question):
        now = struct.pack(">II", int(time.time()) + 2_208_988_800, 0)
        return struct.pack(">BBbb", 0x24, 1, 6, -20) + bytes(8) + b"TEST" + now + question[40:48] + now + now

    return datagrams(0, answer)


class Broker:
    """A mosquitto that can be stopped and started again. After that it knows none of its tickets."""

    def __init__(self, run, name, port):
        self.run, self.name, self.port, self.process = run, name, port, None
        (run / f"{name}.conf").write_text(
            f"listener {port} 127.0.0.1\ncertfile p256.pem\nkeyfile p256.key\ntls_version tlsv1.3\n"
            "allow_anonymous true\nlog_type all\nlog_dest stderr\nuser root\n")
        atexit.register(self.stop)
        self.start()

    def start(self):
        with open(self.run / f"{self.name}.log", "ab") as log:
            command = ["mosquitto", "-c", f"{self.name}.conf"]
            self.process = subprocess.Popen(command, cwd=self.run, stdin=subprocess.DEVNULL, stderr=log)
        for _ in range(500):
            try:
                return socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"mosquitto does not listen: see {self.name}.log")

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def logged(self, pattern):
        """How often that is in its log."""
        return len(re.findall(pattern, (self.run / f"{self.name}.log").read_text(errors="replace")))


class Halting:
    """An HTTPS server that stops in the middle of its first `halts` answers, and gives whole ones after that."""

    BODY = b'{"city": "Utrecht", "celsius": 12.5}'

    def __init__(self, run, name, halts):
        self.halts = halts
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(run / f"{name}.pem", run / f"{name}.key")
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        self.listener = context.wrap_socket(listener, server_side=True, do_handshake_on_connect=False)
        in_background(self.accept)

    def accept(self):
        while True:
            client = self.listener.accept()[0]
            in_background(lambda client=client: self.quietly(client))

    def quietly(self, client):
        try:
            self.serve(client)
        except OSError:
            pass

    def serve(self, client):
        with client:
            request = b""
            while received := client.recv(4096):
                request += received
                if not request.endswith(b"\r\n\r\n"):
                    continue
                answer, request = self.answer(request), b""
                if self.halts > 0:
                    self.halts -= 1
                    answer = self.cut(answer)
                client.sendall(answer)

    def cut(self, answer):
        return answer[:-10]

    def answer(self, request):
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(self.BODY) + self.BODY


class HaltingFile(Halting):
    """The same with a file, of which it gives the rest when it is asked for that. It remembers what was asked."""

    def __init__(self, run, name, halts, file):
        self.file, self.ranges = file, []
        super().__init__(run, name, halts)

    def cut(self, answer):
        return answer[: len(answer) // 3]

    def answer(self, request):
        asked = re.search(rb"\r\nRange: bytes=(\d+)-\r\n", request)
        first = int(asked[1]) if asked else 0
        self.ranges.append(first)
        status = b"200 OK"
        if asked:
            status = b"206 Partial Content\r\nContent-Range: bytes %d-%d/%d" % (first, len(self.file) - 1, len(self.file))
        rest = self.file[first:]
        return b'HTTP/1.1 %s\r\nETag: "1"\r\nContent-Length: %d\r\n\r\n' % (status, len(rest)) + rest
