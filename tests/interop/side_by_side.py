"""usage: side_by_side.py REQUEST ROOT BASE...

Makes the same calls with REQUEST (the built examples/request), through both of its faces, and with python-requests, and
prints what each made of them. BASE is where an httpbin answers, ROOT the certificate that it is trusted by over TLS.
Exits with the number of calls whose status or body differ. Run by run.py, with the Python of its virtual environment.
"""

import json
import subprocess
import sys

import requests

BINARY, ROOT, *BASES = sys.argv[1:]

# What to call, how to say it to REQUEST, and how to python-requests.
CALLS = [
    ("/get?a=1", [], {}),
    # A blank in a query is %20 here and a plus sign there, which httpbin shows; JSON has no blanks and no escapes here.
    ("/get", ["--query", "city=Den Haag", "--query", "a&b=é"], {"params": "city=Den%20Haag&a%26b=%C3%A9"}),
    ("/headers", ["-H", "X-One: 1", "-H", "User-Agent: me"], {"headers": {"X-One": "1", "User-Agent": "me"}}),
    ("/user-agent", ["-H", "User-Agent: me"], {"headers": {"User-Agent": "me"}}),
    ("/post", ["--json", '{"a": [1, "é"]}'], 
     {"method": "POST", "data": '{"a": [1, "é"]}'.encode(), "headers": {"Content-Type": "application/json"}}),
    ("/post", ["--form", "name=a b", "--form", "sign=&=+é"], {"method": "POST", "data": {"name": "a b", "sign": "&=+é"}}),
    ("/post", ["-X", "POST", "-d", "text", "-H", "Content-Type: text/plain"],
     {"method": "POST", "data": "text", "headers": {"Content-Type": "text/plain"}}),
    ("/put", ["-X", "PUT", "-d", "x", "-H", "Content-Type: a/b"], {"method": "PUT", "data": "x", "headers": {"Content-Type": "a/b"}}),
    ("/patch", ["-X", "PATCH", "-d", "x", "-H", "Content-Type: a/b"], {"method": "PATCH", "data": "x", "headers": {"Content-Type": "a/b"}}),
    ("/delete", ["-X", "DELETE"], {"method": "DELETE"}),
    ("/get", ["-X", "HEAD"], {"method": "HEAD"}),
    ("/basic-auth/user/pass%20word", ["--user", "user:pass word"], {"auth": ("user", "pass word")}),
    ("/basic-auth/user/passwd", ["--user", "user:wrong"], {"auth": ("user", "wrong")}),
    ("/bearer", ["--bearer", "t0ken"], {"headers": {"Authorization": "Bearer t0ken"}}),
    *((f"/status/{status}", ["--no-redirect"], {"allow_redirects": False})
      for status in (200, 201, 202, 204, 301, 302, 304, 307, 400, 401, 403, 404, 405, 418, 429, 500, 502, 503)),
    ("/redirect-to?url=https%3A%2F%2Fexample.invalid%2F", ["--no-redirect"], {"allow_redirects": False}),
    ("/absolute-redirect/3", [], {}),
    ("/gzip", ["--compressed"], {"headers": {"Accept-Encoding": "gzip, deflate"}}),
    ("/deflate", ["--compressed"], {"headers": {"Accept-Encoding": "gzip, deflate"}}),
    ("/stream/7", [], {}),
    ("/stream-bytes/5000?seed=1&chunk_size=77", [], {}),
    ("/drip?duration=1&numbytes=8&delay=0", [], {}),
    ("/bytes/0", [], {}),
    ("/bytes/100000?seed=7", [], {}),
    ("/range/1000", [], {}),
    ("/range/1000", ["-H", "Range: bytes=10-19"], {"headers": {"Range": "bytes=10-19"}}),
    ("/range/1000?chunk_size=33", ["-H", "Range: bytes=990-"], {"headers": {"Range": "bytes=990-"}}),
    ("/encoding/utf8", [], {}),
    ("/image/png", [], {}),
    ("/image/jpeg", [], {}),
    ("/html", [], {}),
    ("/json", [], {}),
    ("/xml", [], {}),
    ("/robots.txt", [], {}),
    ("/links/3/1", [], {}),
    ("/cookies", ["-H", "Cookie: a=1; b=2"], {"headers": {"Cookie": "a=1; b=2"}}),
    ("/cookies/set?a=1", ["--no-redirect"], {"allow_redirects": False}),
    ("/response-headers?X-One=1&X-One=2", [], {}),
    ("/cache/60", [], {}),
    ("/etag/abc", ["-H", 'If-None-Match: "abc"'], {"headers": {"If-None-Match": '"abc"'}}),
    ("/base64/aGVsbG8%3D", [], {}),
    ("/anything/a%2Fb/%C3%A9?x=%20", [], {}),
]
# What says who asked, and is not for comparison.
PERSONAL = {"User-Agent", "Accept", "Accept-Encoding", "Connection"}


def without_the_person(body):
    if len(lines := body.splitlines()) > 1 and all(line.startswith(b"{") and line.endswith(b"}") for line in lines):
        return [without_the_person(line) for line in lines]
    try:
        document = json.loads(body)
    except ValueError:
        return body
    if isinstance(document, dict) and isinstance(document.get("headers"), dict):
        # A DELETE without content says Content-Length: 0 there.
        none = ("Content-Length", "0")
        document["headers"] = {k: v for k, v in document["headers"].items() if k not in PERSONAL and (k, v) != none}
    return document


def ask_requests(url, options):
    options = {"method": "GET", "timeout": 20, "verify": ROOT} | options
    answer = requests.request(url=url, **options)
    return str(answer.status_code), without_the_person(answer.content)


def ask_ours(face, url, arguments):
    command = [BINARY, "--face", face, "--cacert", ROOT, "-i", *arguments, url]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    if done.returncode:
        return f"exit {done.returncode}", done.stderr
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    return head.split(b" ")[1].decode(), without_the_person(body)


differ = 0
print(f"{'call':60} {'requests':>8} {'async':>8} {'blocking':>8}  body")
for base in BASES:
    print(base)
    for path, arguments, options in CALLS:
        theirs = ask_requests(base + path, options)
        ours = [ask_ours(face, base + path, arguments) for face in ("async", "blocking")]
        same = all(answer == theirs for answer in ours)
        differ += not same
        call = " ".join([options.get("method", "GET"), path, *arguments])
        size = len(theirs[1]) if isinstance(theirs[1], bytes) else "JSON"
        verdict = f"same ({size})" if same else f"DIFFERS: {theirs[1]!r:.120} | {ours[0][1]!r:.120}"
        print(f"{call:60.60} {theirs[0]:>8} {ours[0][0]:>8} {ours[1][0]:>8}  {verdict}", flush=True)
print(f"{len(BASES) * len(CALLS)} calls, {differ} differ")
sys.exit(min(differ, 100))
