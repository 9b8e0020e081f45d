"""One target under libFuzzer, which keeps every input that reaches code no other did. Needs atheris.

Usage: python -m tests.fuzz.guided TARGET [libFuzzer's options and folders]. Never returns: libFuzzer ends the process.
"""

import sys

import atheris

with atheris.instrument_imports(include=["esoz_notify", "tomllib"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Fuzz the target that the first argument names."""
    target = TARGETS[sys.argv[1]]
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target.play)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
