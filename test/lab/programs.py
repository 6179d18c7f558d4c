# SPDX-License-Identifier: Apache-2.0
"""Programs of Debian whose server dials back to its client, each tried as it comes: docs/programs.md has the outcomes.

Each is a function of a site (site_of_program.py) that is open; it returns when the client has what it wanted, and fails with what the programs said.
"""
import dataclasses
import os
import pathlib
import shutil
import textwrap

import program

PROGRAMS = {}
PAYLOAD = bytes(i % 251 for i in range(300000))
PYTHON = "/usr/bin/python3"


@dataclasses.dataclass(frozen=True)
class Real:
    name: str
    port: int  # of the control connection
    needs: tuple  # commands, and modules of Python as "python:NAME"
    run: object

    def missing(self):
        """What is not installed here."""
        return [need for need in self.needs if not _is_there(need)]


def _is_there(need):
    if need.startswith("python:"):
        return any(pathlib.Path("/usr/lib/python3/dist-packages", need.removeprefix("python:") + end).exists() for end in ("", ".py"))
    return find(need) is not None


def find(command):
    """A command's path; REAL_PROGRAMS may name the root of an unpacked package, for packages that can't be installed side by side."""
    root = os.environ.get("REAL_PROGRAMS", "")
    places = [os.environ["PATH"], "/usr/sbin", "/sbin"] + ([f"{root}/usr/sbin", f"{root}/usr/bin"] if root else [])
    return shutil.which(command, path=":".join(places))


def unpacked():
    """Words before a command of REAL_PROGRAMS, so that it finds its libraries."""
    root = os.environ.get("REAL_PROGRAMS")
    return ("env", f"LD_LIBRARY_PATH={root}/usr/lib/x86_64-linux-gnu:{root}/usr/lib:{root}/lib/x86_64-linux-gnu") if root else ()


def real(name, port, *needs):
    def add(run):
        PROGRAMS[name] = Real(name, port, needs, run)
        return run
    return add


def write(path, text):
    path.write_text(textwrap.dedent(text))
    return path


# ---- iperf 2: the port is announced in the test's header, the peer is dialled ----


def _iperf(site, mode, *more):
    site.serve(find("iperf"), "-s", "-p", site.port)
    said = site.run("iperf", "-c", site.host, "-p", site.port, mode, "-L", 6001, "-n", "300K", *more)
    assert "connected with" in said and said.count("0.0000-") >= 2 or said.count("sec") >= 2, said
    return said


@real("iperf -d", 5001, "iperf")
def iperf_dual(site):
    said = _iperf(site, "-d")
    assert "port 6001 connected with" in said, said


@real("iperf -r", 5001, "iperf")
def iperf_tradeoff(site):
    said = _iperf(site, "-r")
    assert "port 6001 connected with" in said, said


# ---- FTP in active mode: PORT or EPRT announce address and port ----


def _ftp_folder(site):
    folder = site.folder / "ftp"
    folder.mkdir()
    (folder / "page").write_bytes(PAYLOAD)
    folder.chmod(0o755)
    return folder


def vsftpd(site, *more):
    empty = site.folder / "empty"
    empty.mkdir()
    config = write(site.folder / "vsftpd.conf", f"""\
        listen=YES
        listen_address={site.machine.ip()}
        background=NO
        anonymous_enable=YES
        local_enable=NO
        write_enable=NO
        ftp_username=ftp
        anon_root={_ftp_folder(site)}
        secure_chroot_dir={empty}
        pasv_enable=NO
        seccomp_sandbox=NO
        """ + "".join(line + "\n" for line in more))
    # It takes no file that is not root's.
    os.chown(config, 0, 0)
    empty.chmod(0o755)
    os.chown(empty, 0, 0)
    return site.serve(find("vsftpd"), config)


def proftpd(site, *more):
    folder = _ftp_folder(site)
    config = write(site.folder / "proftpd.conf", f"""\
        ModulePath {os.environ.get("REAL_PROGRAMS", "")}/usr/lib/proftpd
        ServerType standalone
        Port {site.port}
        DefaultAddress {site.machine.ip()}
        SocketBindTight on
        UseIPv6 off
        User nobody
        Group nogroup
        WtmpLog off
        TransferLog none
        SystemLog {site.folder}/proftpd.log
        PidFile {site.folder}/proftpd.pid
        ScoreboardFile {site.folder}/proftpd.scoreboard
        DelayTable none
        UseReverseDNS off
        <Anonymous {folder}>
          User ftp
          Group nogroup
          UserAlias anonymous ftp
          RequireValidShell off
        </Anonymous>
        """ + "".join(line + "\n" for line in more))
    return site.serve(*unpacked(), find("proftpd"), "-n", "-q", "-c", config)


