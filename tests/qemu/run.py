#!/usr/bin/env python3
"""usage: run.py TARGET_DIRECTORY SIGNER

Boots the programs of examples/qemu, built in release mode under TARGET_DIRECTORY, on boards that QEMU emulates, against a
real nginx with httpbin behind it, and checks what the boards logged and what the servers saw. SIGNER is the program `update` of examples/desk. Then prints what each app
costs, and fails if that is more than 3 % above benches/budgets.toml. Everything it makes is under target/qemu.
"""

import hashlib
import re
import subprocess
import sys
import threading
import time
import tomllib
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "interop"))

import hosts  # noqa: E402
import servers  # noqa: E402
from wire import Wire  # noqa: E402

RUN = ROOT / "target" / "qemu"
# More than the RAM of the boards, which is 264 KB.
BIG = bytes(i * i % 251 for i in range(1 << 20))
# Firmware, for a slot of 64 KB.
IMAGE = BIG[1000:41000]
# The longest that a boot may take, in seconds.
PATIENCE = 60


# --- boards -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Board:
    name: str
    target: str
    machine: tuple
    card: tuple


BOARDS = (
    Board("mps2-an385", "thumbv6m-none-eabi", ("qemu-system-arm", "-M", "mps2-an385"), ("-nic", "user,model=lan9118,id=n0")),
    Board("virt", "riscv32imac-unknown-none-elf", ("qemu-system-riscv32", "-M", "virt", "-bios", "none", "-m", "16M"),
          ("-device", "virtio-net-device,netdev=n0", "-netdev", "user,id=n0")),
)


@dataclass
class Boot:
    lines: list = field(default_factory=list)
    status: int | None = None
    wire: Wire | None = None

    def has(self, pattern):
        return any(re.search(pattern, line) for line in self.lines)

    def number(self, pattern):
        """The number in the last line that matches."""
        found = [int(match[1]) for line in self.lines if (match := re.search(pattern, line))]
        return found[-1] if found else None

    def beyond_handshake(self):
        return self.number(r"instructions: (\d+)$") - self.number(r"handshake: (\d+)")

    def rounds(self):
        match = re.search(r"rounds: (\d+) done, (\d+) failed", "\n".join(self.lines))
        return (int(match[1]), int(match[2])) if match else None


def boot(board, app, forward="", on_line=None, **settings):
    """Runs an app until the board switches itself off. `on_line` sees each line as it is logged."""
    # A comma in an option of QEMU is written twice.
    words = "".join(f",arg={name}=" + str(value).replace(",", ",,") for name, value in settings.items())
    capture = RUN / f"{board.name}-{app}.pcap"
    *card, network = board.card
    command = [
        *board.machine, *card, network + forward, "-icount", "shift=0", "-display", "none", "-monitor", "none", "-serial", "none",
        "-semihosting-config", f"enable=on,target=native{words}", "-object", f"filter-dump,id=dump,netdev=n0,file={capture}",
        "-kernel", image(board, app),
    ]
    outcome = Boot()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    alarm = threading.Timer(PATIENCE, process.kill)
    alarm.start()
    for line in process.stdout:
        outcome.lines.append(line.rstrip())
        if on_line:
            on_line(line)
    outcome.status = process.wait()
    alarm.cancel()
    if capture.exists():
        outcome.wire = Wire(capture)
    return outcome


def image(board, app):
    return Path(sys.argv[1]) / board.target / "release" / app


# --- checks -----------------------------------------------------------------------------------------------------------

passed = failed = 0
printing = threading.Lock()


def report(board, what, problems, boot=None):
    global passed, failed
    with printing:
        if not problems:
            passed += 1
            print(f"ok {board.name} {what}", flush=True)
            return
        failed += 1
        print(f"FAILED {board.name} {what}", flush=True)
        for line in (*problems, *(boot.lines if boot else [])):
            print("   ", line, flush=True)


def requests(port):
    """What nginx saw on a port so far: for each request its connection, status and the rest of the line."""
    log = (RUN / "requests.log").read_text(errors="replace").splitlines()
    fields = [line.split(" ", 3) for line in log]
    return [(connection, status, rest) for at, connection, status, rest in fields if at == str(port)]


