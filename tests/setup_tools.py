"""Fetches what tests need and pip does not bring: a Chromium, nginx, and scripts of the CDN. Says what it does; quick when all is there.

It never fails: a test that cannot run for want of a part says so itself.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main() -> None:
    provide_scripts()
    provide_browser()
    provide_proxy()


def provide_scripts() -> None:
    """node_modules at the versions of package.json: the tests serve them in place of the CDN."""
    wanted = json.loads((ROOT / "package.json").read_text())["devDependencies"]
    packages = {name: ROOT / "node_modules" / name / "package.json" for name in wanted}
    if all(package.exists() and json.loads(package.read_text())["version"] == wanted[name] for name, package in packages.items()):
        return
    names = " and ".join(wanted)
    if not shutil.which("npm"):
        apt_install("npm")
    if not shutil.which("npm"):
        say(f"npm is missing, so {names} cannot be fetched; the tests that need them will say so.")
        return
    say(f"Fetching {names} from npm.")
    run("npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--silent")


def provide_browser() -> None:
    """A Chromium on PATH, or Playwright's own."""
    if any(shutil.which(name) for name in BROWSERS):
        return
    # Elsewhere the package of this name is a mere pointer to a snap.
    if distribution() == "debian":
        apt_install("chromium")
        if any(shutil.which(name) for name in BROWSERS):
            return
    say("No Chromium on PATH; using Playwright's own, which is downloaded once.")
    with_dependencies = ("--with-deps",) if can_use_apt() else ()
    run(sys.executable, "-m", "playwright", "install", *with_dependencies, "chromium")


def provide_proxy() -> None:
    """nginx, of which only the program is used: no service is started."""
    if not (shutil.which("nginx") or shutil.which("/usr/sbin/nginx")):
        apt_install("nginx")


def apt_install(package: str) -> None:
    if can_use_apt():
        say(f"Installing {package} with apt-get.")
        run("apt-get", "update", "-qq")
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", package)


def can_use_apt() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def distribution() -> str:
    release = Path("/etc/os-release")
    lines = release.read_text().splitlines() if release.exists() else []
    return next((line.removeprefix("ID=").strip('"') for line in lines if line.startswith("ID=")), "")


def run(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, check=False, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"})
    if done.returncode:
        say(f"That did not work: {' '.join(command)}")


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - its output is for the terminal


if __name__ == "__main__":
    main()
