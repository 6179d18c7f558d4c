# SPDX-License-Identifier: Apache-2.0
"""Programs for one purpose: measuring, a remote shell, a debugger, images, a display."""
import os

from real_program import PYTHON, find, inetd, real, write


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


# ---- rsh: the second channel, for stderr ----


def _rsh(site, command):
    home = site.folder / "home"
    home.mkdir()
    write(home / ".rhosts", "+ +\n").chmod(0o600)
    os.chown(home, 0, 0)
    os.chown(home / ".rhosts", 0, 0)
    home.chmod(0o700)
    inetd(site, f"{site.port} stream tcp nowait root {find('in.rshd')} in.rshd", (home, "/root"))
    return site.run(find(command), "-l", "root", site.host, "echo to stderr >&2; sleep 0.5; echo to stdout", code=None)


@real("rsh-redone-server + rsh-client", 514, "netkit-rsh", "in.rshd", "inetd")
def rsh(site):
    said = _rsh(site, "netkit-rsh")
    assert "to stdout" in said and "to stderr" in said, said


@real("rsh, dialled from low ports", 514, "netkit-rsh", "in.rshd", "inetd")
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


def _dicom(site, address):
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


@real("dcmtk movescu", 11112, "dcmqrscp", "movescu", "storescu", "dump2dcm")
def dicom(site):
    _dicom(site, site.client_ip)


@real("dcmtk movescu, server knows the alias", 11112, "dcmqrscp", "movescu", "storescu", "dump2dcm")
def dicom_alias(site):
    _dicom(site, site.known_as)


# ---- X11: a program on the server's machine draws on the client's display ----


def _x11(site, address):
    site.on_client("Xvfb", ":7", "-listen", "tcp", "-ac", "-nolisten", "unix", "-nolisten", "local", "-screen", "0", "64x64x8", port=6007)
    launcher = write(site.folder / "launch", "#!/bin/sh\nread display\nexec xdpyinfo -display \"$display\" 2>&1\n")
    launcher.chmod(0o755)
    inetd(site, f"{site.port} stream tcp nowait root {launcher} launch")
    said = site.run("nc", site.host, site.port, text=f"{address}:7\n")
    assert "dimensions:    64x64 pixels" in said, said


@real("xdpyinfo on the client's display", 5999, "Xvfb", "xdpyinfo", "inetd", "nc")
def x11(site):
    _x11(site, site.client_ip)


@real("xdpyinfo on the client's display, by its alias", 5999, "Xvfb", "xdpyinfo", "inetd", "nc")
def x11_alias(site):
    _x11(site, site.known_as)


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
    inetd(site, f"{site.port} stream tcp nowait root {script} report")
    waiting = site.on_client("nc", "-l", site.client_ip, 4444, port=4444)
    site.run("nc", site.host, site.port, text="4444\n")
    assert waiting.wait_line(lambda line: "UTC" in line, within=5), waiting.tail()
