"""A throw-away SLURM cluster on this machine: two CPU nodes, a node with two fake GPUs, and accounting.

All daemons are real (Debian's packages) and belong to the test: own folder, own ports on the loopback device,
own authentication key. Nodes are several slurmd on one host and claim more than the host has. Needs root,
because slurmd starts jobs for other users and the fake GPUs are device files.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

CPU_NODES = ("cpu01", "cpu02")
GPU_NODE = "gpu01"
NODES = (*CPU_NODES, GPU_NODE)
GPUS = 2
CPUS = 4
MEMORY_MB = 8000
ACCOUNT = "project"
PROGRAMS = {
    "slurmctld": "slurmctld",
    "slurmd": "slurmd",
    "sbatch": "slurm-client",
    "slurmdbd": "slurmdbd",
    "munged": "munge",
    "mariadbd": "mariadb-server",
}
# where Debian's SLURM looks; the engine's job step takes SLURM_CONF out of the environment, so that this is
# the only place
SYSTEM_CONF = Path("/etc/slurm/slurm.conf")

os.environ["PATH"] += os.pathsep + "/usr/sbin"


def why_not() -> str:
    """Return why no cluster can be started here, empty if one can."""
    if os.geteuid() != 0:
        return "starting SLURM's daemons needs root"
    absent = [package for program, package in PROGRAMS.items() if not shutil.which(program)]
    if absent:
        return f"Debian packages are missing: {' '.join(absent)} (make test-slurm installs them)"
    if SYSTEM_CONF.exists() and not SYSTEM_CONF.is_symlink():
        return f"{SYSTEM_CONF} exists: this machine belongs to a real cluster"
    if SYSTEM_CONF.is_symlink() and _alive(SYSTEM_CONF.resolve().parent.parent / "pid/slurmctld.pid"):
        return f"another test's cluster is running ({SYSTEM_CONF.resolve()})"
    return ""


class Cluster:
    """Start with ``with Cluster(folder) as cluster``; the daemons end with the block."""

    def __init__(self, root: Path):
        self.root = root
        self.host = socket.gethostname().split(".")[0]
        self.port = _free_ports(12)
        self._children: list[subprocess.Popen] = []

    def __enter__(self) -> "Cluster":
        try:
            self._folders()
            self._munge()
            self._database()
            self._configure()
            self._daemons()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    # ---- what tests ask and do ---------------------------------------------------------------------------

    def run(self, *command, check=True, timeout=60) -> str:
        """Return what a command prints."""
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=timeout)
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}")
        return done.stdout

    def jobs(self, since: float = 0) -> list[dict[str, str]]:
        """Return the accounting of all jobs submitted after `since` (seconds since the epoch), oldest first.

        Its `comment` holds the rule, as the engine's SLURM executor writes it.
        """
        fields = (
            "jobid,comment,partition,nodelist,reqtres,alloctres,state,reqmem,timelimitraw,submit,exitcode"
        )
        text = self.run("sacct", "-X", "-n", "-P", "-S", "now-1day", "-o", fields)
        names = fields.split(",")
        rows = [dict(zip(names, line.split("|"), strict=True)) for line in text.splitlines()]
        return [row for row in rows if _epoch(row["submit"]) >= int(since) and row["comment"]]

    def active(self, rule: str) -> list[dict[str, str]]:
        """Return id, state and node of the queued and running jobs of a rule."""
        text = self.run("squeue", "-h", "-o", "%i|%T|%N|%k")
        rows = [dict(zip(("jobid", "state", "node", "comment"), line.split("|"), strict=True))
                for line in text.splitlines()]  # fmt: skip
        return [row for row in rows if rule in row["comment"] and row["state"] in ("PENDING", "RUNNING")]

    def processes(self, node: str, part: str = "") -> list[int]:
        """Return the processes of the jobs on a node whose command line contains `part`."""
        processes = []
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                environment = (path / "environ").read_bytes().split(b"\0")
                command = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if f"SLURMD_NODENAME={node}".encode() in environment and part in command:
                    processes.append(int(path.name))
        return processes

    def kill_node(self, node: str) -> None:
        """Let a node die: its daemon, the steps' daemons and all processes of its jobs at once."""
        pid = int((self.root / f"pid/slurmd.{node}.pid").read_text())
        steps = [
            int(path.parent.name)
            for path in Path("/proc").glob("[0-9]*/cmdline")
            if _read(path).startswith(b"slurmstepd") and _parent_node(path.parent) == node
        ]
        for process in (pid, *steps, *self.processes(node)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def revive(self, node: str) -> None:
        """Start a dead node again."""
        self.run("slurmd", "-N", node)
        self.run("scontrol", "update", f"nodename={node}", "state=resume", check=False)
        self._wait(lambda: self.states()[node] == "idle", f"node {node} to come back")

    def states(self) -> dict[str, str]:
        """Return each node's state."""
        return dict(line.split() for line in self.run("sinfo", "-h", "-N", "-o", "%N %T").splitlines())

    # ---- start and end -----------------------------------------------------------------------------------

    def _folders(self):
        for name in ("etc", "log", "pid", "state", "spool", "dev"):
            (self.root / name).mkdir(parents=True)
        for name, owner, mode in (("key", "munge", 0o700), ("munge", "munge", 0o755), ("db", "mysql", 0o750)):
            (self.root / name).mkdir(mode=mode)
            shutil.chown(self.root / name, owner, owner)
            (self.root / name).chmod(mode)
        for number in range(GPUS):  # a fake GPU is a character device, here /dev/null by another name
            os.mknod(self.root / f"dev/nvidia{number}", 0o666 | 0o020000, os.makedev(1, 3))

    def _munge(self):
        root = self.root
        key = root / "key/key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        shutil.chown(key, "munge", "munge")
        user = ["setpriv", "--reuid", "munge", "--regid", "munge", "--clear-groups"]
        files = {"socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        options = [f"--{name}={root}/munge/{file}" for name, file in files.items()]
        self.run(*user, "munged", f"--key-file={key}", "--num-threads=2", *options)

    def _database(self):
        place = self.root / "db"
        options = ["--no-defaults", "--user=mysql", f"--datadir={place}", "--skip-name-resolve"]
        options.append(f"--tmpdir={place}")  # a TMPDIR of root's is none of the database's
        quick = ["--auth-root-authentication-method=normal", "--skip-test-db"]
        self.run("mariadb-install-db", *options, *quick)
        command = ["mariadbd", *options, f"--socket={place}/s", f"--pid-file={place}/pid", "--skip-log-bin"]
        # slurmdbd cannot be told another socket of the file system: TCP on the loopback device
        command += ["--bind-address=127.0.0.1", f"--port={self.port + 1}", f"--log-error={place}/log"]
        command += ["--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=0"]
        # a session of its own: Ctrl-C must reach the test, not the database before the other daemons
        self._children.append(
            subprocess.Popen(command, stdin=-3, stdout=-3, stderr=-3, start_new_session=True)
        )
        client = ["mariadb", "--no-defaults", "-uroot", "-S", f"{place}/s", "-e"]
        self._wait(lambda: self._succeeds(*client, "select 1"), "the database")
        user = "slurm@'127.0.0.1'"
        statements = ["create database slurm_acct_db", f"create user {user} identified by 'slurm'"]
        self.run(*client, "; ".join([*statements, f"grant all on slurm_acct_db.* to {user}"]))

    def _configure(self):
        etc = self.root / "etc"
        ports = {node: self.port + 3 + number for number, node in enumerate(NODES)}
        common = f"NodeHostname={self.host} NodeAddr=127.0.0.1 CPUs={CPUS} RealMemory={MEMORY_MB}"
        nodes = [f"NodeName={node} Port={ports[node]} {common}" for node in CPU_NODES]
        nodes += [f"NodeName={GPU_NODE} Port={ports[GPU_NODE]} {common} Gres=gpu:fake:{GPUS}"]
        nodes += [f"PartitionName=cpu Nodes={','.join(CPU_NODES)} Default=YES MaxTime=UNLIMITED"]
        nodes += [f"PartitionName=gpu Nodes={GPU_NODE} MaxTime=UNLIMITED"]
        names = {"root": self.root, "host": self.host, "port": self.port}
        names |= {"port_database": self.port + 1, "port_accounting": self.port + 2}
        settings = SLURM_CONF.format(**names)
        (etc / "slurm.conf").write_text(settings + "\n".join(nodes) + "\n")
        devices = f"{self.root}/dev/nvidia[0-{GPUS - 1}]"
        (etc / "gres.conf").write_text(f"NodeName={GPU_NODE} Name=gpu Type=fake File={devices}\n")
        (etc / "cgroup.conf").write_text("CgroupAutomount=no\n")
        accounting = etc / "slurmdbd.conf"
        accounting.touch(mode=0o600)
        accounting.write_text(SLURMDBD_CONF.format(**names))
        SYSTEM_CONF.parent.mkdir(exist_ok=True)
        SYSTEM_CONF.unlink(missing_ok=True)
        SYSTEM_CONF.symlink_to(etc / "slurm.conf")

    def _daemons(self):
        os.environ["SLURM_CONF"] = str(self.root / "etc/slurm.conf")
        self.run("slurmdbd")
        self._wait(lambda: self._succeeds("sacctmgr", "-n", "list", "cluster"), "slurmdbd")
        self._succeeds("sacctmgr", "-i", "-Q", "add", "cluster", "throwaway")
        self.run("sacctmgr", "-i", "-Q", "add", "account", ACCOUNT, "Description=test", "Organization=test")
        user = ("root", f"Account={ACCOUNT}", f"DefaultAccount={ACCOUNT}")
        if not self._succeeds("sacctmgr", "-i", "-Q", "add", "user", *user):
            self.run("sacctmgr", "-i", "-Q", "modify", "user", "root", "set", f"DefaultAccount={ACCOUNT}")
        self.run("slurmctld")
        for node in NODES:
            self.run("slurmd", "-N", node)
        self._wait(lambda: set(self.states().values()) == {"idle"}, "the nodes")
        # accounting lags behind the start: wait until it knows a job of each partition
        self.run("srun", "-p", "cpu", "-t", "1", "true")
        self.run("srun", "-p", "gpu", "--gpus=1", "-t", "1", "true")
        known = ("sacct", "-X", "-n", "-o", "state")
        self._wait(lambda: self.run(*known).count("COMPLETED") == 2, "accounting")

    def close(self):
        """End every daemon that was started, by the pids in its own files, and remove the folder."""
        if (self.root / "munge/socket").exists() and _alive(self.root / "pid/slurmctld.pid"):
            with contextlib.suppress(RuntimeError, subprocess.TimeoutExpired):
                self.run("scancel", "-u", "root", timeout=10)
                self._wait(lambda: not self.run("squeue", "-h"), "jobs to end", seconds=15)
        for node in NODES:
            _stop(self.root / f"pid/slurmd.{node}.pid")
        for name in ("pid/slurmctld.pid", "pid/slurmdbd.pid"):
            _stop(self.root / name)
        for child in self._children:
            child.terminate()
            child.wait(20)
        _stop(self.root / "munge/pid")
        if SYSTEM_CONF.is_symlink() and str(SYSTEM_CONF.readlink()).startswith(f"{self.root}/"):
            SYSTEM_CONF.unlink()
        os.environ.pop("SLURM_CONF", None)
        if not os.environ.get("PANSCAPE_KEEP"):
            shutil.rmtree(self.root, ignore_errors=True)

    def _succeeds(self, *command) -> bool:
        return subprocess.run(command, capture_output=True).returncode == 0

    def _wait(self, condition, what, seconds=60):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                logs = [f"{path}: {path.read_text()[-500:]}" for path in (self.root / "log").glob("*.log")]
                raise RuntimeError(f"waited {seconds} s for {what}\n" + "\n".join(logs))
            time.sleep(0.1)


def _free_ports(count: int) -> int:
    """Return the first of `count` ports in a row that nobody listens on."""
    for first in range(21700, 29700, count):
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for port in range(first, first + count):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first
    raise RuntimeError("no free ports")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _parent_node(process: Path) -> str:
    """Return the node whose jobs a step daemon watches, by the environment of its children."""
    for child in _read(process / f"task/{process.name}/children").split():
        for item in _read(Path("/proc") / child.decode() / "environ").split(b"\0"):
            if item.startswith(b"SLURMD_NODENAME="):
                return item.split(b"=", 1)[1].decode()
    return ""


def _alive(pid_file: Path) -> bool:
    try:
        name = Path(f"/proc/{int(pid_file.read_text())}/comm").read_text().strip()
    except (OSError, ValueError):
        return False
    return name in PROGRAMS


def _stop(pid_file: Path) -> None:
    if not _alive(pid_file):
        return
    pid = int(pid_file.read_text())
    os.kill(pid, signal.SIGTERM)
    for _ in range(100):
        if not Path(f"/proc/{pid}").exists():
            return
        time.sleep(0.1)
    os.kill(pid, signal.SIGKILL)


def _epoch(text: str) -> float:
    return time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%S"))


SLURM_CONF = """\
ClusterName=throwaway
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort={port}
AuthType=auth/munge
AuthInfo=socket={root}/munge/socket
CredType=cred/munge
CommunicationParameters=NoAddrCache
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool/%n
SlurmctldPidFile={root}/pid/slurmctld.pid
SlurmdPidFile={root}/pid/slurmd.%n.pid
SlurmctldLogFile={root}/log/slurmctld.log
SlurmdLogFile={root}/log/slurmd.%n.log
MailProg=/bin/true
MpiDefault=none
SwitchType=switch/none
# no cgroups and no systemd; memory is sampled every second, and a job above its request is killed
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
# nodes claim more than this machine has
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
PriorityType=priority/basic
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=1,batch_sched_delay=0
# short times, so that faults are noticed while a test waits
ReturnToService=2
KillWait=30
MinJobAge=300
InactiveLimit=0
OverTimeLimit=0
SlurmctldTimeout=30
SlurmdTimeout=20
UnkillableStepTimeout=20
MessageTimeout=30
TCPTimeout=5
DefMemPerCPU=200
JobRequeue=0
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={port_accounting}
AccountingStoragePass={root}/munge/socket
AccountingStorageTRES=gres/gpu
AccountingStoreFlags=job_comment
AccountingStorageEnforce=associations,limits
"""

SLURMDBD_CONF = """\
AuthType=auth/munge
AuthInfo=socket={root}/munge/socket
DbdHost={host}
DbdAddr=127.0.0.1
DbdPort={port_accounting}
SlurmUser=root
PidFile={root}/pid/slurmdbd.pid
LogFile={root}/log/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={port_database}
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
"""