def pure_ftpd(site, *more):
    """Its anonymous folder is the home of the user "ftp"."""
    home = os.path.expanduser("~ftp")
    return site.serve("unshare", "-m", "sh", "-ec", f'mount --bind {_ftp_folder(site)} {home}; exec "$@"', "sh", *unpacked(), find("pure-ftpd"), "-S", f"{site.machine.ip()},{site.port}", "-e", "-H", "-U",
                      "133:022", *more)


def pyftpdlib(site):
    return site.serve(PYTHON, "-m", "pyftpdlib", "-i", site.machine.ip(), "-p", site.port, "-d", _ftp_folder(site))


def curl(site, way="-"):
    got = site.run("curl", "-sS", "--max-time", 10, "-P", way, "-o", site.folder / "got", f"ftp://{site.host}:{site.port}/page")
    assert (site.folder / "got").read_bytes() == PAYLOAD, got


def curl_port(site):
    got = site.run("curl", "-sS", "--max-time", 10, "--disable-eprt", "-P", "-", "-o", site.folder / "got", f"ftp://{site.host}:{site.port}/page")
    assert (site.folder / "got").read_bytes() == PAYLOAD, got


def lftp(site):
    got = site.run("lftp", "-c", f"set ftp:passive-mode no; set net:max-retries 1; set net:timeout 5; set xfer:clobber on; "
                                 f"open -p {site.port} -u anonymous,x ftp://{site.host}; get page -o {site.folder}/got")
    assert (site.folder / "got").read_bytes() == PAYLOAD, got


def tnftp(site):
    got = site.run("tnftp", "-A", "-a", "-V", "-q", 8, "-o", site.folder / "got", f"ftp://{site.host}:{site.port}/page", code=None)
    assert (site.folder / "got").exists() and (site.folder / "got").read_bytes() == PAYLOAD, got


def inetutils(site):
    words = f"open {site.host} {site.port}\nuser anonymous x\nbinary\npassive\nget page {site.folder}/got\nquit\n"
    got = site.run("inetutils-ftp", "-n", "-v", "-A", text=words.replace("passive\n", ""), code=None)
    assert (site.folder / "got").exists() and (site.folder / "got").read_bytes() == PAYLOAD, got


def ncftp(site):
    got = site.run("ncftpget", "-E", "-V", "-P", site.port, "-t", 5, "-r", 1, site.host, site.folder, "page", code=None, env=[f"HOME={site.folder}"])
    assert (site.folder / "page").exists() and (site.folder / "page").read_bytes() == PAYLOAD, got


def wget(site):
    got = site.run("wget", "--no-passive-ftp", "-t", 1, "-T", 5, "-nv", "-O", site.folder / "got", f"ftp://{site.host}:{site.port}/page", code=None)
    assert (site.folder / "got").read_bytes() == PAYLOAD, got


FTPLIB = """
import ftplib, sys
ftp = ftplib.FTP()
ftp.connect(sys.argv[1], int(sys.argv[2]), timeout=8)
ftp.login()
ftp.set_pasv(False)
with open(sys.argv[3], "wb") as got:
    ftp.retrbinary("RETR page", got.write)
ftp.quit()
"""


def ftplib(site):
    got = site.run(PYTHON, "-c", FTPLIB, site.host, site.port, site.folder / "got")
    assert (site.folder / "got").read_bytes() == PAYLOAD, got


FTP_SERVERS = {"vsftpd": (vsftpd, "vsftpd"), "proftpd": (proftpd, "proftpd"), "pure-ftpd": (pure_ftpd, "pure-ftpd"), "pyftpdlib": (pyftpdlib, "python:pyftpdlib")}
FTP_CLIENTS = {"curl": (curl, "curl"), "curl PORT": (curl_port, "curl"), "lftp": (lftp, "lftp"), "tnftp": (tnftp, "tnftp"), "inetutils-ftp": (inetutils, "inetutils-ftp"),
               "ncftp": (ncftp, "ncftpget"), "wget": (wget, "wget"), "ftplib": (ftplib, "python3")}


