#!/usr/bin/env python3
"""Checks who imports whom in src/: each folder only what MAY allows it, and no circle, of folders or of files.

An arrow goes from the file that names a thing to the file that defines it: re-exports (`pub use`) are followed, not counted.
Tests and comments do not count. `--all` prints every arrow between folders, and the files it comes from."""
import collections, pathlib, re, sys

# What a folder or file of src/ may import, besides what may be imported by all.
EVERYBODY = "addr cell date error fmt sync time traits base64".split()
MAY = {
    "addr": "", "base64": "", "date": "", "fmt": "", "sync": "", "cell": "sync", "time": "",
    "http": "addr base64 date", "error": "http", "traits": "error time", "constants": "error stack",
    "stack": "", "tls": "", "pool": "stack tls", "ntp": "stack pool tls", "exchange": "http",
    "requests": "http exchange pool tls",
    "embassy": "stack pool tls requests", "host": "stack pool tls requests blocking", "blocking": "stack pool tls ntp http exchange requests", "mock": "stack pool tls blocking",
}
LEAVES = {"addr", "base64", "date", "fmt", "sync", "cell", "time", "error", "http"}  # these get what is written, nothing else

src = pathlib.Path(__file__).parent.parent / "src"


def bare(text):
    text = re.sub(r"^\s*#\[cfg\((?:all\()?test\b[^\]]*\]\s*(?:pub(?:\([^)]*\))? )?mod \w+ \{.*?^\}", "", text, flags=re.S | re.M)
    return re.sub(r"//[^\n]*", "", text)


def leaves(tree):
    """The paths in a `use` tree: `a::{b, c::d as e}` has `a::b` and `a::c::d`."""
    tree = tree.strip()
    if "{" not in tree:
        yield tree.split(" as ")[0].strip()
        return
    head, inside = tree.split("{", 1)
    depth, part = 0, ""
    for char in inside[: inside.rindex("}")] + ",":
        depth += (char == "{") - (char == "}")
        if char == "," and depth == 0:
            if part.strip():
                yield from (head.strip() + path for path in leaves(part))
            part = ""
        else:
            part += char


files = {}
for path in sorted(src.rglob("*.rs")):
    parts = path.relative_to(src).with_suffix("").parts
    files[parts[:-1] if parts[-1] in ("mod", "lib") else parts] = bare(path.read_text())
exports = collections.defaultdict(dict)


def absolute(module, path):
    parts, here = path.replace(" ", "").replace("\n", "").split("::"), list(module)
    if parts[0] == "crate":
        here, parts = [], parts[1:]
    elif parts[0] not in ("self", "super") and tuple(module) + (parts[0],) not in files:
        return None
    while parts and parts[0] in ("self", "super"):
        here = here[:-1] if parts.pop(0) == "super" else here
    return tuple(here + parts)


def home(path, hops=8):
    """The module whose file defines what `path` names."""
    for end in range(len(path), -1, -1):
        if path[:end] in files:
            name = path[end] if end < len(path) else None
            again = exports[path[:end]].get(name)
            return home(again + path[end + 1:], hops - 1) if again and hops else path[:end]
    return None


for module, text in files.items():
    for tree in re.findall(r"pub(?:\([^)]*\))? use ([^;]+);", text):
        for path in map(lambda leaf: absolute(module, leaf), leaves(tree)):
            if path:
                exports[module][path[-1]] = path

arrows = collections.defaultdict(set)
for module, text in files.items():
    text = re.sub(r"pub(?:\([^)]*\))? use [^;]+;", "", text)
    named = [leaf for tree in re.findall(r"^\s*use ([^;]+);", text, flags=re.M) for leaf in leaves(tree)]
    named += re.findall(r"\b(?:crate|super|self)(?:::\w+)+", re.sub(r"^\s*use [^;]+;", "", text, flags=re.M))
    for path in map(lambda leaf: absolute(module, leaf), named):
        if path is not None and (target := home(path)) is not None and target != module:
            arrows[module].add(target)


def circles(graph):
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            circle = stack[stack.index(node):]
            del stack[stack.index(node):]
            if len(circle) > 1:
                found.append(sorted(circle))

    sys.setrecursionlimit(10_000)
    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


bad = 0
folders, reasons = collections.defaultdict(set), collections.defaultdict(set)
for module, targets in arrows.items():
    for target in targets:
        if module and target and module[0] != target[0]:
            folders[module[0]].add(target[0])
            reasons[module[0], target[0]].add("::".join(module) + " -> " + "::".join(target))
for folder in sorted({module[0] for module in files if module}):
    allowed = set(MAY.get(folder, "").split()) | (set() if folder in LEAVES else set(EVERYBODY))
    for target in sorted(folders[folder] - allowed):
        print(f"{folder} may not import {target}: " + ", ".join(sorted(reasons[folder, target])))
        bad += 1
for circle in circles(folders):
    print("a circle of folders:", ", ".join(circle))
    bad += 1
for circle in circles(arrows):
    print("a circle of files:", ", ".join("::".join(module) or "lib" for module in circle))
    bad += 1
if "--all" in sys.argv:
    for pair in sorted(reasons):
        print(f"{pair[0]} -> {pair[1]}: " + ", ".join(sorted(reasons[pair])))
print(f"{len(files)} files, {sum(map(len, arrows.values()))} arrows, {bad} against the plan")
sys.exit(bad > 0)
