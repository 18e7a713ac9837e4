#!/usr/bin/env python3
"""usage: run.py PROGRAMS CERTIFICATES [all]

Boots the programs of examples/rp2040-w, built in PROGRAMS with a root of CERTIFICATES (made by ../qemu/pki.sh), on an emulated
Pico W with its radio, against a real nginx with httpbin behind it; checks what the boards logged and what the servers saw:
of weather, and of two refusals. "all" is every app and every refusal. Everything it makes is under target/picow.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE.parent / "interop"), str(HERE.parent / "qemu")]

import hosts  # noqa: E402
import servers  # noqa: E402

RUN = ROOT / "target" / "picow" / "run"
BIG = bytes(i * i % 251 for i in range(64 << 10))
CERTIFICATES = ("p256", "untrusted", "expired", "other")
# The longest that a boot may take, in seconds of wall time. The emulator is 20 to 50 times slower than a board.
PATIENCE = 900


# --- servers ------------------------------------------------------------------------------------------------------------


def site(port, name):
    # Long waits: a handshake takes the emulated board many seconds.
    return f"""    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {name}.pem;
        ssl_certificate_key {name}.key;
        client_header_timeout 900s;
        keepalive_timeout 900s;
        include locations.conf;
    }}"""


class Servers:
    """An nginx of its own for each boot, so that what it saw is known: ports by name of the certificate."""

    def __init__(self, boots):
        self.ports = {boot: dict(zip(CERTIFICATES, servers.free_ports(len(CERTIFICATES)))) for boot in boots}
        for ports in self.ports.values():
            ports["stalls"] = hosts.Halting(RUN, "p256", 1_000).port
        sites = "\n".join(site(ports[name], name) for ports in self.ports.values() for name in CERTIFICATES)
        plain, httpbin = servers.free_ports(2)
        servers.start_httpbin(RUN, httpbin)
        shutil.copy(HERE.parent / "qemu/nginx.conf", RUN)
        servers.start_nginx(RUN, HERE.parent / "qemu/nginx.conf", {"SITES": sites, "PLAIN": plain, "P256": plain, "HTTPBIN": httpbin})
        (RUN / "site").mkdir()
        (RUN / "site/big").write_bytes(BIG)

    def saw(self, boot):
        """The requests of a boot: certificate of the server, connection, status, and the rest of the line."""
        names = {str(port): name for name, port in self.ports[boot].items()}
        lines = (RUN / "requests.log").read_text(errors="replace").splitlines()
        fields = [line.split(" ", 3) for line in lines]
        return [(names[port], connection, status, rest) for port, connection, status, rest in fields if port in names]

    def wait(self, boot, count):
        """The same, when there are `count` of them, or after two seconds: nginx logs a request when it has sent its response, and
        the board may have it a little sooner."""
        for _ in range(20):
            if len(self.saw(boot)) >= count:
                break
            time.sleep(0.1)
        return self.saw(boot)


# --- boots --------------------------------------------------------------------------------------------------------------


@dataclass
class Boot:
    """What a board logged: for each line the phase, the board's time and the text; `cycles` has the cycles that the processor
    worked up to each. Time and cycles begin anew when it restarts."""

    name: str
    lines: list = field(default_factory=list)
    is_over: bool = False
    wall: float = 0.0
    firmware: int = 0
    counts: dict = field(default_factory=dict)
    cycles: list = field(default_factory=list)
    restarts: int = 0
    trouble: str = ""

    def at(self, pattern):
        """The board's time of the first line that matches, in seconds."""
        return next((time for _, time, line in self.lines if re.search(pattern, line)), None)

    def cost(self, pattern):
        """The cycles up to the first line that matches, in millions."""
        costs = (cycles for (_, _, line), cycles in zip(self.lines, self.cycles) if re.search(pattern, line))
        return next(costs, 0) / 1e6

    def of_phase(self, phase):
        return [line for number, _, line in self.lines if number == phase]


