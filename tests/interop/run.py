#!/usr/bin/env python3
"""usage: run.py REQUEST

Drives REQUEST (the built examples/request) against real servers on loopback: openssl s_server, gnutls-serv, nginx and httpbin,
and one of our own for what no decent server does. Then the clients of other crates in tests/clients, over our pool. Everything it
makes is under target/interop.
"""

import atexit
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import servers
from servers import HERE, VENV

RUN = VENV.parent / "run"
BIG = bytes(i * i % 251 for i in range(1 << 20))
DAY = 24 * 60 * 60


# --- servers ----------------------------------------------------------------------------------------------------------


def start(name, port, command):
    servers.start(RUN, name, port, command)


def start_nginx(ports):
    servers.start_nginx(RUN, HERE / "nginx.conf", ports)
    (RUN / "site").mkdir()
    (RUN / "site/big").write_bytes(BIG)


def of(name):
    return ["-cert", f"{name}.pem", "-key", f"{name}.key"]


def start_openssl(name, port, *more):
    options = ["-www", "-tls1_3", "-quiet", *(more or of(name))]
    start(f"s_server-{name}", port, ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", *options])


def start_gnutls(name, port, *more):
    options = ["--http", "--port", str(port), "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.3:+ECDHE-PSK"]
    start(f"gnutls-{name}", port, ["gnutls-serv", *options, *more])


# Chains of four certificates.
LONG = ("y-ecdsa", "y-rsa")


def start_long_chains(ports):
    for name in LONG:
        start_openssl(name, ports[f"OPENSSL_{name}"], *of(name), "-cert_chain", f"{name}.chain.pem")
        start_gnutls(name, ports[f"GNUTLS_{name}"], "--x509certfile", f"{name}.all.pem", "--x509keyfile", f"{name}.key")


PSK = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"


def start_identity_servers(ports):
    must = ["-Verify", "1", "-verify_return_error", "-CAfile", "devices.pem"]
    start_openssl("must", ports["OPENSSL_MUST"], *of("p256"), *must)
    start_openssl("may", ports["OPENSSL_MAY"], *of("p256"), "-verify", "1", "-CAfile", "devices.pem")
    start_openssl("psk", ports["OPENSSL_PSK"], "-nocert", "-psk", PSK, "-psk_identity", "device")
    (RUN / "psk.txt").write_text(f"device:{PSK}\n")
    for name in ("rsa", "p256", "p384", "ed25519"):
        files = "--x509certfile", f"{name}.pem", "--x509keyfile", f"{name}.key"
        start_gnutls(name, ports["GNUTLS_" + name.upper()], *files)
    files = "--x509certfile", "p256.pem", "--x509keyfile", "p256.key", "--x509cafile", "devices.pem"
    start_gnutls("must", ports["GNUTLS_MUST"], *files, "--require-client-cert", "--verify-client-cert")
    start_gnutls("may", ports["GNUTLS_MAY"], *files)
    start_gnutls("psk", ports["GNUTLS_PSK"], "--pskpasswd", "psk.txt")


ODD = {
    "/1xx": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate",
    "/until-close": b"HTTP/1.0 200 OK\r\n\r\nall there is",
    "/truncated": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf.",
    "/truncated-chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf.\r\n",
    "/garbage": b"ICY 200 OK\r\n\r\n",
    "/two-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "/long-head": b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 65536 + b"\r\nContent-Length: 0\r\n\r\n",
    "/stall": b"",
    "/stall-head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "/stall-body": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf.",
}


def start_odd(port):
    """Answers as ODD says, a byte at a time under /drip; then closes, or stalls where the path says so."""

    def serve(connection):
        with connection:
            request = b""
            while b"\r\n\r\n" not in request:
                received = connection.recv(4096)
                if not received:
                    return
                request += received
            path = request.split()[1].decode()
            answer = ODD[path.removeprefix("/drip")]
            step = 1 if path.startswith("/drip") else len(answer) or 1
            for at in range(0, len(answer), step):
                connection.sendall(answer[at : at + step])
            if "/stall" in path:
                connection.recv(1)
            # An orderly end: close after reading, or unread bytes turn the FIN into a RST.
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass

    def quietly(connection):
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            serve(connection)
        except OSError:
            pass

    def accept(listener):
        while True:
            threading.Thread(target=quietly, args=(listener.accept()[0],), daemon=True).start()

    listener = socket.create_server(("127.0.0.1", port))
    threading.Thread(target=accept, args=(listener,), daemon=True).start()


def start_silent():
    """Accepts (the kernel does) and never says a word."""
    listener = socket.create_server(("127.0.0.1", 0))
    atexit.register(listener.close)
    return listener.getsockname()[1]


# --- checks -----------------------------------------------------------------------------------------------------------

passed = failed = 0


def report(name, problems, *details):
    global passed, failed
    if not problems:
        passed += 1
        print("ok interop", name, flush=True)
        return
    failed += 1
    print("FAILED interop", name, flush=True)
    for line in (*problems, *details):
        print("   ", line, flush=True)


class Face:
    def __init__(self, binary, face):
        self.binary, self.face = binary, face

    def report(self, name, problems, *details):
        report(f"{self.face}: {name}", problems, *details)

    def check(self, name, *args, status=0, body=None, error=None, stats=None):
        """Runs the tool. `body`: what it must print, or what judges that; `error`: how stderr must go on after `error: `."""
        command = [self.binary, "--face", self.face, *map(str, args)]
        try:
            got = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        except subprocess.TimeoutExpired:
            self.report(name, ["did not end within a minute"], f"command: {command}")
            return
        stderr = got.stderr.decode(errors="replace")
        lines = stderr.splitlines()
        problems = []
        if got.returncode not in (status if isinstance(status, tuple) else (status,)):
            problems.append(f"exit status {got.returncode}, not {status}")
        if body is not None:
            try:
                right = body(got.stdout) if callable(body) else got.stdout == body
            except (ValueError, LookupError, TypeError) as reason:
                right = False
                problems.append(f"{type(reason).__name__}: {reason}")
            if not right:
                problems.append("not the body that was expected")
        if status not in (0, 22) and (len(lines) != 1 or not re.match(r"error: [a-z]+: \S", stderr)):
            problems.append("not one line `error: PHASE: REASON` on stderr")
        if error and not stderr.startswith(f"error: {error}"):
            problems.append(f"stderr does not begin with `error: {error}`")
        if stats and lines[-1:] != [stats]:
            problems.append(f"the last line on stderr is not `{stats}`")
        details = f"command: {command}", f"stdout: {got.stdout[:300]!r}", f"stderr: {stderr[:600]!r}"
        self.report(name, problems, *details)


def reply(**fields):
    """Whether the body is JSON with these fields."""

    def right(body):
        document = json.loads(body)
        return all(document[key] == value for key, value in fields.items())

    return right


def sent(**headers):
    """Whether httpbin saw these request fields (None: did not see them). `_` stands for `-`."""

    def right(body):
        seen = {name.lower(): value for name, value in json.loads(body)["headers"].items()}
        return all(seen.get(name.replace("_", "-").lower()) == value for name, value in headers.items())

    return right


def has(*parts):
    return lambda body: all(part in body for part in parts)


def plain_http(face, ports):
    check = face.check
    bin = f"http://localhost:{ports['HTTPBIN']}"
    check("httpbin /get", f"{bin}/get", body=reply(args={}, url=f"{bin}/get"))
    check("httpbin Host with its port", f"{bin}/headers", body=sent(Host=f"localhost:{ports['HTTPBIN']}"))
    check("httpbin by address", f"http://127.0.0.1:{ports['HTTPBIN']}/get", body=reply(args={}))
    check("httpbin --query", "--query", "city=Den Haag", "--query", "a&b=é=/?", f"{bin}/get?x=1",
          body=reply(args={"x": "1", "city": "Den Haag", "a&b": "é=/?"}))
    check("httpbin --json", "-X", "POST", "--json", '{"celsius": 12.5}', f"{bin}/post",
          body=lambda b: reply(json={"celsius": 12.5})(b) and sent(Content_Type="application/json")(b))
    check("httpbin --form", "-X", "POST", "--form", "name=a b", "--form", "sign=&=+é", f"{bin}/post",
          body=reply(form={"name": "a b", "sign": "&=+é"}))
    check("httpbin -d", "-X", "POST", "-H", "Content-Type: text/plain", "-d", "hello", f"{bin}/post",
          body=lambda b: reply(data="hello")(b) and sent(Content_Type="text/plain", Content_Length="5")(b))
    check("httpbin -d @FILE", "-X", "POST", "-H", "Content-Type: text/plain", "-d", f"@{RUN}/letters", f"{bin}/post",
          body=reply(data="abcdefghij" * 10_000))
    check("httpbin empty POST", "-X", "POST", f"{bin}/post", body=lambda b: reply(data="")(b) and sent(Content_Length="0")(b))
    for method in ("PUT", "PATCH", "DELETE"):
        check(f"httpbin {method}", "-X", method, "-d", "x", f"{bin}/anything", body=reply(method=method))
    check("httpbin HEAD", "-X", "HEAD", "-i", f"{bin}/get", body=lambda b: b.startswith(b"HTTP/1.1 200 ") and b"{" not in b)
    check("httpbin OPTIONS", "-X", "OPTIONS", "-i", f"{bin}/get", body=has(b"HTTP/1.1 200 ", b"Allow: "))
    check("httpbin -H", "-H", "X-One: 1", "-H", "Accept: text/*", f"{bin}/headers", body=sent(X_One="1", Accept="text/*"))
    check("httpbin --user", "--user", "user:pass word", f"{bin}/basic-auth/user/pass%20word", body=reply(authenticated=True))
    check("httpbin --user wrong", "--user", "user:wrong", "-i", f"{bin}/basic-auth/user/passwd", body=has(b" 401 "))
    check("httpbin --bearer", "--bearer", "t0ken", f"{bin}/bearer", body=reply(authenticated=True, token="t0ken"))
    check("httpbin /stream/5 (chunked)", f"{bin}/stream/5", body=lambda b: [json.loads(x)["id"] for x in b.splitlines()] == [0, 1, 2, 3, 4])
    check("httpbin chunks of odd sizes", f"{bin}/stream-bytes/65536?chunk_size=997", body=lambda b: len(b) == 65536)
    check("httpbin /status/204", "-i", f"{bin}/status/204", body=lambda b: b.startswith(b"HTTP/1.1 204 ") and b.endswith(b"\r\n\r\n"))
    check("httpbin /status/404", f"{bin}/status/404", body=b"")
    check("httpbin /status/404 --fail", "--fail", f"{bin}/status/404", status=22)
    check("httpbin /status/200 --fail", "--fail", f"{bin}/status/200")
    check("httpbin /redirect/3", f"{bin}/redirect/3", body=reply(url=f"{bin}/get"))
    check("httpbin /absolute-redirect/2", f"{bin}/absolute-redirect/2", body=reply(url=f"{bin}/get"))
    check("httpbin --no-redirect", "--no-redirect", "-i", f"{bin}/redirect/3", body=has(b" 302 ", b"ocation: "))
    check("httpbin --max-redirects", "--max-redirects", "2", f"{bin}/redirect/3", status=10)
    check("httpbin credentials stay at home", "--bearer", "t0ken", "--query", f"url=http://127.0.0.1:{ports['HTTPBIN']}/headers",
          f"{bin}/redirect-to", body=sent(Authorization=None))
    check("httpbin --repeat", "--repeat", "3", "--stats", f"{bin}/get", stats="connections=1 requests=3 reused=2 writes=3")
    check("httpbin --timeout", "--timeout", "1", f"{bin}/delay/5", status=6)

    check("httpbin --upload", "--upload", RUN / "letters", "-H", "Content-Type: text/plain", f"{bin}/put",
          body=lambda b: reply(data="abcdefghij" * 10_000)(b) and sent(Content_Length="100000")(b))
    check("httpbin --upload, little room", "--rx", "2000", "--upload", RUN / "letters", "-H", "Content-Type: text/plain", f"{bin}/put",
          body=reply(data="abcdefghij" * 10_000))
    check("httpbin --multipart", "--multipart", "place=front door", "--multipart", f"file=@{RUN}/letters;type=text/plain", f"{bin}/post",
          body=reply(form={"place": "front door"}, files={"file": "abcdefghij" * 10_000}))
    for algorithm in ("SHA-256", "MD5"):
        check(f"httpbin --digest {algorithm}", "--digest", "user:passwd", f"{bin}/digest-auth/auth/user/passwd/{algorithm}",
              body=reply(authenticated=True, user="user"))
        check(f"httpbin --digest {algorithm} wrong", "--digest", "user:wrong", "-i", f"{bin}/digest-auth/auth/user/passwd/{algorithm}",
              body=has(b" 401 "))
    check("httpbin --range", "--range", "5-9", "-i", f"{bin}/range/26",
          body=lambda b: b.startswith(b"HTTP/1.1 206 ") and b.endswith(b"\r\n\r\nfghij"))
    check("httpbin --range to the end", "--range", "20-", f"{bin}/range/26", body=b"uvwxyz")
    check("httpbin --range past the end", "--range", "30-40", "-i", f"{bin}/range/26", body=has(b" 416 "))

    once, twice = f"http://localhost:{ports['ONCE']}/json", f"http://localhost:{ports['TWICE']}/json"
    check("nginx closes every time", "--repeat", "3", "--stats", once, stats="connections=3 requests=3 reused=0 writes=3")
    check("nginx closes every other time", "--repeat", "5", "--stats", twice, stats="connections=3 requests=5 reused=2 writes=5")


def families(face, base, *trust):
    """What httpbin has to offer for responses, with or without TLS before it."""

    def check(name, *args, **expected):
        face.check(f"{base.split(':')[0]} {name}", *trust, *args, **expected)

    check("/gzip", "--compressed", f"{base}/gzip", body=reply(gzipped=True))
    check("/gzip as it came", "-H", "Accept-Encoding: gzip", f"{base}/gzip", body=lambda b: b.startswith(b"\x1f\x8b"))
    check("/deflate", "--compressed", f"{base}/deflate", body=reply(deflated=True))
    check("/brotli is not for us", "--compressed", f"{base}/brotli", status=7)
    check("Accept-Encoding", "--compressed", f"{base}/headers", body=sent(Accept_Encoding="gzip, deflate"))
    check("--compressed, and it is not", "--compressed", f"{base}/get", body=reply(args={}))
    check("/drip", f"{base}/drip?duration=1&numbytes=5&delay=0", body=b"*****")
    check("/drip too slow", "--timeout", "1", f"{base}/drip?duration=5&numbytes=5&delay=0", status=6)
    check("/delay in time", "--timeout", "10", f"{base}/delay/1", body=reply(args={}))
    check("/delay too long", "--timeout", "1", f"{base}/delay/5", status=6)
    for count in (0, 1, 1024, 100_000):
        check(f"/bytes/{count}", f"{base}/bytes/{count}", body=lambda b, count=count: len(b) == count)
    letters = b"abcdefghijklmnopqrstuvwxyz" * 40
    check("/range", f"{base}/range/1000", body=letters[:1000])
    check("/range with Range", "-i", "-H", "Range: bytes=10-19", f"{base}/range/1000", body=has(b" 206 ", b"\r\n\r\n" + letters[10:20]))
    check("/range not satisfiable", "-i", "-H", "Range: bytes=2000-", f"{base}/range/1000", body=has(b" 416 "))
    check("/encoding/utf8", f"{base}/encoding/utf8", body=lambda b: "∮ E⋅da = Q" in b.decode())
    check("/image/png", f"{base}/image/png", body=lambda b: b.startswith(b"\x89PNG\r\n\x1a\n") and b.endswith(b"IEND\xaeB`\x82"))
    check("/cookies", "-H", "Cookie: a=1; b=2", f"{base}/cookies", body=reply(cookies={"a": "1", "b": "2"}))
    check("/cookies/set", "--no-redirect", "-i", f"{base}/cookies/set?a=1", body=has(b" 302 ", b"et-Cookie: a=1;"))
    check("/absolute-redirect", f"{base}/absolute-redirect/2", body=reply(args={}))
    for status in (200, 201, 204, 304, 400, 401, 404, 418, 500, 503):
        wanted = f"HTTP/1.1 {status} ".encode()
        check(f"/status/{status}", "-i", f"{base}/status/{status}", body=lambda b, wanted=wanted: b.startswith(wanted))
    for status in (301, 302, 303, 307, 308):
        check(f"/redirect-to {status}", "-i", "--no-redirect", f"{base}/redirect-to?url=/get&status_code={status}",
              body=has(f" {status} ".encode(), b"ocation: "))


def httpbin_families(face, ports):
    base = f"http://localhost:{ports['HTTPBIN']}"
    families(face, base)
    face.check("http /relative-redirect", f"{base}/relative-redirect/3", body=reply(url=f"{base}/get"))
    families(face, f"https://localhost:{ports['P256']}/httpbin", "--cacert", RUN / "root.pem")


def side_by_side(binary, ports):
    """The same calls by python-requests."""
    bases = f"http://localhost:{ports['HTTPBIN']}", f"https://localhost:{ports['P256']}/httpbin"
    command = [VENV / "bin/python", HERE / "side_by_side.py", binary, RUN / "root.pem", *bases]
    report("side by side with python-requests", [] if subprocess.run(command).returncode == 0 else ["they differ: see the table"])


def odd(face, ports):
    check = face.check
    base = f"http://localhost:{ports['ODD']}"
    check("odd 103 before 200", f"{base}/1xx", body=b"late")
    check("odd a byte at a time", f"{base}/drip/1xx", body=b"late")
    check("odd until close", f"{base}/until-close", body=b"all there is")
    for path in ("truncated", "truncated-chunked", "drip/truncated"):
        check(f"odd {path}", f"{base}/{path}", status=8)
    for path in ("garbage", "two-lengths"):
        check(f"odd {path}", f"{base}/{path}", status=7)
    check("odd long head", f"{base}/long-head", status=9)
    for path in ("stall", "stall-head", "stall-body"):
        check(f"odd {path}", "--timeout", "1", f"{base}/{path}", status=6)
    check("refused connection", f"http://localhost:{ports['CLOSED']}/", status=4, error="connect: ")
    check("unknown host", "http://nowhere.invalid/", status=3, error="resolve: ")
    check("--resolve", "--resolve", f"device.example:80:127.0.0.1:{ports['HTTPBIN']}", "http://device.example/headers",
          body=sent(Host="device.example"))
    check("no URL", status=2)
    check("unknown option", "--nonsense", f"{base}/1xx", status=2)
    for url in ("http://", "ftp://localhost/", "localhost", "http://localhost:99999/", "http://local host/", "http://localhost/\r\nX: y"):
        check(f"URL {url!r}", url, status=2)
    check("CR LF in a field", "-H", "X-One: 1\r\nX-Two: 2", f"{base}/1xx", status=2)


def tls(face, ports):
    check = face.check
    trust = ("--cacert", RUN / "root.pem")
    for name in ("rsa", "p256", "p384", "ed25519"):
        for host in ("localhost", "127.0.0.1"):
            check(f"openssl {name} {host}", *trust, f"https://{host}:{ports['OPENSSL_' + name.upper()]}/", body=has(b"TLSv1.3"))
        check(f"gnutls {name}", *trust, f"https://localhost:{ports['GNUTLS_' + name.upper()]}/", body=has(b"TLS1.3"))
    for name in LONG:
        kind = name.removeprefix("y-")
        for server in ("OPENSSL", "GNUTLS"):
            url = f"https://localhost:{ports[f'{server}_{name}']}/"
            # With the old root, and with the new one, which saves a signature check.
            for root in ("old", "new"):
                check(f"{server.lower()} {name} {root} root", "--cacert", RUN / f"{root}-{kind}.pem", url, body=has(b"TLS"))
            check(f"{server.lower()} {name} another root", *trust, url, status=5, error="handshake: unknown-issuer")
    for name in ("rsa", "p256"):
        nginx = f"https://localhost:{ports[name.upper()]}"
        check(f"nginx {name} JSON", *trust, f"{nginx}/json", body=reply(city="Utrecht", celsius=12.5))
        check(f"nginx {name} a megabyte", *trust, f"{nginx}/big", body=BIG)
        check(f"nginx {name} twenty on one connection", *trust, "--repeat", "20", "--stats", f"{nginx}/json",
              stats="connections=1 requests=20 reused=19 writes=20")

    nginx = f"https://localhost:{ports['P256']}"
    file = RUN / "fetched"
    check("nginx -o", *trust, "-o", file, f"{nginx}/big", body=b"")
    face.report("-o FILE holds the body", [] if file.exists() and file.read_bytes() == BIG else [f"{file} differs"])
    file.unlink(missing_ok=True)
    check("nginx DER root", "--cacert", RUN / "root.der", f"{nginx}/json", body=reply(city="Utrecht"))
    check("nginx two roots", "--cacert", RUN / "stranger.pem", *trust, f"{nginx}/json", body=reply(city="Utrecht"))
    check("nginx chunked, from httpbin", *trust, f"{nginx}/httpbin/stream/5", body=lambda b: len(b.splitlines()) == 5)
    check("nginx POST to httpbin", *trust, "-X", "POST", "--json", '{"a": [1, 2]}', f"{nginx}/httpbin/post", body=reply(json={"a": [1, 2]}))
    check("nginx upload", *trust, "-X", "POST", "-H", "Content-Type: text/plain", "-d", f"@{RUN}/letters", f"{nginx}/httpbin/post",
          body=reply(data="abcdefghij" * 10_000))
    check("nginx redirect to another origin", *trust, "--bearer", "t0ken", f"https://localhost:{ports['RSA']}/elsewhere",
          body=sent(Authorization=None))
    check("nginx https to http", *trust, f"{nginx}/downgrade", status=12)
    check("nginx 404 --fail", *trust, "--fail", f"{nginx}/nothing", status=22)
    check("--resolve and its port", *trust, "--resolve", f"localhost:443:127.0.0.1:{ports['P256']}", "https://localhost/json",
          body=reply(city="Utrecht"))


def identities(face, ports):
    """Client certificates and pre-shared keys."""
    check = face.check
    trust = ("--roots", RUN / "root.pem")

    def me(name):
        return "--cert", RUN / f"client-{name}.pem", "--key", RUN / f"client-{name}.key"

    # A refusal comes after our handshake: as an alert, or as the end of the connection it was sent on.
    refused = (5, 7)
    for server in ("openssl", "gnutls"):
        must, may, psk = (f"https://localhost:{ports[f'{server.upper()}_{kind}']}/" for kind in ("MUST", "MAY", "PSK"))
        for name in ("p256", "ed25519"):
            # Both servers tell what they know of us.
            shown = has(b"TLS", f"client-{name}".encode())
            check(f"{server} needs a certificate, {name}", *trust, *me(name), must, body=shown)
            check(f"{server} asks for a certificate, {name}", *trust, *me(name), may, body=shown)
        check(f"{server} asks for a certificate, none", *trust, may, body=lambda b: b"TLS" in b and b"client-" not in b)
        check(f"{server} needs a certificate, none", *trust, must, status=refused)
        check(f"{server} needs a certificate, another authority's", *trust, *me("strange"), must, status=refused)
        check(f"{server} shared key", "--psk", f"device:{PSK}", psk, body=has(b"TLS"))
        check(f"{server} shared key, no date needed", "--psk", f"device:{PSK}", "--at", "0", psk, body=has(b"TLS"))
        check(f"{server} wrong shared key", "--psk", f"device:{PSK[:-1]}0", psk, status=5, error="handshake: peer-alert")
        check(f"{server} wrong identity", "--psk", f"gadget:{PSK}", psk, status=5, error="handshake: ")
        check(f"{server} shared key, certificate", "--psk", f"device:{PSK}", may, status=5, error="handshake: psk-refused")
        check(f"{server} no shared key", *trust, psk, status=5, error="handshake: ")

    spki = subprocess.run("openssl x509 -in p256.pem -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -r",
                          shell=True, cwd=RUN, check=True, capture_output=True).stdout.split()[0].decode()
    check("pin", *trust, "--pin", spki, f"https://localhost:{ports['P256']}/json", body=reply(city="Utrecht"))
    check("wrong pin", *trust, "--pin", spki, f"https://localhost:{ports['RSA']}/json", status=5, error="handshake: pin-mismatch")


def refusals(face, ports):
    """Every one of these must end before a byte of the request is sent: nginx's log must not grow."""
    check = face.check
    trust = ("--cacert", RUN / "root.pem")
    before = (RUN / "requests.log").read_bytes()

    def refused(name, *args, why=""):
        check(f"refused: {name}", *args, status=5, error=f"handshake: {why}")

    for name in ("rsa", "p256"):
        port = ports[name.upper()]
        url = f"https://localhost:{port}/json"
        refused(f"{name}: Mozilla's roots", url, why="unknown-issuer")
        refused(f"{name}: another root", "--cacert", RUN / "stranger.pem", url, why="unknown-issuer")
        refused(f"{name}: another name", *trust, "--resolve", f"other.example:{port}:127.0.0.1", f"https://other.example:{port}/json",
                why="name-mismatch")
        refused(f"{name}: another address", *trust, f"https://127.0.0.2:{port}/json", why="name-mismatch")
        refused(f"{name}: expired", *trust, "--at", int(time.time()) + 60 * DAY, url, why="expired")
        refused(f"{name}: not yet valid", *trust, "--at", "0", url, why="not-yet-valid")
    refused("TLS 1.2 only", *trust, f"https://localhost:{ports['TLS12']}/json")
    refused("plain HTTP", *trust, f"https://localhost:{ports['PLAIN']}/json")
    check("silence in the handshake", *trust, "--timeout", "1", f"https://localhost:{ports['SILENT']}/", status=6)

    # What speaks TLS to a plain port is logged as a bad request with nothing readable in it.
    after = (RUN / "requests.log").read_bytes()[len(before):]
    leaked = [line for line in after.decode(errors="replace").splitlines() if "/json" in line]
    face.report("refused: no request reached nginx", leaked)


def clients(ports):
    """MQTT and HTTP clients of other crates over our pool: tests/clients, which starts a mosquitto of its own."""
    command = ["cargo", "test", "--quiet", "--locked", "--manifest-path", HERE.parent / "clients/Cargo.toml"]
    environment = os.environ | {"INTEROP_DIRECTORY": str(RUN), "INTEROP_NGINX": str(ports["P256"]),
                                "INTEROP_WEBSOCKET": str(ports["WEBSOCKET"])}
    report("clients of other crates", [] if subprocess.run(command, env=environment).returncode == 0 else ["see above"])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    binary = Path(sys.argv[1]).resolve()
    servers.install({"gnutls-serv": "gnutls-bin", "mosquitto": "mosquitto"})
    servers.prepare(RUN, HERE / "pki.sh")
    (RUN / "letters").write_text("abcdefghij" * 10_000)

    names = "RSA P256 TLS12 PLAIN ONCE TWICE HTTPBIN ODD CLOSED WEBSOCKET".split()
    names += [f"{server}_{kind}" for server in ("OPENSSL", "GNUTLS") for kind in "RSA P256 P384 ED25519 MUST MAY PSK".split()]
    names += [f"{server}_{name}" for server in ("OPENSSL", "GNUTLS") for name in LONG]
    ports = dict(zip(names, servers.free_ports(len(names))))
    servers.start_httpbin(RUN, ports["HTTPBIN"])
    start_nginx(ports)
    for name in ("rsa", "p256", "p384", "ed25519"):
        start_openssl(name, ports["OPENSSL_" + name.upper()])
    start_identity_servers(ports)
    start_long_chains(ports)
    start_odd(ports["ODD"])
    ports["SILENT"] = start_silent()
    start("websocket", ports["WEBSOCKET"], [VENV / "bin/python", HERE / "websocket.py", str(ports["WEBSOCKET"])])

    for face in (Face(binary, "async"), Face(binary, "blocking")):
        for group in (plain_http, httpbin_families, odd, tls, identities, refusals):
            group(face, ports)
    side_by_side(binary, ports)
    clients(ports)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
