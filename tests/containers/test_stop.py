"""Last: every container ends on SIGTERM, within its time."""

from tests.containers.project import Project


def test_everything_ends_within_its_time(project: Project):
    names = project.run("docker", "compose", "ps", "--format", "{{.Service}} {{.ID}}").stdout.split("\n")
    running = dict(line.split() for line in names if line)
    project.compose("--profile", "*", "stop")
    codes = {part: project.inspect(container, "{{.State.ExitCode}}") for part, container in running.items()}
    # 137 is a process that had to be killed.
    assert "137" not in codes.values(), codes
