"""Real servers on loopback, for the tests that need some: nginx, httpbin, and the certificates for them.

Used by run.py beside it and by ../qemu/run.py. Everything lies in a directory under target that the caller names.
"""

import atexit
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV = HERE.parents[1] / "target" / "interop" / "venv"


def install(more):
    """Installs nginx, openssl and httpbin if they are missing, and `more`: a tool of each Debian package."""
    wanted = {"nginx": "nginx-light", "openssl": "openssl"} | more
    packages = [package for tool, package in wanted.items() if not shutil.which(tool)]
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        packages.append("python3-venv")
    if packages:
        print("installing", *packages, flush=True)
        # RUNLEVEL: the package is not to start a server of its own.
        quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        get = ["apt-get", "-qq", "install", "--yes", "--no-install-recommends", *packages]
        subprocess.run(["apt-get", "-qq", "update"], check=True, env=quiet)
        subprocess.run(get, check=True, env=quiet, stdout=subprocess.DEVNULL)
    requirements = (HERE / "requirements.txt").read_text()
    done = VENV / "installed.txt"
    if not done.exists() or done.read_text() != requirements:
        VENV.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
        subprocess.run([VENV / "bin/pip", "install", "--quiet", "-r", HERE / "requirements.txt"], check=True)
        done.write_text(requirements)


def prepare(run, pki):
    """Makes the directory `run` anew, with the certificates that the script `pki` makes."""
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir(parents=True)
    with open(run / "pki.log", "wb") as log:
        subprocess.run(["bash", pki, run], check=True, stdout=log, stderr=log)


# Below those that outgoing connections get (Linux: from 32768 on), so that nothing takes one before its server does.
PORTS = iter(random.sample(range(20_000, 32_000), 12_000))


def free_ports(count):
    """Ports that nobody listens on. None is given twice."""
    ports = []
    while len(ports) < count:
        port = next(PORTS)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        ports.append(port)
    return ports


def start(run, name, port, command):
    """Starts a server that ends with us, and waits until it answers."""
    log = open(run / f"{name}.log", "wb")
    process = subprocess.Popen(command, cwd=run, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    atexit.register(process.wait)
    atexit.register(process.terminate)
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            answers = True
        except OSError:
            answers = False
        # Who answers has to be this server: one that could not bind its ports ends.
        if process.poll() is not None:
            break
        if answers:
            return
        time.sleep(0.05)
    sys.exit(f"{name} did not start:\n" + (run / f"{name}.log").read_text())


def start_nginx(run, config, ports):
    """`ports` fills in what stands between two @; one of them is PLAIN."""
    for file in (config, HERE / "locations.conf"):
        text = re.sub(r"@(\w+)@", lambda name: str(ports[name[1]]), file.read_text())
        (run / file.name).write_text(text)
    (run / "tmp").mkdir()
    command = ["nginx", "-p", f"{run}/", "-c", config.name, "-e", f"{run}/nginx-error.log"]
    start(run, "nginx", ports["PLAIN"], command)


def start_httpbin(run, port):
    options = ["--worker-class", "gthread", "--threads", "8", "--keep-alive", "75", "--log-level", "warning"]
    start(run, "httpbin", port, [VENV / "bin/gunicorn", "--bind", f"127.0.0.1:{port}", *options, "httpbin:app"])
