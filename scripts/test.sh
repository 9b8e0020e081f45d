#!/bin/sh
# Everything that must hold, each step whatever became of the one before. Usage: scripts/test.sh [static]
#
# Returns 1 when any step failed. No step waits for input, and none runs longer than ESOZ_NOTIFY_TEST_LIMIT_S.
set -u
cd "$(dirname "$0")/.." || exit 2
python=.venv/bin/python
limit_s=${ESOZ_NOTIFY_TEST_LIMIT_S:-3000}
# Where it is set, each of some thousand processes would compile every library anew: half of what starting one costs.
unset PYTHONDONTWRITEBYTECODE
unset ESOZ_NOTIFY_TEST_LIMIT_S ESOZ_NOTIFY_SETUP # for these scripts only; the product refuses settings unknown to it
failed=

# Interrupts a step that hangs, so that it can still say where, and ends it half a minute later.
limited() {
    if command -v timeout >/dev/null; then
        timeout -s INT -k 30 "$limit_s" "$@"
    else
        "$@"
    fi
}

step() {
    name=$1
    shift
    printf '\n== %s\n' "$name"
    limited "$@" </dev/null || failed="$failed, $name"
}

# As step, for tests that watch real clocks while others use the same cores. What failed is played once more, alone:
# a fault fails again and is one; what passes alone was the machine's, and is named so that it can be mended.
step_again() {
    name=$1
    shift
    printf '\n== %s\n' "$name"
    limited "$@" </dev/null && return
    printf '\n== %s: what failed, once more and alone\n' "$name"
    if limited $python -m pytest -n0 --last-failed --last-failed-no-failures none </dev/null; then
        printf '\nUNSTEADY: %s (the tests above failed beside others and passed alone)\n' "$name"
    else
        failed="$failed, $name"
    fi
}

# What takes one core and starts nothing.
quick() {
    step "ruff check" .venv/bin/ruff check .
    step "ruff format" .venv/bin/ruff format --check .
    step "mypy" $python -m mypy
    step "lint-imports" $python -c 'import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_logo=True))'
}

if [ "${1:-}" = static ]; then
    quick
else
    sh scripts/deploy_tools.sh & # meanwhile: it waits for the network, and the last step needs it
    tools=$!
    said=$(mktemp)
    (
        quick
        step "known vulnerabilities" $python scripts/audit.py
        step "generated docs are fresh" $python scripts/generate_docs.py --check
        printf '%s' "${failed#, }" >"$said.failed"
    ) >"$said" 2>&1 & # meanwhile too: the tests of core and channels have one core, so that coverage sees all
    beside=$!
    step "tests of core and channels, alone" $python -m coverage run -m pytest -q --no-header --cache-clear -n0 tests/core tests/channels
    step "they cover every branch" $python -m coverage report
    wait "$beside"
    cat "$said"
    [ -s "$said.failed" ] && failed="$failed, $(cat "$said.failed")"
    rm "$said" "$said.failed"
    # Apart, because they want the cores for themselves and the others watch real providers' clocks.
    step "played worlds" $python -m pytest -q --no-header -n auto --maxprocesses 8 tests/world
    step "kills" $python -m pytest -q --no-header -n0 -m chaos tests/chaos
    wait "$tools"
    # Two more than the cores: much of their time they wait, for a receipt, a window or a process to start.
    step_again "all other tests" $python -m pytest -n "$(($(getconf _NPROCESSORS_ONLN) + 2))" --maxprocesses 8 \
        -m "not chaos" --ignore tests/world --ignore tests/core --ignore tests/channels -o faulthandler_timeout=300
fi

if [ -n "$failed" ]; then
    printf '\nFAILED: %s\n' "${failed#, }"
    exit 1
fi
printf '\nall is well\n'
