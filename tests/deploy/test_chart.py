"""The chart: helm itself lints and renders it, Kubernetes' schemas know what comes out, and each pod may do nothing."""

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.architecture import house

from esoz_notify import __version__
from esoz_notify.cli.main import COMMANDS
from esoz_notify.settings import PREFIX, read_settings

CHART = house.ROOT / "deploy" / "helm" / "esoz-notify"
TOOLS = house.ROOT / ".venv" / "deploy"
KUBERNETES = ("1.30.0", "1.34.0")
"""The oldest that the chart says it is for, and a new one."""
EVERYTHING: Mapping[str, Any] = {
    "image": {"digest": "sha256:" + "0" * 64},
    "config": {"requests_per_min": 1_000_000, "plain_providers": True, "prices": "diia=0 viber=0.5 sms=0.6"},
    "secret": {"more": {"smscs": "smscs", "viber-api-key": "viber_api_key"}},
    "files": {"configMap": "files"},
    "audit": {"anchorsClaim": "anchors"},
    "tls": {"secretName": "tls"},
    "api": {"autoscaling": {"enabled": True}, "podAnnotations": {"a": "b"}, "tolerations": [{"operator": "Exists"}]},
    "worker": {"autoscaling": {"enabled": True}, "nodeSelector": {"a": "b"}},
    "networkPolicy": {"apiFrom": [{"podSelector": {}}], "databaseTo": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]},
    "metrics": {"port": 9464},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "imagePullSecrets": [{"name": "registry"}],
}
FOREIGN = {"ServiceMonitor", "PodMonitor"}
"""Kinds of the Prometheus operator: Kubernetes has no schema for them."""

Objects = list[dict[str, Any]]


