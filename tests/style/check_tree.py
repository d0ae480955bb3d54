#!/usr/bin/env python3
"""Checks the shape of the tree. Run by ctest, or by hand:

    tests/style/check_tree.py [--update] [ROOT]

What is checked:
  arrows    a room includes only the rooms it may use; a public header only public things
  banned    calls that are wrong here (BANNED); `style-ok: reason` on the line lets one through
  lengths   files and functions, as a ratchet: tests/style/lengths.txt lists what is over the limit.
            What is listed may not grow and, once it is shorter, the list has to follow (--update)
  foreign   paths that exist on one machine only

How a function is found: comments, strings and preprocessor lines are blanked, then braces are matched.
At namespace or class level, a `{` after a parameter list opens a function; its length counts from
the first line of its declaration to its last brace. Not seen as functions: lambdas and macros.
"""

import argparse
import dataclasses
import pathlib
import re
import subprocess
import sys

# Room -> the rooms that it may include.
ARROWS = {
    "base": set(),
    "http": {"base"},
    "live": {"base"},
    "net": {"base", "live"},
    "serve": {"base", "http", "live", "net"},
    "site": {"base", "http", "live", "net", "serve"},
    "app": {"base", "http", "live", "net", "serve", "site"},
}

# include/midstream belongs to live, except for these, which belong to base.
BASE_HEADERS = {"check.h", "error.h", "errors.h", "result.h", "version.h"}

# Libraries that only some rooms may use. base and live are installed: they get Boost and threads.
LIBRARIES = {
    "CLI/": {"app"},
    "fmt/": {"serve", "app"},
    "spdlog/": {"serve", "site", "app"},
    "toml++/": {"app"},
    "brotli/": {"site"},
    "zlib.h": {"site"},
    "zstd.h": {"site"},
    "boost/asio": {"base", "live", "net", "serve", "site", "app"},  # http is pure: no socket
}

CXX_SUFFIXES = {".cc", ".h"}
CXX_DIRECTORIES = ("src", "include", "tests", "bench", "fuzz", "examples")
TEXT_SUFFIXES = {"", ".cc", ".h", ".c", ".cmake", ".css", ".go", ".html", ".in", ".js", ".json", ".md",
                 ".mod", ".py", ".sh", ".toml", ".txt", ".yml", ".yaml"}

# (pattern in code without comments and strings, where, why). Where: prefixes of the path.
PRODUCT = ("src/", "include/")
EVERYWHERE = tuple(directory + "/" for directory in CXX_DIRECTORIES)
BANNED = [
    (r"\b(sleep_for|sleep_until|usleep|nanosleep|sleep)\s*\(", PRODUCT + ("fuzz/",),
     "nothing blocks a worker: wait on an event or a timer"),
    (r"(?<![\w.>])s?rand\s*\(", EVERYWHERE, "use <random> with a seed"),
    (r"\b(v?sprintf|strcpy|strcat|gets|strtok|alloca)\s*\(", EVERYWHERE, "has no bound"),
    (r"\b(atoi|atol|atoll|atof)\s*\(", PRODUCT, "hides errors: use std::from_chars"),
    (r"\bstd::cout\b|(?<![\w:.>])(std::)?(printf|puts)\s*\(", ("src/base/", "src/http/", "src/live/",
     "src/net/", "src/serve/", "src/site/", "include/"), "only src/app writes to standard output"),
    (r"\busing\s+namespace\s+std\s*;", EVERYWHERE, "say std::"),
    (r"\bthrow\b", PRODUCT, "our code does not throw: give back a result"),
    (r"\bassert\s*\(", PRODUCT, "vanishes in a release build: use MIDSTREAM_CHECK"),
    (r"(?<![\w.>:])(std::)?(system|popen)\s*\(", PRODUCT, "starts a shell"),
    (r"\.detach\s*\(\s*\)", PRODUCT, "whatever is started is joined"),
]

FILE_LIMIT = {".cc": 400, ".h": 250}
FILE_LIMIT_HARD = 600  # beyond: line 1 is a comment with the word "long" that says why
FUNCTION_LIMIT = 70
LENGTHS = "tests/style/lengths.txt"