def boot(name, programs, app, ports, phases, on_line=None):
    """Runs a program until its last phase is over. `on_line` sees each line as it is logged."""
    plan = json.dumps({"ports": ports, "phases": phases, "patience": PATIENCE})
    command = ["nice", sys.executable, HERE / "boot.py", programs / app, plan]
    done = Boot(name)
    with open(RUN / f"{name}.errors", "w+") as errors:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True)
        with open(RUN / f"{name}.log", "w") as log:
            for text in process.stdout:
                said = json.loads(text)
                if "line" in said:
                    done.lines.append((said["phase"], said["board"], said["line"]))
                    log.write(f"{said['board']:12.6f} {said['line']}\n")
                    log.flush()
                    done.cycles.append(said["cycles"])
                    if on_line:
                        on_line(said["line"])
                else:
                    done.is_over, done.firmware, done.counts = said["over"], said["firmware"], said["counts"]
                    done.restarts = said["restarts"]
                done.wall = said["wall"]
        process.wait()
        errors.seek(0)
        done.trouble = errors.read()
    return done


# --- checks -------------------------------------------------------------------------------------------------------------

passed = failed = 0
printing = threading.Lock()


def report(what, problems, boot):
    global passed, failed
    with printing:
        if not problems:
            passed += 1
            print(f"ok pico-w {what}", flush=True)
            return
        failed += 1
        print(f"FAILED pico-w {what}", flush=True)
        for line in (*problems, *(f"{time:10.3f} {line}" for _, time, line in boot.lines), *boot.trouble.splitlines()[-8:]):
            print("   ", line, flush=True)


def differences(**pairs):
    return [f"{name} is {is_}, not {wanted}" for name, (is_, wanted) in pairs.items() if is_ != wanted]


@dataclass(frozen=True)
class App:
    """An app that works: the line that ends the boot, and the requests that nginx is to see, all on one connection."""

    name: str
    line: str
    requests: int
    method: str
    path: str

    def run(self, programs, network):
        done = boot(self.name, programs, self.name, network.ports[self.name], [{"server": "p256", "line": self.line}])
        seen = network.wait(self.name, self.requests)
        connections = {connection for _, connection, _, _ in seen}
        problems = differences(over=(done.is_over, True), requests=(len(seen), self.requests), connections=(len(connections), 1),
                               statuses=({status for _, _, status, _ in seen}, {"200"}))
        problems += [f"nginx saw {rest}" for *_, rest in seen if not rest.startswith(f"TLSv1.3 api.test {self.method} {self.path}")]
        problems += [f"logged: {line}" for _, _, line in done.lines if not line.startswith("INFO ")]
        up, end = done.at("Wi-Fi: up"), done.at(self.line)
        if up is None or end is None:
            problems.append("it did not come so far")
            report(self.name, problems, done)
            return done
        report(f"{self.name} status=200 verified=P-256 connections={len(connections)} requests={len(seen)} "
               f"board-time={end:.2f}s up={up:.2f}s firmware={done.firmware} wall={done.wall:.0f}s", problems, done)
        return done


WEATHER = App("weather", r"weather: Den Haag has 12\.5 degrees", 2, "GET", "/json?city=")
TELEMETRY = App("telemetry", r"telemetry: 1 readings up to number 2, status 200", 2, "POST", "/httpbin/post")
DOWNLOAD = App("download", f"download: {len(BIG)} bytes, SHA-256 {hashlib.sha256(BIG).hexdigest()}", 1, "GET", "/big")
CLOCK = App("clock", "certificates can be checked; status 200", 1, "HEAD", "/json")