def helm(*words: str, values: Mapping[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
    """Run helm; skips where it is not to be had."""
    program = TOOLS / "helm"
    if not program.exists():
        pytest.skip("helm is not here: sh scripts/deploy_tools.sh")
    more = [] if values is None else ["-f", "-"]
    return subprocess.run(
        [program, *words, *more], input=json.dumps(values), capture_output=True, text=True, check=False, timeout=120,
        env={"HOME": "/nonexistent", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip


def rendered(values: Mapping[str, Any]) -> tuple[str, Objects]:
    """What would be applied."""
    done = helm("template", "notify", str(CHART), "--namespace", "esoz", values=values)
    assert done.returncode == 0, done.stderr
    return done.stdout, [one for one in yaml.safe_load_all(done.stdout) if one]


def pods(objects: Objects) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every pod that would run, by the name of what makes it."""
    for one in objects:
        if one["kind"] in {"Deployment", "Job"}:
            yield one["metadata"]["name"], one["spec"]["template"]["spec"]


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["as it comes", "everything"])
def test_helm_and_kubernetes_take_it(values: Mapping[str, Any], tmp_path: Path) -> None:
    """Helm lints it without a warning; every object fits its schema, with nothing in it that the schema has not."""
    lint = helm("lint", "--strict", str(CHART), values=values)
    assert lint.returncode == 0, lint.stdout + lint.stderr

    text, objects = rendered(values)
    ours = [one for one in objects if one["kind"] not in FOREIGN]
    assert (len(objects) == len(ours)) is not bool(values)
    path = tmp_path / "rendered.yaml"
    path.write_text(yaml.safe_dump_all(ours), encoding="utf-8")
    assert "null" not in text
    for version in KUBERNETES:
        command = [sys.executable, "-m", "kubernetes_validate", "-k", version, "--strict", "--no-warn", str(path)]
        done = subprocess.run(
            command, env={"PYTHONPATH": str(TOOLS / "python")}, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_no_pod_may_do_anything() -> None:
    """Pod Security Standard "restricted", a read-only root, no token of Kubernetes', limits of memory."""
    found = dict(pods(rendered(EVERYTHING)[1]))

    assert set(found) == {"notify-api", "notify-worker", "notify-migrate-pre", "notify-migrate-post"}
    for name, pod in found.items():
        (container,) = pod["containers"]
        assert pod["automountServiceAccountToken"] is False, name
        assert (pod["securityContext"]["runAsNonRoot"], pod["securityContext"]["runAsUser"]) == (True, 65532), name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert "memory" in container["resources"]["limits"], name
        assert container["args"][0] in COMMANDS, name
        assert not [volume for volume in pod["volumes"] if "hostPath" in volume], name


def test_the_service_takes_the_settings_that_pods_get(tmp_path: Path) -> None:
    """Its file is TOML that the service reads, numbers as numbers; every name in the environment is a setting."""
    _, objects = rendered({**EVERYTHING, "metrics": {"port": 0}})
    (config,) = (one["data"]["config.toml"] for one in objects if one["kind"] == "ConfigMap")
    path = tmp_path / "config.toml"
    path.write_text(config, encoding="utf-8")
    assert tomllib.loads(config)["requests_per_min"] == 1_000_000

    for name, pod in pods(objects):
        given = {one["name"]: one["value"] for one in pod["containers"][0]["env"]}
        for secret, text in (("DSN", "host=x"), ("SMSCS", "smpps://a:b@c"), ("VIBER_API_KEY", "k")):
            if PREFIX + secret + "_FILE" in given:
                (tmp_path / secret).write_text(text)
                given[PREFIX + secret + "_FILE"] = str(tmp_path / secret)
        given.pop(PREFIX + "CONFIG", None)
        settings = read_settings(given, path)
        assert (settings.dsn, settings.requests_per_min) == ("host=x", 1_000_000), name
        assert (settings.tls_key is not None) is ("migrate" not in name)


def test_a_worker_that_hangs_is_seen() -> None:
    """Kubernetes asks each worker at the port where it tells its numbers, by default; without the port nobody can."""
    _, objects = rendered({})
    worker = dict(pods(objects))["notify-worker"]["containers"][0]
    assert worker["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "metrics"}
    port = next(one["containerPort"] for one in worker["ports"] if one["name"] == "metrics")
    assert {"name": PREFIX + "METRICS_LISTEN", "value": f"0.0.0.0:{port}"} in worker["env"]

    _, objects = rendered({"metrics": {"port": 0}})
    assert "livenessProbe" not in dict(pods(objects))["notify-worker"]["containers"][0]


def test_migrations_are_hooks_on_both_sides() -> None:
    """What new pods need comes before them, what old ones could not bear after; neither needs the chart's objects."""
    _, objects = rendered({})
    jobs = {one["metadata"]["name"]: one for one in objects if one["kind"] == "Job"}

    for stage in ("pre", "post"):
        job = jobs[f"notify-migrate-{stage}"]
        assert job["metadata"]["annotations"]["helm.sh/hook"] == f"{stage}-install,{stage}-upgrade"
        pod = job["spec"]["template"]["spec"]
        assert pod["containers"][0]["args"] == ["migrate", "--only", stage]
        assert "serviceAccountName" not in pod
        assert [set(volume) - {"name"} for volume in pod["volumes"]] == [{"secret"}]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"nonsense": 1}, "nonsense"),
        ({"config": {"smscs": "smpp://a:b@c"}}, "smscs"),
        ({"config": {"Port": 1}}, "Port"),
        ({"secret": {"name": ""}}, "/secret/name"),
        ({"api": {"replicas": 0}}, "/api/replicas"),
        ({"image": {"digest": "latest"}}, "/image/digest"),
    ],
)
def test_wrong_values_are_refused(values: Mapping[str, Any], said: str) -> None:
    """Before anything is rendered, and a secret may not stand where everybody reads it."""
    done = helm("template", "notify", str(CHART), values=values)
    assert done.returncode != 0
    assert said in done.stderr


def test_the_chart_is_of_this_version() -> None:
    """An installation gets the image that the chart was written for."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert chart["appVersion"] == __version__
