"""deploy/kubernetes against the schemas of Kubernetes, the settings of the site, its commands, and docker-compose.yml."""

import re
from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest
import yaml

from config import VARIABLES
from tests.deploy.commands import refuse_unknown
from tests.harness.parts import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
EXAMPLE = "secret.example.yaml"
FILES = sorted(path.name for path in FOLDER.glob("*.yaml"))
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
MANIFESTS = {name: yaml.safe_load((FOLDER / name).read_text()) for name in FILES if name != "kustomization.yaml"}
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
DEPLOYMENTS = {name: manifest for name, manifest in MANIFESTS.items() if manifest["kind"] == "Deployment"}
PODS = {name: manifest["spec"]["template"] for name, manifest in MANIFESTS.items() if manifest["kind"] in {"Deployment", "Job"}}
# Manifest: the service of docker-compose.yml.
SERVICES = {f"{name}.yaml": name for name in ("web", "worker", "mail-worker", "beat", "migrate")}


def container(name: str) -> dict[str, Any]:
    [found] = PODS[name]["spec"]["containers"]
    return found


@pytest.mark.parametrize("name", MANIFESTS)
def test_each_manifest_matches_its_schema(name: str):
    # Raises ValidationError. Strict: no property that the schema does not have.
    kubernetes_validate.validate(MANIFESTS[name], "1.37", strict=True)


def test_the_base_has_every_file_but_the_example():
    assert sorted(KUSTOMIZATION["resources"]) == sorted(MANIFESTS.keys() - {EXAMPLE})
    assert set(PODS) == set(SERVICES)
    kinds = sorted(manifest["kind"] for manifest in MANIFESTS.values())
    assert kinds == ["ConfigMap", *["Deployment"] * 4, "Ingress", "Job", "PodDisruptionBudget", "Secret", "Service"]


def test_no_secret_has_a_value():
    assert set(MANIFESTS[EXAMPLE]["stringData"].values()) == {""}
    secret = {"SECRET_KEY", "TICKET_SECRET", "DB_PASSWORD", "REDIS_PASSWORD", "EMAIL_HOST_PASSWORD", "METRICS_TOKEN"}
    assert secret <= MANIFESTS[EXAMPLE]["stringData"].keys()
    assert not secret & MANIFESTS["configmap.yaml"]["data"].keys()
    assert "@" not in MANIFESTS["configmap.yaml"]["data"]["REDIS_URL"]


def test_every_setting_is_known_and_read_by_every_pod():
    settings, secret = MANIFESTS["configmap.yaml"], MANIFESTS[EXAMPLE]
    assert settings["data"].keys() | secret["stringData"].keys() <= VARIABLES
    assert all(isinstance(value, str) for value in settings["data"].values())
    sources = [{"configMapRef": {"name": settings["metadata"]["name"]}}, {"secretRef": {"name": secret["metadata"]["name"]}}]
    for name in PODS:
        assert container(name)["envFrom"] == sources, name
        assert "env" not in container(name), name


def test_selectors_match_exactly_their_pods():
    labels = {name: pod["metadata"]["labels"] for name, pod in PODS.items()}
    selectors = {name: manifest["spec"]["selector"]["matchLabels"] for name, manifest in DEPLOYMENTS.items()}
    assert all(matching(labels, selector) == [name] for name, selector in selectors.items())
    assert matching(labels, MANIFESTS["service.yaml"]["spec"]["selector"]) == ["web.yaml"]
    assert matching(labels, MANIFESTS["poddisruptionbudget.yaml"]["spec"]["selector"]["matchLabels"]) == ["web.yaml"]
    [spread] = PODS["web.yaml"]["spec"]["topologySpreadConstraints"]
    assert matching(labels, spread["labelSelector"]["matchLabels"]) == ["web.yaml"]


def matching(labels: dict[str, dict[str, str]], selector: dict[str, str]) -> list[str]:
    return [name for name, given in labels.items() if selector.items() <= given.items()]


def test_requests_reach_the_web_server():
    [rule] = MANIFESTS["ingress.yaml"]["spec"]["rules"]
    [path] = rule["http"]["paths"]
    service = MANIFESTS["service.yaml"]
    [port] = service["spec"]["ports"]
    assert path["backend"]["service"] == {"name": service["metadata"]["name"], "port": {"name": port["name"]}}
    [published] = container("web.yaml")["ports"]
    assert port["targetPort"] == published["name"]
    assert f"\n    GRANIAN_PORT={published['containerPort']} " in (ROOT / "Dockerfile").read_text()
    assert MANIFESTS["configmap.yaml"]["data"]["SITE_URL"] == f"https://{rule['host']}"
    assert MANIFESTS["ingress.yaml"]["spec"]["tls"][0]["hosts"] == [rule["host"]]