def sensor(programs, network):
    """Two wakings with a sleep and a restart between: the first handshake is a full one, the second resumes its session."""
    number = r"sensor: 1 readings up to number {}, status 200"
    phases = [{"server": "p256", "line": number.format(waking)} for waking in (1, 2)]
    done = boot("sensor", programs, "sensor", network.ports["sensor"], phases)
    seen = network.wait("sensor", 2)
    handshakes = [line.partition(",")[0] for _, _, line in done.lines if "TLS: " in line]
    problems = differences(
        over=(done.is_over, True), restarts=(done.restarts, 1),
        handshakes=(handshakes, ["INFO TLS: certificates verified", "INFO TLS: resumed with a ticket"]),
        resumed=([rest.rsplit(" ", 1)[1] for *_, rest in seen], [".", "r"]),
        connections=(len({connection for _, connection, _, _ in seen}), 2), statuses=({status for _, _, status, _ in seen}, {"200"}),
    )
    problems += [f"nginx saw {rest}" for *_, rest in seen if not rest.startswith("TLSv1.3 api.test POST /httpbin/post")]
    problems += [f"logged: {line}" for _, _, line in done.lines if not line.startswith("INFO ")]
    what = "sensor status=200 verified=P-256 restarts=1 requests=2 "
    for waking, how in ((1, "full"), (2, "resumed")):
        line = number.format(waking)
        what += f"{how}-board-time={done.at(line) or 0:.2f}s {how}-cycles={done.cost(line):.0f}M "
    report(f"{what}wall={done.wall:.0f}s", problems, done)
    return done


def mqtt(programs, network):
    """A node that stays connected: its connection is cut, and it resumes the TLS session; then the broker is started anew, and
    does not know the ticket any more. A broker waits 90 s for a client's first word: where the emulator takes longer for a whole
    handshake, the node has to try again."""
    broker = hosts.Broker(RUN, "broker", servers.free_ports(1)[0])
    phases = [{"server": "broker", "line": "mqtt: the broker has reading 2"},
              {"server": "broker", "cut": True, "line": "mqtt: connected"},
              {"server": "broker", "line": "mqtt: the broker has reading"},
              {"server": "broker", "line": "mqtt: connected"},
              {"server": "broker", "line": "mqtt: the broker has reading"}]
    readings = []

    def on_line(line):
        if "the broker has reading" in line:
            readings.append(int(line.rsplit(" ", 1)[1]))
            if len(readings) == 3:
                broker.stop()
                broker.start()

    done = boot("mqtt", programs, "mqtt", {"broker": broker.port}, phases, on_line)
    handshakes = [[line.partition(",")[0] for line in done.of_phase(phase) if "TLS: " in line][-1:] for phase in (0, 1, 3)]
    problems = differences(
        over=(done.is_over, True), readings=(sorted(set(readings)), list(range(1, max(readings, default=0) + 1))),
        handshakes=(sum(handshakes, []), ["INFO TLS: certificates verified", "INFO TLS: resumed with a ticket",
                                          "INFO TLS: certificates verified"]),
        connects=(broker.logged(r"New client connected from \S+ as pico "), 3),
        wills=(broker.logged("Will message specified"), 3),
        published=(broker.logged("Received PUBLISH from pico .*'pico/reading'") >= len(set(readings)), True),
    )
    # minimq, too, says when a connection ends.
    others = [line for _, _, line in done.lines if not line.startswith(("INFO ", "WARN Transport "))]
    warnings = [line for line in others if line.startswith("WARN mqtt failed: ")]
    problems += [f"logged: {line}" for line in others if line not in warnings]
    problems += [] if warnings else ["it noticed nothing"]
    report(f"mqtt verified=P-256 connections=3 resumed=1 readings={len(set(readings))} broker-restarts=1 failed={len(warnings)} "
           f"wall={done.wall:.0f}s", problems, done)
    return done