def differences(**pairs):
    return [f"{name} is {is_}, not {wanted}" for name, (is_, wanted) in pairs.items() if is_ != wanted]


class Bench:
    """One board, the servers that it talks to, and what was measured."""

    def __init__(self, board, ports, time_servers):
        self.board, self.ports, self.time = board, ports, time_servers
        self.costs = {}

    def boot(self, app, port, root="p256", path="/json", name="api.test", **settings):
        settings = {"date": int(time.time())} | settings
        settings = {key: value for key, value in settings.items() if value is not None}
        return boot(self.board, app, url=f"https://{name}:{port}{path}", root=RUN / f"root-{root}.der", **settings)

    def served(self, app, chain, count, method, path, status="200", **settings):
        """An app that works, against nginx under the certificate `chain`."""
        port = self.ports[f"{self.board.name}-{chain}"]
        before = len(requests(port))
        done = self.boot(app, port, root=chain, path=path, **settings)
        seen = requests(port)[before:]
        connections = {connection for connection, _, _ in seen}
        problems = differences(
            status=(done.status, 0), rounds=(done.rounds(), (settings.get("rounds", 1), 0)), requests=(len(seen), count),
            connections=(len(connections), 1), statuses=({status for _, status, _ in seen}, set(status.split())),
        )
        problems += [f"nginx saw {rest}" for _, _, rest in seen if not rest.startswith(f"TLSv1.3 api.test {method} {path}")]
        root = {"p256": "P-256", "rsa": "RSA-2048", "p384": "P-384"}[chain]
        what = f"{app} status={status} verified={root} connections={len(connections)} requests={len(seen)}"
        return done, what, problems

    def weather(self):
        for chain in ("p256", "rsa", "p384"):
            done, what, problems = self.served("weather", chain, 2, "GET", "/json")
            if not done.has(r"INFO weather: Den Haag has 12\.5 degrees"):
                problems.append("no weather on the log")
            report(self.board, what, problems, done)
            self.note("weather", done, **{f"handshake-{chain}": done.number(r"handshake: (\d+)")})
            if chain == "p256":
                once = done
        done, what, problems = self.served("weather", "p256", 10, "GET", "/json", rounds=5)
        report(self.board, what, problems, done)
        if not problems:
            warm = (done.beyond_handshake() - once.beyond_handshake()) // 8
            trips = (done.wire.round_trips - once.wire.round_trips) / 8
            self.note("weather", once, **{"warm": warm, "warm-round-trips": trips})

    def blocking(self):
        done, what, problems = self.served("weather_blocking", "p256", 2, "GET", "/json")
        report(self.board, what, problems, done)
        self.note("weather_blocking", done, **{"handshake-p256": done.number(r"handshake: (\d+)")})

    def telemetry(self):
        done, what, problems = self.served("telemetry", "p256", 2, "POST", "/httpbin/post", rounds=2)
        if not done.has(r"INFO telemetry: 1 readings up to number 2, status 200"):
            problems.append("no second reading on the log")
        report(self.board, what, problems, done)
        self.note("telemetry", done)

    def download(self):
        done, what, problems = self.served("download", "p256", 1, "GET", "/big")
        if not done.has(f"INFO download: {len(BIG)} bytes, SHA-256 {hashlib.sha256(BIG).hexdigest()}"):
            problems.append("not the right hash on the log")
        report(self.board, what, problems, done)
        self.note("download", done)

    def sensor(self):
        """Two wakings: the second resumes the TLS session of the first."""
        port = self.ports[f"{self.board.name}-p256"]
        before = len(requests(port))
        done = self.boot("sensor", port, path="/httpbin/post", rounds=2)
        seen = requests(port)[before:]
        full, resumed = ([int(line.split()[2]) for line in done.lines if "handshake: " in line] + [0, 0])[:2]
        problems = differences(
            status=(done.status, 0), rounds=(done.rounds(), (2, 0)), requests=(len(seen), 2),
            connections=(len({connection for connection, _, _ in seen}), 2), statuses=({status for _, status, _ in seen}, {"200"}),
            resumed=([rest.rsplit(" ", 1)[1] for *_, rest in seen], [".", "r"]),
        )
        if not done.has("INFO sensor: 1 readings up to number 2, status 200"):
            problems.append("no second reading on the log")
        report(self.board, f"sensor status=200 verified=P-256 requests=2 full={full} resumed={resumed}", problems, done)
        self.note("sensor", done, **{"handshake-p256": full, "handshake-resumed": resumed})

    def mqtt(self):
        """A node that stays connected, whose broker is started anew."""
        broker = hosts.Broker(RUN, f"broker-{self.board.name}", servers.free_ports(1)[0])

        def on_line(line):
            if "the broker has reading 2" in line:
                broker.stop()
                broker.start()

        done = boot(self.board, "mqtt", on_line=on_line, broker=broker.port, root=RUN / "root-p256.der", date=int(time.time()),
                    every=1000, rounds=6)
        rounds = done.rounds() or (0, 0)
        problems = differences(status=(done.status, 0), rounds=(sum(rounds), 6),
                               connects=(broker.logged(r"New client connected from \S+ as board "), 2),
                               wills=(broker.logged("Will message specified"), 2))
        warnings = [line for line in done.lines if line.startswith("WARN")]
        problems += [f"not as expected: {line}" for line in warnings if not line.startswith("WARN mqtt failed: ")]
        if not warnings or not done.has(f"INFO mqtt: the broker has reading {rounds[0]}$"):
            problems.append("it did not go on after the broker's restart")
        what = f"mqtt verified=P-256 connections=2 readings={rounds[0]} broker-restarts=1 failed={rounds[1]}"
        report(self.board, what, problems, done)
        self.costs["mqtt"] = memory(image(self.board, "mqtt"))

    def update(self):
        key = PUBLIC_KEY[0]
        done, what, problems = self.served("update", "p256", 2, "GET", "/2.update", "200 304", key=key, rounds=2)
        lines = [line for line in done.lines if "update: " in line or "board: " in line]
        wanted = [f"INFO update: version 2, {len(IMAGE)} bytes", "INFO update: version 2 is whole, and starts",
                  "INFO board: starts what is in the slot", "INFO update: there is nothing newer than version 2"]
        problems += differences(lines=(lines, wanted))
        report(self.board, what, problems, done)
        self.note("update", done)

        server = hosts.HaltingFile(RUN, "p256", 2, (RUN / "site/2.update").read_bytes())
        done = self.boot("update", server.port, key=key, rounds=3, timeout=4000)
        problems = differences(status=(done.status, 0), rounds=(done.rounds(), (1, 2)), requests=(len(server.ranges), 3))
        if server.ranges != sorted(set(server.ranges)) or not done.has("INFO update: goes on after [1-9]"):
            problems.append(f"it did not go on: {server.ranges}")
        report(self.board, f"update, server stalls in the body: goes on after {server.ranges[1:]} bytes", problems, done)

        for file, version, why in (("forged", 1, "refused: what is in flash is not what the author offered"),
                                   ("another", 1, "refused: the author did not sign this")):
            done = self.boot("update", self.ports[f"{self.board.name}-p256"], path=f"/{file}.update", key=key, version=version)
            problems = differences(status=(done.status, 0), rounds=(done.rounds(), (0, 1)))
            if not done.has(f"WARN update failed: {why}; again in") or done.has("starts"):
                problems.append("not the line that says why")
            report(self.board, f"update {file}: {why}", problems, done)

    def clock(self):
        done, what, problems = self.served("clock", "p256", 1, "HEAD", "/json", date=None, time=self.time)
        if not done.has(time.strftime(r"INFO clock: %Y-%m-%d \d\d:\d\d:\d\d UTC", time.gmtime())):
            problems.append("no date on the log")
        report(self.board, what, problems, done)
        self.note("clock", done)

    def web_server(self):
        port, answers = servers.free_ports(1)[0], []

        def fetch():
            for path in ("/", "/nothing", "/"):
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as answer:
                        answers.append((answer.status, answer.read().decode()))
                except urllib.error.HTTPError as error:
                    answers.append((error.code, ""))

        def on_line(line):
            if "listening on port" in line:
                threading.Thread(target=fetch).start()

        done = boot(self.board, "web_server", forward=f",hostfwd=tcp:127.0.0.1:{port}-:80", on_line=on_line, rounds=3)
        problems = differences(status=(done.status, 0), rounds=(done.rounds(), (3, 0)),
                               answers=([status for status, _ in answers], [200, 404, 200]))
        page = r'\{"device":"[^"]+","uptime_seconds":\d+,"answered":2\}'
        if not answers or not re.fullmatch(page, answers[-1][1]):
            problems.append(f"not the page: {answers}")
        report(self.board, "web_server status=200 requests=3", problems, done)
        self.note("web_server", done)

    def fails(self, what, reason, app="weather", **settings):
        """A boot whose every round fails for one reason, said in one line, and that goes on to its end. No request may reach
        nginx."""
        before = (RUN / "requests.log").read_bytes()
        done = self.boot(app, rounds=2, timeout=settings.pop("timeout", 8000), **settings)
        lines = [line for line in done.lines if line.startswith("WARN")]
        problems = differences(status=(done.status, 0), rounds=(done.rounds(), (0, 2)), lines=(len(lines), 2))
        problems += [f"not as expected: {line}" for line in lines if not line.startswith(f"WARN {app} failed: {reason}")]
        if settings["port"] in self.ports.values():
            late = (RUN / "requests.log").read_bytes()[len(before):].decode(errors="replace").splitlines()
            problems += [f"nginx was asked: {line}" for line in late if line.startswith(f"{settings['port']} ")]
        said = lines[0].partition("failed: ")[2].partition("; again")[0] if lines else ""
        report(self.board, f"{app} requests=0, {what}: {said}", problems, done)

    def refusals(self):
        ports = {name.removeprefix(f"{self.board.name}-"): port for name, port in self.ports.items()}
        self.fails("untrusted root", "handshake: unknown-issuer: ", port=ports["untrusted"])
        self.fails("expired certificate", "handshake: expired: ", port=ports["expired"])
        self.fails("wrong name", "handshake: name-mismatch: ", port=ports["other"])
        self.fails("clock unknown", "handshake: time-unknown: ", port=ports["p256"], date=None)
        self.fails("name server dead", "resolve: the deadline passed", port=ports["p256"], dns="10.0.2.99", timeout=2000)
        self.fails("no such name", "resolve: no answer from the name server", port=ports["p256"], name="api.invalid", timeout=2000)
        self.fails("server refuses", "connect: connection refused", port=servers.free_ports(1)[0])
        self.fails("server refuses", "connect: connection refused", app="telemetry", port=servers.free_ports(1)[0])
        self.fails("untrusted root", "handshake: unknown-issuer: ", app="download", port=ports["untrusted"])

    def halting(self):
        server = hosts.Halting(RUN, "p256", 1)
        done = self.boot("weather", server.port, rounds=2, timeout=4000)
        problems = differences(status=(done.status, 0), rounds=(done.rounds(), (1, 1)))
        if not done.has("WARN weather failed: body: the deadline passed; again in"):
            problems.append("no line with phase and cause")
        report(self.board, "weather, server stalls in the body: the deadline passed, then all is well", problems, done)

    def note(self, app, done, **more):
        costs = self.costs.setdefault(app, {})
        costs |= memory(image(self.board, app)) | {name: value for name, value in more.items() if value is not None}
        costs["stack"] = max(costs.get("stack", 0), done.number(r"stack: (\d+)") or 0)
        for name, value in (("packets", done.wire.packets), ("bytes", done.wire.bytes), ("round-trips", done.wire.round_trips)):
            costs.setdefault(name, value)


