"""The bill of materials says what is served: every package of the lock with its hashes, in a form that others read."""

import json
import re
import subprocess

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from tests.architecture import house

from esoz_notify import __version__


def test_it_holds_the_lock_and_is_valid() -> None:
    """Valid CycloneDX 1.6, the same octets each time, a component per pinned package with every hash of it."""
    made = []
    for _ in range(2):
        subprocess.run(["sh", "scripts/sbom.sh"], cwd=house.ROOT, check=True, capture_output=True)
        made.append((house.ROOT / "dist" / f"esoz-notify-{__version__}.cdx.json").read_text("utf-8"))
    assert made[0] == made[1]
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(made[0]) is None

    bill = json.loads(made[0])
    lock = (house.ROOT / "requirements" / "runtime.txt").read_text("utf-8")
    component = bill["metadata"]["component"]
    assert (component["name"], component["version"]) == ("esoz-notify", __version__)
    told = {one["name"].lower(): one["version"] for one in bill["components"]}
    assert told == dict(re.findall(r"^([a-z0-9.-]+)(?:\[[a-z,]+\])?==(\S+)", lock, flags=re.MULTILINE))
    hashes = {
        one["content"]
        for component in bill["components"]
        for reference in component["externalReferences"]
        for one in reference.get("hashes", ())
    }
    assert hashes == set(re.findall(r"--hash=sha256:([0-9a-f]{64})", lock))