def _ftp_pair(server, client, *more):
    def run(site):
        FTP_SERVERS[server][0](site, *more)
        FTP_CLIENTS[client][0](site)
    return run


for _server, (_, _needed) in FTP_SERVERS.items():
    for _client, (_, _command) in FTP_CLIENTS.items():
        real(f"{_server} + {_client}", 21, _needed, _command)(_ftp_pair(_server, _client))
real("vsftpd from port 20 + curl", 21, "vsftpd", "curl")(_ftp_pair("vsftpd", "curl", "connect_from_port_20=YES"))
real("vsftpd promiscuous + curl", 21, "vsftpd", "curl")(_ftp_pair("vsftpd", "curl", "port_promiscuous=YES"))
real("vsftpd promiscuous + lftp", 21, "vsftpd", "lftp")(_ftp_pair("vsftpd", "lftp", "port_promiscuous=YES"))


# ---- rsh: the second channel, for stderr ----


def _inetd(site, line, *binds):
    """openbsd-inetd with one service; `binds` are (file, place): seen there by the service alone."""
    config = write(site.folder / "inetd.conf", line + "\n")
    os.chown(config, 0, 0)
    mounts = "".join(f"mount --bind {file} {place}; " for file, place in binds)
    return site.serve("unshare", "-m", "sh", "-ec", f"{mounts}exec {find('inetd')} -i -d {config}")


def _rsh(site, command):
    home = site.folder / "home"
    home.mkdir()
    write(home / ".rhosts", "+ +\n").chmod(0o600)
    os.chown(home, 0, 0)
    os.chown(home / ".rhosts", 0, 0)
    home.chmod(0o700)
    _inetd(site, f"{site.port} stream tcp nowait root {find('in.rshd')} in.rshd", (home, "/root"))
    return site.run(find(command), "-l", "root", site.host, "echo to stderr >&2; sleep 0.5; echo to stdout", code=None)


@real("rsh-redone, its server, netkit's client", 514, "netkit-rsh", "in.rshd", "inetd")
def rsh(site):
    said = _rsh(site, "netkit-rsh")
    assert "to stdout" in said and "to stderr" in said, said


@real("the same, dialled from low ports", 514, "netkit-rsh", "in.rshd", "inetd")
def rsh_low(site):
    """The kernels of the machines of relay and agent choose source ports that are root's elsewhere: each end of rsh asks for that."""
    machines = {site.machine_that_delivers, site.machine_that_dials}
    for machine in machines:
        machine.sysctl(net__ipv4__ip_local_port_range="'600 1023'")
    try:
        rsh(site)
    finally:
        for machine in machines:
            machine.sysctl(net__ipv4__ip_local_port_range="'32768 60999'")


# ---- ident: the server asks port 113 of its client who it is ----

IDENTD = """
import socket, sys
listener = socket.create_server((sys.argv[1], 113))
while True:
    one, _ = listener.accept()
    asked = one.makefile().readline().strip()
    print("asked", asked, flush=True)
    one.sendall(f"{asked} : USERID : UNIX : operator\\r\\n".encode())
    one.close()
"""
NGIRCD = """
    [Global]
    Name = irc.example.net
    Info = lab
    Listen = {ip}
    Ports = {port}
    ServerUID = root
    ServerGID = root
    MotdPhrase = lab
    PidFile =
    [Options]
    Ident = yes
    DNS = yes
    PAM = no
    ChrootDir =
    """
IRC = """
import socket, sys
irc = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10)
irc.sendall(b"NICK tester\\r\\nUSER someone 0 * :Tester\\r\\nWHOIS tester\\r\\n")
for line in irc.makefile(errors="replace"):
    print(line, end="")
    if " 318 " in line or line.startswith("ERROR"):
        break
"""


def _ngircd(site):
    site.serve(find("ngircd"), "-n", "-f", write(site.folder / "ngircd.conf", NGIRCD.format(ip=site.machine.ip(), port=site.port)))
    said = site.run(PYTHON, "-c", IRC, site.host, site.port)
    assert " 311 " in said, said
    return said


@real("ngircd + an ident daemon that knows its user", 6667, "ngircd")
def ngircd_own(site):
    identd = site.on_client(PYTHON, "-c", IDENTD, site.client_ip, port=113)
    said = _ngircd(site)
    assert "311 tester tester operator " in said, f"{said}{identd.tail()}{site.stage.programs[-1].tail()}"


