"""What tests let a child process do."""

import os
import time


def echo(data: bytes, *arguments: str) -> bytes:
    return data + " ".join(arguments).encode() + os.environ.get("SECRET_KEY", "").encode()


def spin(_data: bytes) -> bytes:
    while True:
        pass


def sleep(_data: bytes) -> bytes:
    time.sleep(600)
    return b""


def fill_memory(_data: bytes) -> bytes:
    return b"x" * 1024**3


def die(_data: bytes) -> bytes:
    os._exit(7)
