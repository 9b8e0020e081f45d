"""Who acts on the command line, as the audit names it.

What belongs here: the user of this process and its machine. What does not: what is noted (``engine.audit``).
"""

import getpass
import platform
import re


def actor() -> str:
    """``cli:USER@HOST`` of this process, in the letters that the audit takes."""
    return f"cli:{_cleaned(_user())}@{_cleaned(platform.node())}"


def _user() -> str:
    try:
        import pwd
    except ImportError:
        return getpass.getuser()
    import os

    # By the number, which the kernel knows: the environment says whatever it was told to.
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid-{os.getuid()}"


def _cleaned(name: str) -> str:
    return re.sub(r"\d{9,}", "", re.sub(r"[^A-Za-z0-9._-]", "-", name)).strip("-._")[:40] or "unknown"
