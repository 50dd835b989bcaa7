"""The workflow files: what they run exists, they may do no more than they need, and the image is built as promised."""

import re
from typing import Any

import pytest
import yaml

from tests.harness.parts import ROOT

FOLDER = ROOT / ".github" / "workflows"
# BaseLoader: to YAML 1.1 the key `on` is a boolean.
WORKFLOWS = {path.name: yaml.load(path.read_text(), yaml.BaseLoader) for path in sorted(FOLDER.iterdir())}


def steps(name: str) -> list[dict[str, Any]]:
    return [step for job in WORKFLOWS[name]["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_permissions_are_minimal_and_actions_have_a_version(name: str):
    workflow = WORKFLOWS[name]
    assert workflow["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in workflow["on"]
    for job in workflow["jobs"].values():
        assert "permissions" not in job
        assert int(job["timeout-minutes"]) <= 60
    for step in steps(name):
        assert re.fullmatch(r"(actions|docker)/[a-z-]+@v\d+", step.get("uses", "actions/x@v1"))
        if "checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] == "false"
        # Expressions in scripts could be injected by the name of a branch or tag.
        assert "${{" not in step.get("run", "")


@pytest.mark.parametrize("name", WORKFLOWS)
def test_everything_they_run_exists(name: str):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for command in [step["run"] for step in steps(name) if "run" in step]:
        assert set(re.findall(r"\bmake ([a-z-]+)", command)) <= targets
        for file in re.findall(r"(?:^|=| )((?:\.ci|tests)/\S+|requirements\S*)", command):
            assert (ROOT / file).exists(), file


def test_lint_and_tests_run_on_each_supported_python():
    job = WORKFLOWS["ci.yml"]["jobs"]["test"]
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.13", "3.14"]
    assert {"run": ".ci/run", "env": {"PYTHON": "python${{ matrix.python }}"}} in job["steps"]
    assert re.search(r"^make lint\nmake test$", (ROOT / ".ci/run").read_text(), re.MULTILINE)


def test_packages_containers_and_the_previous_release_are_checked():
    runs = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in WORKFLOWS["ci.yml"]["jobs"].items()}
    assert any("pip-audit --strict" in run for run in runs["audit"])
    assert runs["containers"] == ["make test-containers"]
    assert runs["previous-release"] == ["make test TEST_ARGS=tests/deploy/test_previous_release.py"]
    for job in ("test", "previous-release"):
        [checkout] = [step for step in WORKFLOWS["ci.yml"]["jobs"][job]["steps"] if "checkout" in step.get("uses", "")]
        assert checkout["with"]["fetch-depth"] == "0"


def test_a_tag_publishes_an_image_for_both_architectures_with_sbom_and_provenance():
    assert WORKFLOWS["release.yml"]["on"] == {"push": {"tags": ["v*"]}}
    [build] = [step["with"] for step in steps("release.yml") if "build-push" in step.get("uses", "")]
    assert set(build["platforms"].split(",")) == {"linux/amd64", "linux/arm64"}
    assert (build["push"], build["sbom"], build["provenance"]) == ("true", "true", "mode=max")
    assert all(tag.startswith("${{ vars.IMAGE }}:") for tag in build["tags"].splitlines())
    [login] = [step["with"] for step in steps("release.yml") if "login" in step.get("uses", "")]
    assert login["registry"] == "${{ vars.REGISTRY }}"
