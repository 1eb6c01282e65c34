"""Starts a program that can do little but its work: for FFmpeg, which decodes files of strangers.

    python -I -S confine.py [--read PATH]… [--write FOLDER]… [--port N] [--memory BYTES] [--files N] [--silent] [--nice N] -- PROGRAM …

The program may read what `--read` names and its own libraries, write into what `--write` names, and open
no socket; with `--port` it may connect by TCP to that port. `--silent`: it may write no file at all, only
what it has inherited. It keeps its process id, its descriptors, and of the environment what finds programs
and libraries.

What the kernel offers is used, with no right that a container or an ordinary user lacks, and the rest is left
out (`protections`, shown by `weir doctor`): Landlock for files and ports, a seccomp filter for sockets and
for what reaches other processes, no new privileges, limits. As root it keeps none of root's powers, and runs
as `nobody` where it needs no file of ours. Costs 15 ms.

Nothing but the standard library, and little of that: this file is run without the project's packages.
"""

import ctypes
import os
import resource
import struct
import sys

NOBODY = 65534
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 24, 22, 38
SIGKILL, EPERM, ENOSYS = 9, 1, 38
KEPT = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ")

# landlock(7)
CREATE, ADD, RESTRICT = 444, 445, 446
EXECUTE, WRITE, READ, READ_DIR, TRUNCATE, IOCTL = 1, 1 << 1, 1 << 2, 1 << 3, 1 << 14, 1 << 15
OF_FILES = EXECUTE | WRITE | READ | TRUNCATE | IOCTL
ACCESS = {
    1: (1 << 13) - 1,
    2: (1 << 14) - 1,
    3: (1 << 15) - 1,
    5: (1 << 16) - 1,
}  # by the first version that knows them
CONNECT, BIND_AND_CONNECT = 1 << 1, 3
SCOPES = 3  # abstract sockets and signals of others
PROGRAMS = (
    "/usr/bin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/bin", "/usr/local/lib", "/bin", "/lib", "/lib64",
    "/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/localtime", "/sys/devices/system/cpu", "/dev/urandom", "/dev/zero",
)  # fmt: skip
NAMES = (
    "/etc/hosts",
    "/etc/resolv.conf",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/services",
)

# seccomp(2). What is refused, by machine; three calls only with some arguments.
SOCKETS = ("socket", "socketpair")
CALLS: dict[str, dict[str, int]] = {
    "x86_64": {
        "socket": 41, "socketpair": 53, "clone": 56, "clone3": 435, "tgkill": 234, "kill": 62, "tkill": 200, "rt_sigqueueinfo": 129,
        "rt_tgsigqueueinfo": 297, "pidfd_send_signal": 424, "pidfd_open": 434, "pidfd_getfd": 438, "ptrace": 101, "process_vm_readv": 310,
        "process_vm_writev": 311, "kcmp": 312, "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "unshare": 272,
        "setns": 308, "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433,
        "mount_setattr": 442, "bpf": 321, "perf_event_open": 298, "add_key": 248, "request_key": 249, "keyctl": 250, "userfaultfd": 323,
        "open_by_handle_at": 304, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "init_module": 175,
        "finit_module": 313, "delete_module": 176, "kexec_load": 246, "kexec_file_load": 320, "reboot": 169, "swapon": 167,
        "swapoff": 168, "acct": 163, "settimeofday": 164, "clock_settime": 227, "adjtimex": 159, "clock_adjtime": 305, "personality": 135,
        "iopl": 172, "ioperm": 173, "modify_ldt": 154, "quotactl": 179, "syslog": 103, "vhangup": 153,
    },
    "aarch64": {
        "socket": 198, "socketpair": 199, "clone": 220, "clone3": 435, "tgkill": 131, "kill": 129, "tkill": 130, "rt_sigqueueinfo": 138,
        "rt_tgsigqueueinfo": 240, "pidfd_send_signal": 424, "pidfd_open": 434, "pidfd_getfd": 438, "ptrace": 117, "process_vm_readv": 270,
        "process_vm_writev": 271, "kcmp": 272, "mount": 40, "umount2": 39, "pivot_root": 41, "chroot": 51, "unshare": 97,
        "setns": 268, "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433,
        "mount_setattr": 442, "bpf": 280, "perf_event_open": 241, "add_key": 217, "request_key": 218, "keyctl": 219, "userfaultfd": 282,
        "open_by_handle_at": 265, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "init_module": 105,
        "finit_module": 273, "delete_module": 106, "kexec_load": 104, "kexec_file_load": 294, "reboot": 142, "swapon": 224,
        "swapoff": 225, "acct": 89, "settimeofday": 170, "clock_settime": 112, "adjtimex": 171, "clock_adjtime": 266, "personality": 92,
        "quotactl": 60, "syslog": 116, "vhangup": 58,
    },
}  # fmt: skip
MACHINES = {
    "x86_64": (0xC000003E, 317),
    "aarch64": (0xC00000B7, 277),
}  # how the kernel calls it, and the number of seccomp(2)
NAMESPACES = 0x7E020000
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER_AT, MACHINE_AT, ARGUMENT_AT = 0, 4, 16
X32 = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)


