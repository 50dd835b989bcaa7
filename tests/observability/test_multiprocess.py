"""Several processes, one answer: what each counted is added up, and nothing is lost when one ends or forks."""

import subprocess
import sys

from tests.harness.parts import ROOT
from tests.observability.reading import figures

BEGIN = """
import os, sys
from pathlib import Path
from prometheus_client import generate_latest
from evently.observability import metrics, multiprocess

def count():
    metrics.count_request("GET", "/", 200, 0.02)
    metrics.count_lookup("list", is_hit=True)
    metrics.set_connections(1)

count()
multiprocess.share(Path(sys.argv[1]))
count()
"""
FORK = """
if os.fork() == 0:
    count()
    os._exit(0)
os.wait()
"""
WAIT = "print('counted', flush=True); sys.stdin.read()"
TELL = "print(generate_latest(multiprocess.MultiprocessCollector()).decode())"
REQUESTS = 'evently_http_request_duration_seconds_count{method="GET",route="/",status="200"}'
FOUND = 'evently_cache_lookups_total{kind="list",result="found"}'


def command(program, directory):
    return [sys.executable, "-c", BEGIN + program, str(directory)]


def tell(directory):
    return figures(subprocess.run(command(TELL, directory), cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def test_processes_that_live_and_that_ended_count_together(tmp_path):
    directory = tmp_path / "metrics"
    with subprocess.Popen(command(WAIT, directory), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "counted\n"
        told = tell(directory)
        assert (told[REQUESTS], told[FOUND], told["evently_database_connections_in_use"]) == (4, 4, 2)
        other.communicate("")
    # Its number belongs to somebody else now, who lives as long as the machine.
    for path in directory.glob(f"*_{other.pid}.db"):
        path.rename(path.with_name(path.name.replace(str(other.pid), "1")))
    # Both have ended: sums never shrink, connections are closed. A third asks, and counts itself.
    subprocess.run(command(FORK, directory), cwd=ROOT, check=True)
    told = tell(directory)
    assert (told[REQUESTS], told[FOUND], told["evently_database_connections_in_use"]) == (4 + 3 + 2, 4 + 3 + 2, 1)
    assert told['evently_http_request_duration_seconds_bucket{le="0.025",method="GET",route="/",status="200"}'] == 9
    # What ended, and the last who asked.
    assert sorted(path.name for path in directory.glob("*_ended.db")) == ["counter_ended.db", "histogram_ended.db"]
    assert len(list(directory.glob("*.db"))) == 2 + 3
    assert (directory.stat().st_mode & 0o777) == 0o700
