import fcntl
from pathlib import Path

import pytest

from evently.launch import lock
from evently.launch.processes import LaunchError


def test_a_second_launcher_on_the_same_data_waits_a_while_and_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lock, "PATIENCE", 0.2)
    with (tmp_path / "run.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(LaunchError, match="already runs"):
            lock.take_lock(tmp_path / "run.lock")
    assert "has not ended yet" in capfd.readouterr().out
