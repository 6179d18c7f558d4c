# SPDX-License-Identifier: Apache-2.0
"""FTP in active mode: PORT or EPRT announce address and port; four servers, eight clients."""
import os

from real_program import PYTHON, find, real, unpacked, write

PAYLOAD = bytes(i % 251 for i in range(300000))


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


def lftp(site, more=""):
    got = site.run("lftp", "-c", f"{more}set ftp:passive-mode no; set net:max-retries 1; set net:timeout 5; set xfer:clobber on; "
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


@real("vsftpd + lftp told its alias", 21, "vsftpd", "lftp")
def lftp_alias(site):
    """A client that can be told what to announce: the address by which the server knows it."""
    vsftpd(site)
    lftp(site, f"set ftp:use-feat no; set ftp:port-ipv4 {site.known_as}; ")
