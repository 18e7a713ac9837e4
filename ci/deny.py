"""Checks what comes with the crate against deny.toml: licences, and crates in two versions. What `cargo deny check licenses bans`
does, where that is not installed; its advisories need a database, and are left to it."""
import collections
import json
import re
import subprocess
import tomllib

rules = tomllib.load(open("deny.toml", "rb"))
allowed = set(rules["licenses"]["allow"])
skipped = {entry["crate"] for entry in rules["bans"]["skip"]}
filters = [option for target in rules["graph"]["targets"] for option in ("--filter-platform", target)]
command = ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features", *filters]
meta = json.loads(subprocess.check_output(command))
packages = {package["id"]: package for package in meta["packages"]}
nodes = {node["id"]: node for node in meta["resolve"]["nodes"]}


def may(licence):
    """An SPDX expression of names, AND, OR and parentheses, in which a slash is an OR."""
    words = re.findall(r"[()]|[^\s()]+", re.sub(r" WITH \S+", "", licence.replace("/", " OR ")))
    return eval(" ".join(word.lower() if word in ("AND", "OR") else word if word in "()" else str(word in allowed) for word in words))


todo, reached = [meta["resolve"]["root"]], set()
while todo:
    here = todo.pop()
    if here not in reached:
        reached.add(here)
        todo += [dep["pkg"] for dep in nodes[here]["deps"] if any(kind["kind"] != "dev" for kind in dep["dep_kinds"])]
bad, versions = 0, collections.defaultdict(set)
for package in (packages[id] for id in sorted(reached)):
    versions[package["name"]].add(package["version"])
    if not may(package["license"] or "none"):
        print(f"{package['name']} {package['version']}: {package['license']} is not among the licences of deny.toml")
        bad += 1
for name, several in sorted(versions.items()):
    if len([version for version in several if f"{name}@{version}" not in skipped]) > 1:
        print(f"{name} comes in versions {', '.join(sorted(several))}")
        bad += 1
print(f"{len(reached)} packages, {bad} against deny.toml")
raise SystemExit(bad > 0)
