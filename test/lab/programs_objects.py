# SPDX-License-Identifier: Apache-2.0
"""Remote objects and services that their clients join: the client hands over a reference, or is dialled at the address that it announced."""
import shutil

import program
from real_program import PYTHON, find, real, write


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


ICE_SLICE = """
module Lab {
    interface Listener { void alarm(int number); }
    interface Alarms { int subscribe(Listener* listener); }
}
"""
ICE_SERVER = """
import sys, Ice
Ice.loadSlice(sys.argv[3])
import Lab
class Alarms(Lab.Alarms):
    def subscribe(self, listener, current):
        for number in range(100):
            listener.alarm(number)
        return 100
with Ice.initialize() as ice:
    adapter = ice.createObjectAdapterWithEndpoints("alarms", f"tcp -h {sys.argv[1]} -p {sys.argv[2]}")
    adapter.add(Alarms(), Ice.stringToIdentity("alarms"))
    adapter.activate()
    ice.waitForShutdown()
"""
ICE_CLIENT = """
import sys, Ice
Ice.loadSlice(sys.argv[4])
import Lab
got = []
class Listener(Lab.Listener):
    def alarm(self, number, current):
        got.append(number)
with Ice.initialize() as ice:
    adapter = ice.createObjectAdapterWithEndpoints("", f"tcp -h {sys.argv[3]}")
    listener = Lab.ListenerPrx.uncheckedCast(adapter.addWithUUID(Listener()))
    adapter.activate()
    alarms = Lab.AlarmsPrx.uncheckedCast(ice.stringToProxy(f"alarms:tcp -h {sys.argv[1]} -p {sys.argv[2]} -t 8000").ice_invocationTimeout(8000))
    print("told", alarms.subscribe(listener), len(got))
"""


@real("Ice callback", 10000, "python:Ice")
def ice(site):
    slices = write(site.folder / "lab.ice", ICE_SLICE)
    site.serve(PYTHON, "-c", ICE_SERVER, site.machine.ip(), site.port, slices)
    said = site.run(PYTHON, "-c", ICE_CLIENT, site.host, site.port, site.client_ip, slices)
    assert "told 100 100" in said, said


ROS_CLIENT = """
import sys, threading, rospy, std_msgs.msg
got = threading.Event()
rospy.init_node("viewer", anonymous=False, disable_signals=True, disable_rosout=True)
rospy.Subscriber("alarms", std_msgs.msg.String, lambda message: got.set())
print("subscribed", flush=True)
print("alarm" if got.wait(10) else "nothing came", flush=True)
"""
ROS_SOURCE = """
import sys, rospy, std_msgs.msg
rospy.init_node("source", disable_signals=True, disable_rosout=True)
alarms = rospy.Publisher("alarms", std_msgs.msg.String, queue_size=1)
while True:
    alarms.publish("alarm")
    rospy.sleep(0.1)
"""


@real("ROS 1 master", 11311, "rosmaster", "python:rospy")
def ros(site):
    """The master calls each subscriber back, at the address that it announced, when there is a new source. The subscriber then dials the source itself."""
    environment = ["PYTHONUNBUFFERED=1", f"ROS_HOME={site.folder}", f"ROS_LOG_DIR={site.folder}"]
    here = [f"ROS_MASTER_URI=http://{site.machine.ip()}:{site.port}", f"ROS_IP={site.machine.ip()}"]
    master = site.serve("env", *environment, *here, "rosmaster", "--core", "-p", site.port)
    there = [f"ROS_MASTER_URI=http://{site.host}:{site.port}", f"ROS_IP={site.client_ip}"]
    client = site.start(PYTHON, "-c", ROS_CLIENT, environment=environment + there, machine=site.client)
    assert client.wait_line(lambda line: line == "subscribed"), client.tail()
    site.start(PYTHON, "-c", ROS_SOURCE, environment=environment + here)
    logs = lambda: "".join(path.read_text(errors="replace") for path in site.folder.glob("*.log")) + master.tail()  # noqa: E731
    assert client.wait_line(lambda line: line == "alarm", within=10) or _master_called(logs()), client.tail() + logs()[-3000:]


def _master_called(log):
    return any("publisherUpdate" in line and "result" in line for line in log.splitlines())


# ---- servers that their clients join ----


def _redis(site, address):
    """The client tells the server to copy what the client has."""
    more = ("--protected-mode", "no", "--save", "", "--dir", site.folder)
    site.serve("redis-server", "--bind", site.machine.ip(), "--port", site.port, *more)
    site.on_client("redis-server", "--bind", site.client_ip, "--port", 6380, *more, port=6380)
    site.run("redis-cli", "-h", site.client_ip, "-p", 6380, "set", "tag", "42")
    site.run("redis-cli", "-h", site.host, "-p", site.port, "replicaof", address, 6380)
    program.wait_for(lambda: "42" in site.run("redis-cli", "-h", site.host, "-p", site.port, "get", "tag"), within=6)


@real("redis, REPLICAOF", 6379, "redis-server", "redis-cli")
def redis(site):
    _redis(site, site.client_ip)


@real("redis, REPLICAOF its alias", 6379, "redis-server", "redis-cli")
def redis_alias(site):
    _redis(site, site.known_as)


@real("icecream", 8765, "icecc-scheduler", "iceccd")
def icecream(site):
    """The scheduler tries whether it can connect to a new machine, at its peer address and the port that it announced."""
    site.serve("icecc-scheduler", "-p", site.port, "-vvv", "-n", "lab")
    (site.folder / "icecc").mkdir()
    shutil.chown(site.folder / "icecc", "icecc")
    site.start(find("iceccd"), "-vvv", "-n", "lab", "-s", f"{site.host}:{site.port}", "-b", site.folder / "icecc", "-N", "client", machine=site.client)
    assert site.is_dialled_back(), "the scheduler reached nobody"


@real("dask", 8786, "dask-scheduler", "dask-worker")
def dask(site):
    """Broadcasts go from the scheduler to the address that a worker announced."""
    site.serve("dask-scheduler", "--host", site.machine.ip(), "--port", site.port, "--no-dashboard")
    site.start("dask-worker", "--no-dashboard", "--host", site.client_ip, "--no-nanny", "--nthreads", 1, "--local-directory", site.folder, f"tcp://{site.host}:{site.port}",
               machine=site.client)
    said = site.run(PYTHON, "-c", "import sys; from distributed import Client; c = Client(sys.argv[1], timeout=8); c.wait_for_workers(1, timeout=8); print(c.run(lambda: 42))",
                    f"tcp://{site.host}:{site.port}", within=30)
    assert ": 42" in said, said
