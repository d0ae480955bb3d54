"""Adds up the reports of scripts/test: what failed, and one closing line.

    summarize.py DIRECTORY

Reads ctest's JUnit files (*.xml) and the names of the steps that failed (failed-steps.txt).
Exits with 1 when anything failed or nothing ran.
"""

import pathlib
import sys
import xml.etree.ElementTree


def outcome(case):
    """passed, skipped or failed; a test that could not be started has failed."""
    status = case.get("status")
    if status == "run":
        return "passed"
    skipped = case.find("skipped")
    message = skipped.get("message", "") if skipped is not None else ""
    if status == "disabled" or message.startswith(("SKIP_", "Skipped")):
        return "skipped"
    return "failed"


def main(directory):
    outcomes = {"passed": [], "failed": [], "skipped": []}
    for report in sorted(directory.glob("*.xml")):
        cases = list(xml.etree.ElementTree.parse(report).getroot().iter("testcase"))
        if not cases:
            outcomes["failed"].append(f"{report.stem}: no test ran")
        for case in cases:
            outcomes[outcome(case)].append(f"{report.stem}: {case.get('name')}")
    steps = directory / "failed-steps.txt"
    if steps.exists():
        outcomes["failed"] += steps.read_text().splitlines()

    for kind in ("skipped", "failed"):
        if outcomes[kind]:
            print(f"\n{kind}:")
            for name in outcomes[kind]:
                print(f"  {name}")
    print()
    passed, failed, skipped = (len(outcomes[kind]) for kind in ("passed", "failed", "skipped"))
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