# In two parts, so that this file passes its own check.
FOREIGN = [r"(?<![\w.})])/wo" r"rk/", r"/tmp/bash" r"_jobs", r"(?<![\w.})])/ro" r"ot/"]

KEYWORDS = {"if", "for", "while", "switch", "catch", "return", "sizeof", "alignof", "decltype", "do"}


@dataclasses.dataclass(frozen=True)
class Problem:
    path: str
    line: int
    text: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.text}"


def strip(source):
    """Blanks comments, literals and preprocessor lines; every line keeps its number."""
    pattern = re.compile(
        r'(?P<raw>R"(?P<delimiter>[^ ()\\\t\n]*)\(.*?\)(?P=delimiter)")'
        r'|(?P<comment>//(?:\\\n|[^\n])*|/\*.*?\*/)'
        r'|(?P<string>"(?:\\.|[^"\\\n])*")'
        r"|(?P<char>(?<![0-9a-fA-F_])'(?:\\.|[^'\\\n])+')",
        re.DOTALL)

    def blank(match):
        newlines = "\n" * match.group().count("\n")
        if match.lastgroup == "comment":
            return " " + newlines
        return ("''" if match.group("char") else '""') + newlines

    code = pattern.sub(blank, source)
    return re.sub(r"^[ \t]*#(?:\\\n|[^\n])*", lambda m: "\n" * m.group().count("\n"), code,
                  flags=re.MULTILINE)


def parameters_of(head):
    """(text before, text after) the parameter list of a declaration, or None where there is none."""
    depth = 0
    start = None
    for index, char in enumerate(head):
        if char == "(":
            if depth == 0 and start is None:
                start = index
            depth += 1
        elif char == ")":
            depth -= 1
            if depth == 0 and start is not None:
                before = head[:start].rstrip()
                # Attributes, alignas(..), operator() and the like come before the real list.
                if re.search(r"\b(operator|alignas|decltype|noexcept|explicit|requires|__attribute__)$",
                             before):
                    start = None
                    continue
                return before, head[index + 1:]
    return None


def function_name(head):
    """The name that a `{` after this text opens as a function, or None."""
    found = parameters_of(head)
    if not found:
        return None
    before, after = found
    match = re.search(r"(~?[\w:]*(?:<[\w:, ]*>)?[\w:~]*|operator\s*\S{1,3})$", before)
    name = match.group().strip() if match else ""
    operator = re.search(r"([\w:]*operator\s*\S+(?:\s[\w:]+)?)$", before)
    if operator:
        name = operator.group()
    if not name or name in KEYWORDS or re.search(r"[=,]\s*$", before[:len(before) - len(name)]):
        return None
    if "=" in re.sub(r"operator\s*[=<>!+\-*/%&|^]+", "", before) and not re.match(r"\s*template", head):
        return None  # a variable with an initializer
    if re.fullmatch(r"(TYPED_)?TEST(_[FP])?|TYPED_TEST_P", name):
        arguments = head[len(before):].strip()[1:].split(")")[0]
        return ".".join(part.strip() for part in arguments.split(","))
    return name


def functions(source):
    """Yields (name, first line, length in lines) of every function body."""
    code = strip(source)
    line = 1
    head, head_line = "", 0  # what was read since the last complete declaration
    parentheses = 0
    stack = []  # per open brace: "scope", "skip", or (name, first line)
    skipping = 0  # number of open braces whose content is not looked at
    for char in code:
        if char == "\n":
            line += 1
        if skipping == 0:
            if char == "{":
                kind = opened_by(head, parentheses)
                if kind == "function":
                    kind = (function_name(head), head_line)
                stack.append(kind)
                if kind != "scope":
                    skipping = 1
                else:
                    head, head_line = "", 0
                continue
            if char == "}":
                if stack:
                    stack.pop()
                head, head_line, parentheses = "", 0, 0
                continue
            parentheses += {"(": 1, ")": -1}.get(char, 0)
            if char == ";" and parentheses <= 0:
                head, head_line, parentheses = "", 0, 0
                continue
            if not head_line and not char.isspace():
                head_line = line
            head += char
            if re.fullmatch(r"\s*(public|private|protected)\s*:", head):
                head, head_line = "", 0
            continue
        skipping += {"{": 1, "}": -1}.get(char, 0)
        if skipping == 0:
            kind = stack.pop()
            if kind == "skip":
                head += "{}"
            else:
                name, first = kind
                yield name, first, line - first + 1
                head, head_line = "", 0


