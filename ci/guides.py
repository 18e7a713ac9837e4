"""Takes the marked blocks out of docs/*.md: `<!-- file: PATH -->` and `<!-- add: PATH -->` write the block that follows to a file or
behind what is there, `<!-- run: NAME -->` names a shell script.

    guides.py files FOLDER   writes the files of all guides
    guides.py add FOLDER     adds to those that must be there first
    guides.py run NAME       prints the scripts of this name, in order
"""
import pathlib
import re
import sys

BLOCK = re.compile(r"^<!-- (file|add|run): ([^ ,]+)(?:, after `([^`]+)`)? -->\n```[^\n]*\n(.*?)^```$", re.M | re.S)
verb, argument = sys.argv[1:]
found = 0
for page in sorted(pathlib.Path("docs").glob("*.md")):
    for kind, name, before, text in BLOCK.findall(page.read_text()):
        if verb == "run":
            if (kind, name) == ("run", argument):
                print(text)
                found += 1
        elif kind == verb.removesuffix("s"):
            path = pathlib.Path(argument, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            if kind == "add":
                assert path.exists(), f"{page}: {path} is not there"
                text = path.read_text() + "\n" + text
            path.write_text((before + "\n\n" if before else "") + text)
            found += 1
sys.exit(0 if found else f"no block: {verb} {argument}")