def websocket(programs, network):
    """A reading, and the answer, in two fragments and with a ping before it: see ../interop/websocket.py."""
    port = servers.free_ports(1)[0]
    servers.start(RUN, "websocket", port, [servers.VENV / "bin/python", HERE.parent / "interop/websocket.py", str(port)])
    line = r"websocket: the server has 21\.5"
    done = boot("websocket", programs, "websocket", {"websocket": port}, [{"server": "websocket", "line": line}])
    problems = differences(over=(done.is_over, True))
    problems += [f"logged: {line}" for _, _, line in done.lines if not line.startswith("INFO ")]
    report(f"websocket verified=P-256 board-time={done.at(line) or 0:.2f}s wall={done.wall:.0f}s", problems, done)
    return done


def failure(phase, kind):
    """The line of an app whose round failed, in the words of defmt."""
    return rf"WARN weather failed: Error {{ phase: {phase}, kind: {kind} }}; again in \d+ ms"


# What goes wrong, one after the other in one boot, and the one warning that the board has to answer it with. Then it has to
# work.
FAULTS = [
    ("no DHCP", {"dhcp": False}, "WARN Wi-Fi, DHCP: no answer"),
    ("a dead name server, and no date", {"names": False},
     r"WARN clock: Error { phase: Resolve, kind: (NoAnswer|Timeout) }; again in \d+ ms"),
    ("a root nobody trusts", {"server": "untrusted"}, failure("Handshake", r"Tls\(.*UnknownIssuer.*\)")),
    ("an expired certificate", {"server": "expired"}, failure("Handshake", r"Tls\(.*\(Expired .*\)")),
    ("a wrong name", {"server": "other"}, failure("Handshake", r"Tls\(.*NameMismatch.*\)")),
    ("a dead name server", {"names": False}, failure("Resolve", "(NoAnswer|Timeout)")),
    ("a server that stalls", {"server": "stalls"}, failure("Body", "Timeout")),
]
# Those of the short form.
BRIEF = ("a root nobody trusts", "a wrong name")


def refusals(faults, programs, network):
    """Every fault ends in its line and no request reaches nginx; after the last, the same board gets its weather."""
    phases = [fault | {"line": "^WARN "} for _, fault, _ in faults] + [{"server": "p256", "line": WEATHER.line}]
    done = boot("refusals", programs, "weather", network.ports["refusals"], phases)
    seen = network.saw("refusals")
    for number, (what, fault, line) in enumerate(faults):
        warnings = [said for said in done.of_phase(number) if said.startswith("WARN ")]
        problems = differences(warnings=(len(warnings), 1))
        problems += [f"not as expected: {said}" for said in warnings if not re.fullmatch(line, said)]
        asked = [rest for name, _, _, rest in seen if name == fault.get("server")]
        problems += [f"nginx was asked: {rest}" for rest in asked]
        report(f"refused, {what}: {warnings[0].removeprefix('WARN ') if warnings else ''}", problems, done)
    problems = differences(over=(done.is_over, True), requests=([name for name, *_ in seen], ["p256", "p256"]))
    report(f"weather after all of these requests={len(seen)} wall={done.wall:.0f}s", problems, done)
    return done


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    programs, certificates = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    servers.install({})
    shutil.rmtree(RUN, ignore_errors=True)
    shutil.copytree(certificates, RUN)
    apps, faults, more = [WEATHER], [fault for fault in FAULTS if fault[0] in BRIEF], [sensor]
    if sys.argv[3:] == ["all"]:
        servers.install({"mosquitto": "mosquitto"})
        apps, faults, more = [WEATHER, CLOCK, DOWNLOAD, TELEMETRY], FAULTS, [mqtt, sensor, websocket]
    network = Servers([app.name for app in apps] + ["refusals", "sensor"])
    # The longest first.
    work = [partial(refusals, faults), *more, *(app.run for app in apps)]
    with ThreadPoolExecutor(max_workers=int(os.environ.get("PICOW_AT_A_TIME") or os.cpu_count() or 1)) as pool:
        boots = list(pool.map(lambda one: one(programs, network), work))
    print("\nThe log of weather, with the board's time:")
    for _, seconds, line in next(done for done in boots if done.name == "weather").lines:
        print(f"{seconds:12.6f} {line}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