def confined(
    *, read: tuple[str, ...] = (), write: tuple[str, ...] = (), port: int | None = None, memory: int | None = None,
    files: int | None = None, silent: bool = False, nice: int = 0,
) -> list[str]:  # fmt: skip
    """The command prefix that starts a program in the sandbox."""
    words = [sys.executable, "-I", "-S", os.path.abspath(__file__)]
    for name, given in (("--read", read), ("--write", write)):
        for path in given:
            words += [name, path]
    for name, number in (
        ("--port", port),
        ("--memory", memory),
        ("--files", files),
        ("--nice", nice or None),
    ):
        words += [name, str(number)] if number is not None else []
    return [*words, *(["--silent"] if silent else []), "--"]


def protections() -> dict[str, str]:
    """The protections that this kernel offers, by name; the value is their version, empty where one is
    missing."""
    landlock = _landlock_version()
    action = ctypes.c_uint32(ERRNO)
    machine = MACHINES.get(os.uname().machine)
    filtered = machine is not None and _libc.syscall(machine[1], 2, 0, ctypes.byref(action)) == 0
    return {"Landlock": str(landlock) if landlock > 0 else "", "seccomp": "filter" if filtered else ""}


# -- the launcher


def main(words: list[str]) -> None:
    """Does not return. Errors: OSError where the program can't be started."""
    end = words.index("--")
    given, argv = words[:end], words[end + 1 :]
    read, write = _all(given, "--read"), _all(given, "--write")
    port = int(_all(given, "--port")[0]) if "--port" in given else None
    program = _found(argv[0])
    _bound(given)
    if os.geteuid() == 0:
        _drop_root(not (read or write) and _for_everybody(program))
    _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _restrict_files(program, read, write, port)
    _restrict_calls(sockets=port is not None)
    os.execve(program, argv, {name: os.environ[name] for name in KEPT if name in os.environ})


def _all(given: list[str], name: str) -> list[str]:
    return [given[at + 1] for at, word in enumerate(given) if word == name]


def _found(name: str) -> str:
    """Errors: FileNotFoundError."""
    for folder in ("",) if "/" in name else os.environ.get("PATH", os.defpath).split(os.pathsep):
        path = os.path.join(folder, name)
        if os.access(path, os.X_OK) and os.path.isfile(path):
            return os.path.realpath(path)
    raise FileNotFoundError(f"{name} is not installed")


def _bound(given: list[str]) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name, bound in (("--memory", resource.RLIMIT_AS), ("--files", resource.RLIMIT_NOFILE)):
        for number in _all(given, name):
            resource.setrlimit(bound, (int(number), int(number)))
    if "--silent" in given:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    for number in _all(given, "--nice"):
        os.nice(int(number))


def _drop_root(nobody: bool) -> None:
    """Changes the user. That clears the parent-death signal, so it is set again; the process ends when its
    parent has died meanwhile."""
    parent = os.getppid()
    for capability in range(64):
        _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    if nobody:
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
        except OSError:  # in a container without that user or right
            return
        _libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit(1)