@real("ngircd + oidentd", 6667, "ngircd", "oidentd")
def ngircd_oidentd(site):
    site.on_client(find("oidentd"), "-i", "-S", "-a", site.client_ip, port=113)
    said = _ngircd(site)
    assert "311 tester tester ~" not in said, said


@real("ngircd + oidentd --reply", 6667, "ngircd", "oidentd")
def ngircd_oidentd_reply(site):
    site.on_client(find("oidentd"), "-i", "-S", "-r", "operator", "-a", site.client_ip, port=113)
    said = _ngircd(site)
    assert "311 tester tester ~" not in said, said


@real("proftpd IdentLookups + curl", 21, "proftpd", "curl")
def proftpd_ident(site):
    log = site.folder / "ident.log"
    identd = site.on_client(PYTHON, "-c", IDENTD, site.client_ip, port=113)
    proftpd(site, "LoadModule mod_ident.c", "IdentLookups on", "TimeoutIdle 20", f"LogFormat ident \"%l\"\nExtendedLog {log} ALL ident")
    curl(site)
    assert "operator" in log.read_text(), log.read_text() + identd.tail()


@real("exim4 rfc1413", 25, "exim4")
def exim_ident(site):
    spool = site.folder / "exim"
    spool.mkdir()
    os.chown(spool, 65534, 65534)
    config = write(site.folder / "exim.conf", f"""\
        exim_user = nobody
        exim_group = nogroup
        spool_directory = {spool}
        log_file_path = {spool}/%slog
        rfc1413_hosts = *
        rfc1413_query_timeout = 5s
        host_lookup =
        local_interfaces = {site.machine.ip()}
        acl_smtp_helo = helo
        begin acl
        helo:
          accept logwrite = ident is $sender_ident
        """)
    os.chown(config, 0, 0)
    identd = site.on_client(PYTHON, "-c", IDENTD, site.client_ip, port=113)
    one = site.serve(*unpacked(), find("exim4"), "-C", config, "-bdf", "-oX", f"{site.machine.ip()}.{site.port}")
    said = site.run(PYTHON, "-c", "import smtplib, sys; s = smtplib.SMTP(sys.argv[1], int(sys.argv[2]), timeout=10); print(s.helo('client')); s.quit()", site.host, site.port)
    log = "".join(path.read_text() for path in spool.glob("*log"))
    assert "ident is operator" in log, said + log + identd.tail() + one.tail()


# ---- a debugger for web pages: dials the browser's address ----

DBGP = """
import socket, sys
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
one, peer = listener.accept()
data = b""
while b"</init>" not in data:
    data += one.recv(65536)
print(data.decode(errors="replace"), flush=True)
one.sendall(b"run -i 1\\0")
one.settimeout(5)
print(one.recv(65536))
"""


@real("xdebug, discover_client_host", 8000, "php", "curl")
def xdebug(site):
    web = site.folder / "web"
    web.mkdir()
    write(web / "page.php", "<?php echo 'page ', 6 * 7;\n")
    site.serve("php", "-d", "xdebug.mode=debug", "-d", "xdebug.start_with_request=yes", "-d", "xdebug.discover_client_host=1", "-d", "xdebug.client_port=9003",
               "-d", "xdebug.log=" + str(site.folder / "xdebug.log"), "-S", site.machine.at(site.port), "-t", web)
    ide = site.on_client(PYTHON, "-c", DBGP, site.client_ip, 9003, port=9003)
    said = site.run("curl", "-sS", "--max-time", 10, f"http://{site.host}:{site.port}/page.php")
    assert "page 42" in said, said
    assert ide.wait_line(lambda line: "page.php" in line, within=5), ide.tail() + (site.folder / "xdebug.log").read_text()


# ---- DICOM: C-MOVE sends to the address that the server has for a name ----