def opened_by(head, parentheses):
    """What a `{` after `head` opens: "scope" (namespace, class), "function" or "skip"."""
    text = head.strip()
    if parentheses > 0:
        return "skip"
    if not text or re.match(r"(inline\s+)?namespace\b|extern\s*\"\"$", text):
        return "scope"
    declaration = re.sub(r"^(template\s*<.*?>\s*(requires\s.*?)?)?(?=\b(class|struct|union|enum)\b)", "",
                         text, flags=re.DOTALL)
    if re.match(r"enum\b", declaration):
        return "skip"
    if re.match(r"(class|struct|union)\b", declaration) and not re.search(
            r"\)\s*(const|noexcept|override|final)?\s*$", declaration):
        return "scope"
    found = parameters_of(text)
    if not found or function_name(text) is None:
        return "skip"
    after = found[1]
    if re.search(r"(?<!:):(?!:)", after) and re.search(r"[\w>]$", text):
        return "skip"  # a member in the initializer list of a constructor
    if text.endswith(("=", ",", "return")):
        return "skip"
    return "function"


def room_of(path):
    """The room whose rules hold for this file, or None."""
    parts = path.split("/")
    if parts[0] == "src" and len(parts) > 2:
        return parts[1]
    if parts[:2] == ["tests", "unit"] and len(parts) > 3 and parts[2] in ARROWS:
        return parts[2]
    return None


def check_include(root, path, target, quoted):
    """The reason why `path` may not include `target`, or None."""
    room = room_of(path)
    first = target.split("/")[0]
    if path.startswith(("include/", "examples/")):
        if quoted:
            return f'"{target}": a public header and an example include <...> only'
        if "/" in target and first not in ("midstream", "boost", "sys", "linux", "netinet", "arpa"):
            return f"<{target}>: public headers need nothing but the standard library and Boost"
        if path.startswith("include/") and first == "midstream" and (
                path.split("/")[-1] in BASE_HEADERS and target.split("/")[-1] not in BASE_HEADERS):
            return f"<{target}>: it belongs to live, this header to base"
        return None
    if first in ARROWS and not quoted and "/" in target:
        return f"<{target}>: a header of a room is included with quotes"
    if room is None:
        return None
    allowed = ARROWS[room] | {room}
    if quoted and path.startswith("src/"):
        if not (root / "src" / target).is_file():
            return f'"{target}": not found from src/; name the room, as in "{room}/{target}"'
    if quoted and first in ARROWS and first not in allowed:
        return f'"{target}": {room} may not use {first}'
    if not quoted and first == "midstream":
        owner = "base" if target.split("/")[-1] in BASE_HEADERS else "live"
        if owner not in allowed:
            return f"<{target}>: {room} may not use {owner}"
    if not quoted and path.startswith("src/"):
        for prefix, rooms in LIBRARIES.items():
            if target.startswith(prefix) and room not in rooms:
                return f"<{target}>: only for {', '.join(sorted(rooms))}"
    return None


def check_code(root, path, source):
    problems = []
    room = room_of(path)
    if path.startswith("src/") and room is not None and room not in ARROWS:
        problems.append(Problem(path, 1, f"src/{room} is not a room: add it to ARROWS"))
        return problems
    lines = source.split("\n")
    for number, text in enumerate(lines, 1):
        match = re.match(r'\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)', text)
        if match:
            reason = check_include(root, path, match.group(1) or match.group(2), bool(match.group(1)))
            if reason:
                problems.append(Problem(path, number, reason))
    for number, text in enumerate(strip(source).split("\n"), 1):
        if re.search(r"//.*style-ok: \S", lines[number - 1]):
            continue
        for pattern, where, why in BANNED:
            found = re.search(pattern, text) if path.startswith(where) else None
            if found:
                problems.append(Problem(path, number, f"`{found.group().strip()}`: {why}"))
    return problems


def check_foreign(path, source):
    return [Problem(path, number, "a path of one machine")
            for number, text in enumerate(source.split("\n"), 1)
            if any(re.search(pattern, text) for pattern in FOREIGN)]