def _for_everybody(program: str) -> bool:
    """Whether every user may execute it."""
    while program != "/":
        if not os.stat(program).st_mode & 1:
            return False
        program = os.path.dirname(program)
    return True


# -- files and ports


def _landlock_version() -> int:
    return int(_libc.syscall(CREATE, None, ctypes.c_size_t(0), 1))


def _restrict_files(program: str, read: list[str], write: list[str], port: int | None) -> None:
    version = _landlock_version()
    if version < 1:
        return
    access = ACCESS[max(known for known in ACCESS if known <= version)]
    form = struct.pack("QQQ", access, BIND_AND_CONNECT if version >= 4 else 0, SCOPES if version >= 6 else 0)
    rules = _libc.syscall(CREATE, form, ctypes.c_size_t(8 if version < 4 else 16 if version < 6 else 24), 0)
    if rules < 0:
        return
    here = os.path.dirname(program)
    own = () if here in PROGRAMS else (here, os.path.join(os.path.dirname(here), "lib"))
    for path in (*PROGRAMS, *own, *(NAMES if port is not None else ())):
        _allow(rules, path, (EXECUTE | READ | READ_DIR) & access)
    _allow(rules, "/dev/null", (READ | WRITE) & access)
    for path in read:
        _allow(rules, path, (READ | READ_DIR) & access)
    for path in write:
        _allow(rules, path, access & ~EXECUTE)
    if port is not None and version >= 4:
        _libc.syscall(ADD, rules, 2, struct.pack("QQ", CONNECT, port), 0)
    _libc.syscall(RESTRICT, rules, 0)
    os.close(rules)


def _allow(rules: int, path: str, access: int) -> None:
    """A path that does not exist needs no rule."""
    try:
        found = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    allowed = access if os.path.isdir(path) else access & OF_FILES
    _libc.syscall(ADD, rules, 1, struct.pack("=Qi", allowed, found), 0)
    os.close(found)


# -- calls


def _restrict_calls(*, sockets: bool) -> None:
    known = MACHINES.get(os.uname().machine)
    if known is None:
        return
    program = _program(os.uname().machine, known[0], sockets=sockets)
    text = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in program))
    header = struct.pack("HxxxxxxQ", len(program), ctypes.addressof(text))
    _libc.prctl(PR_SET_SECCOMP, 2, header, 0, 0)


def _program(machine: str, mark: int, *, sockets: bool) -> list[tuple[int, int, int, int]]:
    """In classic BPF, each line (code, lines to skip if so, if not, value). Calls of another machine end the
    process; what is refused fails as for want of permission. Threads are made by clone, since the flags of
    clone3 can't be looked at."""
    calls = dict(CALLS[machine])
    clone, clone3, tgkill = (calls.pop(name) for name in ("clone", "clone3", "tgkill"))
    refuse = (RETURN, 0, 0, ERRNO | EPERM)
    lines = [(LOAD, 0, 0, MACHINE_AT), (EQUAL, 1, 0, mark), (RETURN, 0, 0, KILL)]
    lines += [(LOAD, 0, 0, NUMBER_AT), (AT_LEAST, 0, 1, X32), refuse]
    for name, number in calls.items():
        if not (sockets and name in SOCKETS):
            lines += [(EQUAL, 0, 1, number), refuse]
    lines += [(EQUAL, 0, 1, clone3), (RETURN, 0, 0, ERRNO | ENOSYS)]
    lines += [
        (EQUAL, 0, 3, clone),
        (LOAD, 0, 0, ARGUMENT_AT),
        (ANY_BIT, 0, 1, NAMESPACES),
        refuse,
        (LOAD, 0, 0, NUMBER_AT),
    ]
    lines += [(EQUAL, 0, 3, tgkill), (LOAD, 0, 0, ARGUMENT_AT), (EQUAL, 1, 0, os.getpid()), refuse]
    return [*lines, (RETURN, 0, 0, ALLOW)]


if __name__ == "__main__":
    main(sys.argv[1:])
