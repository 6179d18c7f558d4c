@echo off
rem Made by "georelay firewall". Run it as an administrator; it may be run again at any time: it replaces its rules.
rem Rules of what the configuration no longer has stay: remove them by hand, their names begin with "georelay: ".
rem Rules with dir=out matter only where outgoing connections are blocked by default.
netsh advfirewall firewall delete rule name="georelay: tunnel" >nul
netsh advfirewall firewall delete rule name="georelay: link node-a" >nul
netsh advfirewall firewall delete rule name="georelay: link node-b" >nul
netsh advfirewall firewall delete rule name="georelay: deliver" >nul
rem The agent "site-a" connects to the relay; all that it carries travels inside.
netsh advfirewall firewall add rule name="georelay: tunnel" dir=out action=allow protocol=TCP localip=any remoteip=10.20.0.10 remoteport=8443 profile=any
rem Clients open the link "node-a".
netsh advfirewall firewall add rule name="georelay: link node-a" dir=in action=allow protocol=TCP localip=192.168.1.10 remoteip=192.168.1.0/24 localport=5481 profile=any
rem Clients open the link "node-b".
netsh advfirewall firewall add rule name="georelay: link node-b" dir=in action=allow protocol=TCP localip=192.168.1.10 remoteip=192.168.1.0/24 localport=5482 profile=any
rem The agent "site-a" delivers advises to clients.
netsh advfirewall firewall add rule name="georelay: deliver" dir=out action=allow protocol=TCP localip=any remoteip=192.168.1.0/24 remoteport=5500-5509 profile=any
