"""Whether a file with a secret is closed to others, by its mode.

What belongs here: the rule. What does not: which files, and what is said of one that is open (``vault`` and
``audit_key``).
"""

import os

_OTHERS = 0o077
_OTHERS_BUT_GROUP_READS = 0o037
"""Of a file that root made for us, as systemd's credentials and mounted secrets of Kubernetes are: we read it through
its group, or an access list whose mask stands in the group's place."""


def open_to_others(fd: int) -> bool:
    """Whether somebody besides its owner, or besides us to whom root gave it, may read or write an open file."""
    if os.name != "posix":
        return False
    told = os.fstat(fd)
    is_given = told.st_uid == 0 and os.geteuid() != 0
    return bool(told.st_mode & (_OTHERS_BUT_GROUP_READS if is_given else _OTHERS))
