"""``python -m esoz_notify.cli``: the command without its script."""

from esoz_notify.cli.main import main

main()
