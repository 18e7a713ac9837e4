"""Looks at every link in the files named: what is local must be there, its anchor too; what is elsewhere must have the form of
an address, and not be a page of ours that is not published. Nothing is fetched."""
import pathlib
import re
import sys

LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)|^ {0,3}\[[^\]^]+\]: (\S+)|<(https?:[^>\s]*)>")
ADDRESS = re.compile(r"https://[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?(/[^\s<>\"]*)?")
UNPUBLISHED = re.compile(r"https://(docs\.rs|crates\.io/crates|lib\.rs/crates)/socketpool\b")


def anchors(text):
    """The names by which the headings of a page can be linked to."""
    headings = re.findall(r"^#+ +(.+?) *#*$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def fault(path, target):
    if re.match(r"[a-z]+:(?!:)", target):
        if not ADDRESS.fullmatch(target):
            return "no https address"
        return "a page of ours that is not published" if UNPUBLISHED.match(target) else None
    if path.suffix != ".md":
        return None  # an item's name: rustdoc checks it
    name, _, anchor = target.partition("#")
    file = path.parent / name if name else path
    if not file.exists():
        return "no such file"
    if anchor and file.suffix == ".md" and anchor not in anchors(file.read_text()):
        return "no such heading"
    return None


count, bad = 0, 0
for path in map(pathlib.Path, sys.argv[1:]):
    fenced = False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if path.suffix == ".rs":
            if not (comment := re.match(r"\s*//[/!] ?(.*)", line)):
                continue
            line = comment[1]
        if line.lstrip().startswith("```"):
            fenced = not fenced
        if fenced:
            continue
        for match in LINK.finditer(re.sub(r"`[^`]*`", "``", line)):
            target = next(filter(None, match.groups()))
            count += 1
            if reason := fault(path, target):
                bad += 1
                print(f"{path}:{number}: {target}: {reason}")
print(f"{count} links, {bad} dead")
sys.exit(bad > 0)
