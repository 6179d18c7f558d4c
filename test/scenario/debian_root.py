# SPDX-License-Identifier: Apache-2.0
"""A clean Debian in a folder, for packages: made by debootstrap from this machine's own source; commands run in a chroot with a
loopback, a /proc and processes of its own, so that nothing stays."""
import os
import pathlib
import subprocess

# The first is the folder. Mounts, processes and the network end with the command.
INSIDE = """root=$1; shift
mount --bind /dev "$root/dev"
mount -t proc proc "$root/proc"
ip link set lo up
exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"
"""
SPACE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--net", "sh", "-ec", INSIDE, "sh")


def source():
    """(address, release) that this machine has its packages from."""
    words = ("apt-get", "indextargets", "--format", "$(CREATED_BY) $(REPO_URI) $(CODENAME) $(COMPONENT)")
    lines = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split("\n")
    release = next(line.split("=")[1] for line in pathlib.Path("/etc/os-release").read_text(encoding="utf-8").split("\n")
                   if line.startswith("VERSION_CODENAME="))
    for line in lines:
        if line.split()[:1] == ["Packages"] and line.split()[2:] == [release, "main"]:
            return line.split()[1], release
    return None


def depends(package):
    """The names that a package depends on; of alternatives the first."""
    text = subprocess.run(("dpkg-deb", "-f", package, "Depends"), capture_output=True, text=True, check=True).stdout
    return [word.split("|")[0].split("(")[0].strip() for word in text.split(",")]


class DebianRoot:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def make(self, names):
        """With these packages and what they need. What went wrong, or None."""
        where = source()
        if where is None:
            return "apt knows no source of this release"
        command = ["debootstrap", "--variant=minbase", f"--include={','.join(names)}", where[1], str(self.folder), where[0]]
        try:
            result = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
        except subprocess.TimeoutExpired:
            return "debootstrap took longer than 900 s"
        return None if result.returncode == 0 else result.stdout[-2000:] + result.stderr[-2000:]

    def words(self, *words):
        """What runs these words in there."""
        return (*SPACE, str(self.folder), *map(str, words))

    def run(self, *words, expect=0):
        result = subprocess.run(self.words(*words), capture_output=True, text=True, timeout=120, check=False)
        assert result.returncode == expect, f"{words}: {result.returncode}\n{result.stdout}{result.stderr}"
        return result.stdout + result.stderr

    def path(self, name):
        return self.folder / name.lstrip("/")

    def owner(self, name):
        """("2750", "root", "georelay"): mode and names as known in there."""
        return tuple(self.run("stat", "-c", "%04a %U %G", name).split())

    def files(self):
        """Every path in there that a package may leave behind: all but devices, and what dpkg and others write about themselves."""
        skipped = {"/dev", "/proc", "/sys"}
        found = set()
        for at, folders, names in os.walk(self.folder):
            base = "/" + os.path.relpath(at, self.folder) if at != str(self.folder) else ""
            folders[:] = [name for name in folders if f"{base}/{name}" not in skipped]
            found |= {f"{base}/{name}" for name in folders + names}
        return found