def memory(path):
    """Flash (code, constants, and what the statics start as) and RAM of the statics, from the sections of an image."""
    sizes = {}
    for line in subprocess.run(["size", "-A", path], check=True, capture_output=True, text=True).stdout.splitlines():
        match line.split():
            case [name, size, _] if name.startswith("."):
                sizes[name] = int(size)
    ram = sizes.get(".data", 0) + sizes.get(".bss", 0)
    names = (".vector_table", ".text", ".rodata", ".data", ".trap", ".init")
    return {"flash": sum(sizes.get(name, 0) for name in names), "ram": ram}


# --- budgets ----------------------------------------------------------------------------------------------------------


# What is judged. The rest depends a little on how loaded the machine is that runs QEMU: acknowledgements that come alone.
DETERMINISTIC = {"flash", "ram", "stack", "handshake-p256", "handshake-rsa", "handshake-p384", "handshake-resumed", "round-trips", "warm-round-trips"}


def judge(benches):
    """Prints what each app costs; the lines that are more than 3 % above their budget, or have none."""
    budgets = tomllib.loads((ROOT / "benches/budgets.toml").read_text()).get("qemu", {})
    print(f"\n{'board':<12}{'app':<18}{'cost':<18}{'measured':>12}{'budget':>12}")
    over = []
    for bench in benches:
        for app, costs in bench.costs.items():
            for cost, measured in costs.items():
                key = f"{bench.board.name} {app} {cost}"
                budget = budgets.get(key)
                is_judged = cost in DETERMINISTIC
                print(f"{bench.board.name:<12}{app:<18}{cost:<18}{measured:>12}{budget or ('none' if is_judged else '-'):>12}")
                if is_judged and (budget is None or measured > budget * 1.03):
                    over.append(f'"{key}" = {measured}')
    return over




