# SPDX-License-Identifier: Apache-2.0
"""Servers that ask port 113 of their client who it is (RFC 1413)."""
import os

import programs_ftp
from real_program import PYTHON, find, inetd, real, unpacked, write

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


@real("ngircd + nullidentd", 6667, "ngircd", "nullidentd", "inetd")
def ngircd_nullidentd(site):
    inetd(site, f"113 stream tcp nowait nobody {find('nullidentd')} nullidentd operator", machine=site.client, port=113)
    said = _ngircd(site)
    assert "311 tester tester operator " in said, said


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


@real("proftpd IdentLookups", 21, "proftpd")
def proftpd_ident(site):
    log = site.folder / "ident.log"
    identd = site.on_client(PYTHON, "-c", IDENTD, site.client_ip, port=113)
    programs_ftp.proftpd(site, "LoadModule mod_ident.c", "IdentLookups on", f"LogFormat ident \"%l\"\nExtendedLog {log} ALL ident")
    site.run(PYTHON, "-c", "import ftplib, sys; ftp = ftplib.FTP(sys.argv[1], timeout=10); ftp.login(); ftp.quit()", site.host)
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
