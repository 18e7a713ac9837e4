"""The public interface, with all features, as text: every item that has a documented path, with its declaration as it is written in
the source, and the traits that it has. Reads what rustdoc writes with `--output-format json`.

    surface.py FILE.json
"""
import json
import pathlib
import re
import sys

doc = json.loads(pathlib.Path(sys.argv[1]).read_text())
index, lines, seen = doc["index"], {}, set()


def inner(item):
    return next(iter(item["inner"].items()))


def declaration(item):
    """The source of an item without its body."""
    if not item["span"]:
        return item["name"] or ""
    (first, column), (last, end) = item["span"]["begin"], item["span"]["end"]
    path = item["span"]["filename"]
    source = lines.setdefault(path, pathlib.Path(path).read_text().splitlines())[first - 1 : last]
    source[-1] = source[-1][:end]
    source[0] = source[0][column - 1 :]
    text = " ".join(re.sub(r"//.*", "", line) for line in source if not line.strip().startswith("#["))
    depth, kind = 0, inner(item)[0]
    for at, char in enumerate(text):
        depth += (char in "<([") - (char in ")]" or char == ">" and text[at - 1] not in "-=")
        ends = "{;=" if kind in ("constant", "static", "assoc_const") else "{;"
        if (char in ends and depth == 0) or (char == "(" and depth == 1 and kind in ("struct", "variant")):
            text = text[:at]
            break
    text = re.sub(r" ?,(?= ?[)>]|$)", "", " ".join(text.split())).replace("( ", "(").replace(" )", ")").replace("< ", "<")
    return text.removesuffix(")") if text.count("(") < text.count(")") else text


def children(ids, indent):
    out = []
    for item in (index[str(id)] for id in ids if id is not None and str(id) in index):
        text = declaration(item)
        out.append(indent + (text if item["name"] in text else f"{item['name']}: {text}"))
        kind, has = inner(item)
        if kind == "variant":
            parts = has["kind"] if isinstance(has["kind"], dict) else {}
            out += children(parts.get("struct", {}).get("fields", parts.get("tuple", [])), indent + "  ")
    return out


def item_lines(item, kind, has):
    out = ["  " + declaration(item)]
    if kind == "struct" and isinstance(has["kind"], dict):
        out += children(has["kind"].get("plain", {}).get("fields", has["kind"].get("tuple", [])), "    ")
    if kind == "enum":
        out += children(has["variants"], "    ")
    if kind == "trait":
        out += children(has["items"], "    ")
        all_of_a_kind = (index[str(id)] for id in has["implementations"] if str(id) in index)
        out += sorted("  " + declaration(one) for one in all_of_a_kind if "generic" in one["inner"]["impl"]["for"])
    derived, headers = [], []
    for one in (index[str(id)] for id in has.get("impls", []) if str(id) in index):
        imp = one["inner"]["impl"]
        if imp["is_synthetic"] or imp["blanket_impl"] or not one["span"]:
            continue
        if "automatically_derived" in one["attrs"]:
            if not imp["trait"]["path"].endswith("StructuralPartialEq"):
                derived.append(imp["trait"]["path"].split("::")[-1])
        elif imp["trait"]:
            headers.append(["  " + declaration(one)])
        else:
            headers.append(["  " + declaration(one), *sorted(children(imp["items"], "    "))])
    if derived:
        out.append("  derive " + ", ".join(sorted(derived)))
    return out + [line for header in sorted(headers) for line in header]


def walk(id, path):
    item = index.get(str(id))
    if item is None:
        return
    kind, has = inner(item)
    if kind == "use":
        target = index.get(str(has["id"]))
        if has["is_glob"] or target is None or target["crate_id"] != 0:
            pages[f"{path}::{has['name']}"] = [f"  pub use {has['source']}"]
        else:
            walk(has["id"], path)
        return
    here = path if kind == "module" and item["name"] == path else f"{path}::{item['name']}"
    if kind == "module":
        if id in seen or "guides" in here:
            return
        seen.add(id)
        for child in has["items"]:
            walk(child, here)
    elif id in first_path and first_path[id] != here:
        pages[here] = [f"  = {first_path[id]}"]
    else:
        first_path[id] = here
        pages[here] = item_lines(item, kind, has)


pages, first_path = {}, {}
walk(doc["root"], "socketpool")
for path, page in sorted(pages.items()):
    print(path, *page, sep="\n")