# Of the secret key that firmware is signed with here.
PUBLIC_KEY = []


def prepare_updates(signer):
    """An update that is one, one of another image, and one of another author."""

    def sign(key, name, image):
        (RUN / name).write_bytes(image)
        public = subprocess.run([signer, "key", RUN / key], check=True, capture_output=True, text=True).stdout.strip()
        subprocess.run([signer, "sign", RUN / key, "2", RUN / name], check=True, stdout=subprocess.DEVNULL)
        (RUN / f"{name}.update").rename(RUN / f"site/{name}.update")
        return public

    PUBLIC_KEY.append(sign("author.key", "2", IMAGE))
    sign("another.key", "another", IMAGE)
    file = bytearray((RUN / "site/2.update").read_bytes())
    file[20000] ^= 1
    (RUN / "site/forged.update").write_bytes(file)


def site(port, name):
    return f"""    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {name}.pem;
        ssl_certificate_key {name}.key;
        include locations.conf;
    }}"""


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    servers.install({"qemu-system-arm": "qemu-system-arm", "qemu-system-riscv32": "qemu-system-misc", "size": "binutils",
                     "mosquitto": "mosquitto"})
    servers.prepare(RUN, HERE / "pki.sh")
    certificates = "p256 rsa p384 expired untrusted other".split()
    names = [f"{board.name}-{certificate}" for board in BOARDS for certificate in certificates]
    ports = dict(zip(names, servers.free_ports(len(names))))
    plain, httpbin = servers.free_ports(2)
    sites = "\n".join(site(port, name.rsplit("-", 1)[1]) for name, port in ports.items())
    servers.start_httpbin(RUN, httpbin)
    servers.start_nginx(RUN, HERE / "nginx.conf", {"SITES": sites, "PLAIN": plain, "P256": plain, "HTTPBIN": httpbin})
    (RUN / "site").mkdir()
    (RUN / "site/big").write_bytes(BIG)
    prepare_updates(sys.argv[2])
    hosts.start_names()
    times = ",".join(f"time.test:{hosts.start_time()}" for _ in range(2))

    def all_of(bench):
        for group in (bench.weather, bench.blocking, bench.telemetry, bench.download, bench.sensor, bench.mqtt, bench.update, bench.clock, bench.web_server, bench.refusals, bench.halting):
            group()

    benches = [Bench(board, ports, times) for board in BOARDS]
    threads = [threading.Thread(target=all_of, args=(bench,)) for bench in benches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    over = judge(benches)
    if over:
        print("more than 3 % above its budget in benches/budgets.toml, or without one:", *over, sep="\n")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or over else 0)


if __name__ == "__main__":
    main()
