"""Which modes keep a secret's file closed: our own file's, and one's that root made for us."""

import os
from pathlib import Path

import pytest

from esoz_notify.store.private_files import open_to_others

NOBODY = 65534


@pytest.mark.parametrize(
    ("mode", "of_root", "is_open"),
    [
        (0o600, False, False),
        (0o400, False, False),
        (0o640, False, True),
        (0o604, False, True),
        (0o440, True, False),
        (0o400, True, False),
        (0o460, True, True),
        (0o444, True, True),
    ],
)
def test_modes(tmp_path: Path, mode: int, of_root: bool, is_open: bool) -> None:
    """A group may read what root gave to us through it, as systemd and Kubernetes do, and nothing of our own."""
    if os.geteuid() != 0:
        pytest.skip("root is needed to give files away")
    path = tmp_path / "secret"
    path.touch()
    path.chmod(mode)
    os.chown(path, 0 if of_root else NOBODY, 0)
    fd = os.open(path, os.O_RDONLY)
    try:
        os.seteuid(NOBODY)
        found = open_to_others(fd)
    finally:
        os.seteuid(0)
        os.close(fd)
    assert found is is_open
