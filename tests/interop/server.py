#!/usr/bin/env python3
"""The servers of examples/server.rs and real clients: more of them than the pool has slots for, once waiting, once refused."""

import socket
import subprocess
import sys
import threading
import time
import urllib.request

SLOTS = 4  # for clients


class Server:
    """The example, on ports that are free."""

    def __init__(self, program, *arguments):
        command = [program, "0", "0", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.http, self.echo = (int(self.process.stdout.readline().rsplit(":", 1)[1]) for _ in range(2))

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.echo), timeout=20)

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=20) as response:
            return response.status, response.read().decode()


def echoes(client, data):
    client.sendall(data)
    received = b""
    while len(received) < len(data):
        received += client.recv(65536)
    return received == data


def many_clients(server):
    wrong = []

    def ask(number):
        if server.get(f"/{number}") != (200, f"GET /{number} HTTP/1.1"):
            wrong.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong
    return "40 HTTP clients at once: each got its own answer"


def whoever_comes_waits(server):
    inside = [server.connect() for _ in range(SLOTS)]
    assert all(echoes(client, b"x" * 5000) for client in inside)
    outside = server.connect()
    outside.sendall(b"let me in")
    outside.settimeout(0.3)
    try:
        raise AssertionError(outside.recv(1))
    except TimeoutError:
        pass
    inside.pop().close()
    outside.settimeout(20)
    assert outside.recv(64) == b"let me in"
    return "a full pool: the next client waited, and was served when one left"


def whoever_comes_is_refused(server):
    inside = [server.connect() for _ in range(SLOTS)]
    assert all(echoes(client, b"hello") for client in inside)
    outside = server.connect()
    try:
        ended = outside.recv(1) == b""
    except ConnectionResetError:
        ended = True
    assert ended
    inside.pop().close()
    time.sleep(0.3)
    assert echoes(server.connect(), b"hello")
    return "a full pool that refuses: the next client was closed, and the one after it served"


def main():
    program = sys.argv[1]
    for arguments, cases in [([], [many_clients, whoever_comes_waits]), (["refuse"], [whoever_comes_is_refused])]:
        server = Server(program, *arguments)
        try:
            for case in cases:
                print(case(server))
        finally:
            server.process.kill()


if __name__ == "__main__":
    main()