@real("dcmtk movescu", 11112, "dcmqrscp", "movescu", "storescu", "dump2dcm")
def dicom(site):
    store = site.folder / "store"
    store.mkdir()
    dump = write(site.folder / "image.dump", """\
        (0008,0016) UI =SecondaryCaptureImageStorage
        (0008,0018) UI [1.2.3.4]
        (0008,0020) DA [20260101]
        (0008,0050) SH [1]
        (0008,0060) CS [OT]
        (0010,0010) PN [Pump^One]
        (0010,0020) LO [P1]
        (0020,000d) UI [1.2.3]
        (0020,000e) UI [1.2.3.1]
        """)
    site.run("dump2dcm", dump, site.folder / "image.dcm")
    address = getattr(site, "client_address_at_server", site.client_ip)
    config = write(site.folder / "dcmqrscp.cfg", f"""\
        NetworkTCPPort = {site.port}
        MaxPDUSize = 16384
        MaxAssociations = 8
        HostTable BEGIN
        client = (CLIENT, {address}, 11113)
        HostTable END
        VendorTable BEGIN
        VendorTable END
        AETable BEGIN
        STORE {store} RW (10, 1024mb) ANY
        AETable END
        """)
    site.serve("dcmqrscp", "-dhl", "-c", config)
    site.run("storescu", "-aec", "STORE", "-aet", "CLIENT", site.host, site.port, site.folder / "image.dcm")
    got = site.folder / "got"
    got.mkdir()
    said = site.run("movescu", "-v", "-aet", "CLIENT", "-aem", "CLIENT", "-aec", "STORE", "--port", 11113, "-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.3",
                    "-od", got, site.host, site.port, code=None)
    assert list(got.iterdir()), said


# ---- X11: a program on the server's machine draws on the client's display ----


@real("X11: xdpyinfo on the client's display", 5999, "Xvfb", "xdpyinfo", "inetd", "nc")
def x11(site):
    site.on_client("Xvfb", ":7", "-listen", "tcp", "-ac", "-nolisten", "unix", "-nolisten", "local", "-screen", "0", "64x64x8", port=6007)
    launcher = write(site.folder / "launch", "#!/bin/sh\nread display\nexec xdpyinfo -display \"$display\" 2>&1\n")
    launcher.chmod(0o755)
    _inetd(site, f"{site.port} stream tcp nowait root {launcher} launch")
    said = site.run("nc", site.host, site.port, text=f"{site.client_ip}:7\n")
    assert "dimensions:    64x64 pixels" in said, said


# ---- remote objects: the client hands over a reference to an object of its own ----

PYRO_SERVER = """
import sys, Pyro4
@Pyro4.expose
class Alarms:
    def subscribe(self, listener):
        for number in range(100):
            listener.alarm(number)
        return "told"
daemon = Pyro4.Daemon(host=sys.argv[1], port=int(sys.argv[2]))
daemon.register(Alarms(), "alarms")
daemon.requestLoop()
"""
PYRO_CLIENT = """
import sys, threading, Pyro4
got = []
@Pyro4.expose
class Listener:
    def alarm(self, number):
        got.append(number)
daemon = Pyro4.Daemon(host=sys.argv[3])
listener = Listener()
daemon.register(listener)
threading.Thread(target=daemon.requestLoop, daemon=True).start()
alarms = Pyro4.Proxy(f"PYRO:alarms@{sys.argv[1]}:{sys.argv[2]}")
alarms._pyroTimeout = 8
print(alarms.subscribe(listener), len(got), daemon.locationStr)
"""


@real("Pyro4 callback", 9090, "python:Pyro4")
def pyro(site):
    site.serve(PYTHON, "-c", PYRO_SERVER, site.machine.ip(), site.port)
    said = site.run(PYTHON, "-c", PYRO_CLIENT, site.host, site.port, site.client_ip)
    assert "told 100" in said, said


# ---- others ----


@real("nuttcp, flip-flop", 5000, "nuttcp")
def nuttcp(site):
    site.serve("nuttcp", "-S", "--nofork", "-P", site.port, port=site.port)
    said = site.run("nuttcp", "-F", "-t", "-n", "300k", "-P", site.port, "-p", 5101, site.host)
    assert "Mbps" in said, said


@real("nc, a shell that dials back", 4000, "nc", "inetd")
def netcat(site):
    """As in a maintenance script: the server's side reports to the port that the client listens on."""
    script = write(site.folder / "report", "#!/bin/sh\nread port\npeer=$(ss -Htn state established sport = :%d | awk '{print $4}' | sed 's/:[0-9]*$//')\n"
                   "date | nc -N \"${peer#*::ffff:}\" \"$port\"\n" % site.port)
    script.chmod(0o755)
    _inetd(site, f"{site.port} stream tcp nowait root {script} report")
    waiting = site.on_client("nc", "-l", site.client_ip, 4444, port=4444)
    site.run("nc", site.host, site.port, text="4444\n")
    assert waiting.wait_line(lambda line: "UTC" in line, within=5), waiting.tail()