@pytest.mark.parametrize(("name", "service"), SERVICES.items())
def test_commands_and_limits_are_those_of_compose(name: str, service: str):
    theirs, ours = COMPOSE[service], container(name)
    assert " ".join(ours.get("command", [])) == theirs.get("command", "")
    if "command" in ours:
        refuse_unknown(ours["command"])
    limits = theirs["deploy"]["resources"]["limits"]
    assert ours["resources"]["limits"] == {"cpu": limits["cpus"], "memory": f"{limits['memory']}i"}
    assert ours["image"] == KUSTOMIZATION["images"][0]["name"]
    sizes = {mount.partition(":")[0]: re.search(r"size=(\d+)m", mount)[1] + "Mi" for mount in theirs["tmpfs"]}
    volumes = {volume["name"]: volume["emptyDir"] for volume in PODS[name]["spec"]["volumes"]}
    mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in ours["volumeMounts"]}
    assert mounts == {path: {"medium": "Memory", "sizeLimit": size} for path, size in sizes.items()}


@pytest.mark.parametrize("name", PODS)
def test_pods_have_no_privileges(name: str):
    pod = PODS[name]["spec"]
    user = pod["securityContext"]
    assert (user["runAsNonRoot"], user["runAsUser"], user["fsGroup"]) == (True, 10001, 10001)
    assert user["seccompProfile"] == {"type": "RuntimeDefault"}
    assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False)
    limits = container(name)["securityContext"]
    assert limits == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}


def test_the_web_is_probed_by_http_and_drained_before_it_stops():
    web = container("web.yaml")
    probes = {name: web[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness", "liveness")}
    assert {name: probe["path"] for name, probe in probes.items()} == {
        "startup": "/healthz",
        "readiness": "/readyz",
        "liveness": "/healthz",
    }
    # ALLOWED_HOSTS refuses the address of the pod.
    assert all(probe["httpHeaders"] == [{"name": "Host", "value": "localhost"}] for probe in probes.values())
    _, pause = web["lifecycle"]["preStop"]["exec"]["command"]
    stop = int(re.search(r"GRANIAN_WORKERS_KILL_TIMEOUT=(\d+)", (ROOT / "Dockerfile").read_text())[1])
    assert PODS["web.yaml"]["spec"]["terminationGracePeriodSeconds"] >= int(pause) + stop


@pytest.mark.parametrize("name", ["worker.yaml", "mail-worker.yaml", "beat.yaml"])
def test_workers_and_beat_are_probed_as_in_compose(name: str):
    kind, *command = COMPOSE[SERVICES[name]]["healthcheck"]["test"]
    assert kind == "CMD"
    for probe in ("startupProbe", "livenessProbe"):
        assert container(name)[probe]["exec"]["command"] == command
    refuse_unknown(command)


def test_there_is_one_beat_and_releases_replace_pods_one_by_one():
    beat = MANIFESTS["beat.yaml"]["spec"]
    assert (beat["replicas"], beat["strategy"]) == (1, {"type": "Recreate"})
    for name in DEPLOYMENTS.keys() - {"beat.yaml"}:
        assert DEPLOYMENTS[name]["spec"]["strategy"] == {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}, name
    web, budget = MANIFESTS["web.yaml"]["spec"], MANIFESTS["poddisruptionbudget.yaml"]["spec"]
    assert web["replicas"] > budget["minAvailable"] >= 1


def test_the_guide_names_what_exists():
    guide = (FOLDER / "README.md").read_text()
    assert "**Never run on a cluster.**" in guide
    names = {manifest["metadata"]["name"] for manifest in MANIFESTS.values()}
    for kind, name in re.findall(r"\b(job|deployment|secret generic)[ /](evently[\w-]*)", guide):
        assert name in names, kind
    chosen = re.search(r"component in \(([^)]+)\)", guide)[1].split(", ")
    assert sorted(set(components()) & set(chosen)) == sorted(chosen)
    keys = set(re.findall(r"--from-literal=(\w+)=", guide))
    assert keys <= MANIFESTS[EXAMPLE]["stringData"].keys()


def components() -> Iterator[str]:
    return (manifest["metadata"]["labels"]["app.kubernetes.io/component"] for manifest in MANIFESTS.values())
