# SPDX-License-Identifier: Apache-2.0
"""ssh -R: sshd beside the server, ssh beside the client, both on loopback with keys and configuration of their own.

Without a session (-N) sshd does not set TCP_NODELAY and each delivery waits 40 ms for a delayed ACK. So there is a session that does
nothing: the sftp of sshd itself, which starts no shell.
"""
import getpass
import os
import pathlib
import subprocess

from processes import Failed, is_listening, wait_for

from . import rival

PRIVSEP = pathlib.Path("/run/sshd")  # Debian's sshd wants it; usually its service makes it
CIPHER = "aes128-gcm@openssh.com"

SSHD = """
ListenAddress {listen}
HostKey {folder}/host
AuthorizedKeysFile {folder}/client.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
AllowTcpForwarding remote
Subsystem sftp internal-sftp
GatewayPorts clientspecified
Ciphers {cipher}
Compression no
UseDNS no
PrintMotd no
LogLevel ERROR
"""


class Ssh(rival.Rival):
    kind = binary = "ssh"
    modes = ("tunnel",)
    version_words = ("-V",)
    most_connections = 1000

    def __init__(self, name=None, path=None):
        super().__init__(name, path)
        self.sshd = next((place for place in ("/usr/sbin/sshd", "/usr/local/sbin/sshd") if os.access(place, os.X_OK)), None)

    def is_there(self):
        return super().is_there() and self.sshd is not None

    def start(self, place):
        for name in ("host", "client"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(place.folder / name)], check=True, timeout=20)
        made = rival.is_root() and not PRIVSEP.exists()
        if made:
            PRIVSEP.mkdir(mode=0o755)
        try:
            server = self._server(place)
            client = self._client(place, server)
            started = rival.Started(server[0], client, dial=["--dial", place.listen])
            wait_for(lambda: self._is_up(client, place), "ssh -R listens")
        finally:
            if made:
                PRIVSEP.rmdir()
        return started

    def _server(self, place):
        listen = place.addresses.free()
        config = rival.write(place, "sshd.conf", SSHD.format(listen=listen, folder=place.folder, cipher=CIPHER))
        process = place.processes.start([self.sshd, "-D", "-e", "-f", config], place.folder, "sshd", place.cpus)
        return process.wait_listening(listen), listen

    def _client(self, place, server):
        ip, port = server[1].rsplit(":", 1)
        options = ["BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "GlobalKnownHostsFile=/dev/null",
                   "ExitOnForwardFailure=yes", "IdentitiesOnly=yes", f"Ciphers={CIPHER}", "Compression=no", "LogLevel=ERROR"]
        command = [self.path, "-F", "none", "-T", "-i", place.folder / "client", "-p", port]
        for option in options:
            command += ["-o", option]
        command += ["-R", f"{place.listen}:{place.upstream}", "-s", f"{getpass.getuser()}@{ip}", "sftp"]
        return place.processes.start(command, place.folder, self.name, place.cpus, stdin=subprocess.PIPE)

    @staticmethod
    def _is_up(client, place):
        if client.child.poll() is not None:
            raise Failed(f"ssh ended with {client.child.returncode}:\n{client.tail()}")
        return is_listening(place.listen)