def measure(path, source):
    """Yields (key, first line, length, limit) of the file and its functions."""
    length = source.count("\n")
    yield path, 1, length, FILE_LIMIT[pathlib.PurePosixPath(path).suffix]
    seen = {}
    for name, first, lines in functions(source):
        seen[name] = seen.get(name, 0) + 1
        key = f"{path}:{name}" + (f"#{seen[name]}" if seen[name] > 1 else "")
        yield key.replace(" ", ""), first, lines, FUNCTION_LIMIT


def read_lengths(root):
    file = root / LENGTHS
    listed = {}
    if file.exists():
        for text in file.read_text().split("\n"):
            if text and not text.startswith("#"):
                length, key = text.split()
                listed[key] = int(length)
    return listed


def write_lengths(root, over):
    """`over` is a list of (key, length, limit)."""
    lines = ["# What is longer than the style asks for. Nothing here may grow; shorten it and run",
             "#   tests/style/check_tree.py --update",
             "# lines file[:function]"]
    lines += [f"{length:5} {key}" for key, length, _ in sorted(over)]
    (root / LENGTHS).parent.mkdir(parents=True, exist_ok=True)
    (root / LENGTHS).write_text("\n".join(lines) + "\n")


def check_lengths(measured, listed):
    """`measured` is a list of (path, key, line, length, limit)."""
    problems = []
    for path, key, line, length, limit in measured:
        known = listed.get(key)
        if known is None and length > limit:
            problems.append(Problem(path, line, f"{key}: {length} lines, the limit is {limit}: split it "
                                    "(or, where it has to be whole, list it with --update)"))
        elif known is not None and length > known:
            problems.append(Problem(path, line, f"{key}: has grown from {known} to {length} lines "
                                    f"(the limit is {limit})"))
        elif known is not None and length < known:
            problems.append(Problem(path, line, f"{key}: now {length} lines, listed with {known}. "
                                    "Well done; run tests/style/check_tree.py --update"))
    keys = {key for _, key, _, _, _ in measured}
    for key in sorted(set(listed) - keys):
        problems.append(Problem(LENGTHS, 1, f"{key} is gone: run tests/style/check_tree.py --update"))
    return problems


def check_hard_limit(path, source):
    first, _, _ = source.partition("\n")
    if source.count("\n") > FILE_LIMIT_HARD and not re.match(r"(//|/\*).*\blong\b", first, re.IGNORECASE):
        return [Problem(path, 1, f"more than {FILE_LIMIT_HARD} lines, and line 1 does not say why: "
                        "`// Long because ...`")]
    return []


def files_of(root):
    """The files of the project: what git knows or would add; without git, all that is there."""
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True, check=False) if (root / ".git").exists() else None
    if listed is not None and listed.returncode == 0:
        names = [name for name in listed.stdout.decode().split("\0") if name]
    else:
        names = [str(file.relative_to(root)) for file in root.rglob("*") if file.is_file()]
        names = [name for name in names if not re.match(r"(build|\.git)/|.*__pycache__/", name)]
    return sorted(name for name in names if (root / name).is_file())


def check_tree(root, update=False):
    problems, measured = [], []
    for path in files_of(root):
        suffix = pathlib.PurePosixPath(path).suffix
        if suffix not in TEXT_SUFFIXES or path.startswith("fuzz/corpus/"):
            continue
        try:
            source = (root / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        problems += check_foreign(path, source)
        if suffix in CXX_SUFFIXES and path.startswith(EVERYWHERE):
            problems += check_code(root, path, source)
            problems += check_hard_limit(path, source)
            measured += [(path, *values) for values in measure(path, source)]
    if update:
        write_lengths(root, [(key, length, limit) for _, key, _, length, limit in measured
                             if length > limit])
    # A key counts once it is over its limit: a listed one that fits again is asked to leave the list.
    problems += check_lengths(measured, read_lengths(root))
    return problems


def main():
    parser = argparse.ArgumentParser(description="Checks the shape of the tree.")
    parser.add_argument("root", nargs="?", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--update", action="store_true", help=f"rewrite {LENGTHS}")
    arguments = parser.parse_args()
    problems = check_tree(arguments.root, arguments.update)
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems" if problems else "the tree is in shape")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
