# SPDX-License-Identifier: Apache-2.0
"""georelay import-iis: samples of IIS's configuration become one of georelay's that passes its check, answers as the rules say, and tells
of everything that it leaves out."""
import random
import re
import resource
import shutil
import subprocess
import xml.etree.ElementTree as xml

import build
import http1
import pki as pki_module
import pytest
import relay
from program import wait_for

SAMPLES = build.ROOT / "test" / "config" / "iis"
NOBODY = "127.0.0.1:9"

# What can be imported: words of the command line.
IMPORTS = [("vendor.config",), ("wizard.config",), ("paths.config",), ("hosts.config",), ("redirects.config",), ("headers.config",),
           ("cookies.config",), ("maps.config",), ("blocks.config",), ("closed.config",), ("filtering.config",), ("websocket.config",),
           ("exceptions.config",), ("https.config",), ("farm.config",), ("farm.config", "farm.applicationHost.config"),
           ("--site", "Geo SCADA", "vendor.config", "sites.applicationHost.config"),
           ("--site", "2", "hosts.config", "sites.applicationHost.config"), ("vendor.config", "plain.applicationHost.config"),
           ("redirects.config", "plain.applicationHost.config")]


def run(*words, cwd=SAMPLES, limit=None):
    def bound():
        if limit:
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))

    result = subprocess.run([build.georelay(), "import-iis", *map(str, words)], capture_output=True, timeout=60 * build.patience(),
                            check=False, cwd=cwd, preexec_fn=bound)
    return result.returncode, result.stdout.decode(), result.stderr.decode()


def imported(*words, cwd=SAMPLES):
    code, out, err = run(*words, cwd=cwd)
    assert code == 0, err
    return out, err


def settings_of(text):
    """The configuration without comments, with single blanks."""
    return " ".join(" ".join(line.split("#")[0] for line in text.splitlines()).split())


def placed(text, stage):
    """The configuration with certificates that exist."""
    for end in ("crt", "key"):
        shutil.copy(stage.pki.path(f"web.{end}"), stage.folder)
    for number in (2, 3):
        if f"web-{number}.crt" in text:
            pki_module.self_signed(stage.folder, f"web-{number}", "ec", f"site-{number}.example.com")
    shutil.copy(stage.pki.ca, stage.folder / "clients.crt")
    return text.replace("/etc/georelay/", f"{stage.folder}/")


# ---- the text ----

def check(stage, text):
    path = stage.folder / "it.conf"
    path.write_text(placed(text, stage))
    result = subprocess.run([build.georelay(), "check", "-c", str(path)], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr + text


@pytest.mark.parametrize("words", IMPORTS, ids=" ".join)
def test_passes_the_check(stage, words):
    out, err = imported(*words)
    check(stage, out)
    assert imported(*words) == (out, err), "the same files gave another text"


@pytest.mark.parametrize("words", IMPORTS, ids=" ".join)
def test_each_note_is_told_twice(words):
    """On standard error and at the end of the configuration, and nothing but notes and their sum on standard error."""
    out, err = imported(*words)
    *notes, total = err.splitlines()
    assert all(re.match(r"(\S+\.config:\d+: )?(not carried over|weaker than IIS|by hand|not needed): .+[.;)]$", note) for note in notes), err
    assert [f"# {note}" for note in notes] == out[out.index("\n#\n") + 3:].split("to do:\n#\n")[1].splitlines()
    assert sum(int(count) for count in re.findall(r"\d+", total)) == len(notes) and total.startswith("georelay: "), total


# words, what must stand in the configuration, what must not, what must be told ("file:line: kind: words that it holds")
TEXTS = [
    (("vendor.config",),
     ['listen = ( "0.0.0.0:443", "[::]:443" );', 'servers = ( "localhost:8080" );', 'upstream = { host = "localhost:8080"; };',
      'cookie_secure = "always";', 'headers = "arr";', 'links = "rewrite";', "limits = { body = 30000000; url = 6145; };"],
     ["routes", "allow", "plain", "redirect_from", "timeouts"],
     ["vendor.config:7: by hand: localhost:8080", "by hand: web.config does not say where IIS listened", "by hand: Export the certificate"]),
    (("wizard.config",),
     ['servers = ( "10.10.0.5:8080" );', 'links = "rewrite";'], ["cookie_secure", "request_remove"],
     ["wizard.config:19: not carried over: body", "wizard.config:31: not needed: No rule uses it", "wizard.config:14: not needed: "]),
    (("paths.config",),
     ['{ path = "/WebX/"; upstream = "10.10.0.5-85"; }', '{ path = "/html"; upstream = "10.10.0.5-81"; replace = "/"; }',
      '{ path = "/legacy"; upstream = "10.10.0.5-81"; replace = "/"; }', '{ path = "/db/"; upstream = "10.10.0.5-8080"; }',
      'allow = ( { path = "/WebX/"; }, { path = "/html"; }, { path = "/legacy"; }, { path = "/db/"; } );', f'servers = ( "{NOBODY}" );'],
     ["10.10.0.9", "10.10.0.7", "status"],
     ["paths.config:7: not carried over: redirect", "paths.config:15: not carried over: Capital", "paths.config:19: not carried over: one path",
      "paths.config:27: not needed: switched off", "paths.config:31: not carried over: in the middle"]),
    (("hosts.config",),
     ['{ host = "north.example.com"; path = "/"; upstream = "10.10.0.5-8080"; }',
      '{ host = "south.example.com"; path = "/"; upstream = "10.10.0.6-8080"; }',
      '{ host = "south-test.example.com"; path = "/"; upstream = "10.10.0.6-8080"; }',
      '{ host = "north.example.com"; path = "/trends/"; upstream = "10.10.0.5-8080"; }',
      '{ host = "*.example.com"; path = "/trends/"; upstream = "10.10.0.7-8080"; replace = "/"; }', f'servers = ( "{NOBODY}" );'],
     ["allow"], ["hosts.config:28: not carried over: can't choose (line 31)"]),
    (("redirects.config",),
     ['redirect_from = ( "0.0.0.0:80", "[::]:80" );', 'listen = ( "0.0.0.0:443", "[::]:443" );', 'servers = ( "127.0.0.1:8080" );'],
     ["plain"], ["redirects.config:13: not carried over: redirect", "redirects.config:23: not needed: switched off"]),
    (("redirects.config", "plain.applicationHost.config"),
     ['redirect_from = ( "0.0.0.0:8081", "[::]:8081" );', 'listen = ( "0.0.0.0:443", "[::]:443" );'], ["plain", "upstream"],
     ["redirects.config:6: by hand: port 443 is assumed"]),
    (("headers.config",),
     ["hsts = 31536000;", 'request_set = ( { name = "X-Site"; value = "north"; } );', 'request_remove = ( "X-Debug" );',
      '{ name = "X-Frame-Options"; value = "SAMEORIGIN"; }', r'report-uri \"/csp\""; }', 'response_remove = ( "X-Powered-By", "Server" );'],
     ["Bad Name", "Keep-Alive", "X-Kind", "X-Redirect", "X-Forwarded-Host"],
     ["headers.config:10: not carried over: georelay itself", "headers.config:11: not carried over: no header field",
      "headers.config:13: not carried over: redirects", "headers.config:23: not carried over: differs", "headers.config:34: not carried over: some responses"]),
    (("cookies.config",),
     ['cookie_secure = "always";', 'cookie_http_only = "add";', 'cookie_same_site = "strict";'], ["domain"],
     ["cookies.config:23: not carried over: more than"]),
    (("maps.config",),
     ['{ path = "/trends/"; upstream = "10.10.0.7-8080"; replace = "/"; }', '{ path = "/alarms/"; upstream = "10.10.0.8-8080"; replace = "/"; }',
      '{ host = "north.example.com"; path = "/"; upstream = "10.10.0.5-8080"; }',
      '{ host = "west.example.com"; path = "/"; upstream = "10.10.0.9-8080"; }', f'servers = ( "{NOBODY}" );'],
     ["east", "allow"],
     ["maps.config:9: not carried over: without key", "maps.config:15: not carried over: default", "maps.config:18: not needed: No rule"]),
    (("blocks.config",),
     ['allow = ( { path = "/webx/"; methods = ( "GET", "POST" ); }, { path = "/logon/"; methods = ( "GET", "POST" ); }, '
      '{ path = "/webservices/"; methods = ( "GET", "POST" ); } );', '{ host = "scada.example.com"; path = "/"; upstream = "10.10.0.5-8080"; }',
      f'servers = ( "{NOBODY}" );'], ["closed"], ["blocks.config:18: not carried over: methods"]),
    (("closed.config",),
     ['allow = ( { path = "/closed-until-somebody-has-decided"; } );'], ["admin"],
     [f"closed.config:{line}: weaker than IIS: stays closed" for line in (10, 22, 29, 33, 43, 50)] +
     ["closed.config:18: not carried over: part \"admin\"", "closed.config:4: not needed: ", "closed.config:34: not carried over: log on"]),
    (("filtering.config",),
     ["limits = { body = 4294967295L; url = 24577; };", 'allow = ( { path = "/"; methods = ( "GET", "POST" ); } );', 'response_remove = ( "Server" );'],
     ["TRACE", "DELETE"],
     [f"filtering.config:{line}: weaker than IIS: " for line in (5, 7, 17, 20, 23)] + ["filtering.config:6: not carried over: sum"]),
    (("websocket.config",),
     ['{ path = "/vvx/"; upstream = "10.10.0.5-8081"; replace = "/"; }', 'servers = ( "10.10.0.5:8080" );'], ["10.10.0.9", "late"],
     ["websocket.config:4: not needed: ", "websocket.config:8: not needed: WebSockets", "websocket.config:19: not needed: leave nothing",
      "websocket.config:25: not needed: ", "websocket.config:28: not carried over: ", "websocket.config:29: not carried over: ",
      "websocket.config:30: not carried over: ", "websocket.config:31: not carried over: not known"]),
    (("exceptions.config",),
     ['{ path = "/.well-known/acme-challenge/"; upstream = "nobody"; }', '{ path = "/help/"; upstream = "nobody"; }',
      '{ path = "/reports/"; upstream = "10.10.0.6-8080"; replace = "/"; }', 'servers = ( "10.10.0.5:8080" );'], ["allow"],
     ["exceptions.config:7: weaker than IIS: ", "exceptions.config:11: weaker than IIS: leaves out", "exceptions.config:15: not carried over: files"]),
    (("https.config",),
     ['tls = "verify"; host = "scada.internal.example:8443";', 'client_certificate = "required";', 'client_ca = "/etc/georelay/clients.crt";'],
     ["unverified"], ["https.config:6: by hand: TLS", "https.config:6: not carried over: TLS", "https.config:16: by hand: certificate"]),
    (("farm.config", "farm.applicationHost.config"),
     ['listen = ( "0.0.0.0:443", "[::]:443" );', 'redirect_from = ( "0.0.0.0:80", "[::]:80" );', 'servers = ( "10.10.0.5:8080", "10.10.0.6:8080" );',
      'health = { path = "/db/alive?kind=short"; interval = 20; timeout = 5; status = "200-299"; rise = 1; fall = 1; text = "alive"; };',
      'links = "keep";', "timeouts = { response = 600; };", '"Strict-Transport-Security"; value = "max-age=63072000; includeSubDomains"'],
     ["10.20.0.1", "10.10.0.7", "hsts", "ASP.NET", "host ="],
     ["farm.applicationHost.config:20: by hand: Export 00112233445566778899AABBCCDDEEFF00112233", "farm.applicationHost.config:22: not carried over: net.tcp",
      "farm.applicationHost.config:15: not carried over: application", "farm.applicationHost.config:51: not carried over: not spread",
      "farm.applicationHost.config:58: not needed: ", "farm.applicationHost.config:66: not needed: ", "farm.applicationHost.config:43: not needed: "]),
    (("--site", "Geo SCADA", "vendor.config", "sites.applicationHost.config"),
     ['name = "geo-scada";', 'listen = ( "0.0.0.0:443", "[::]:443", "[::1]:8443" );', 'plain = ( "0.0.0.0:80", "[::]:80" );',
      '{ chain = "/etc/georelay/web-2.crt"; key = "/etc/georelay/web-2.key"; }', '{ host = "scada.example.com"; path = "/"; upstream = "localhost-8080"; }',
      '{ host = "scada-old.example.com"; path = "/"; upstream = "localhost-8080"; }', f'servers = ( "{NOBODY}" );', 'headers = "append";',
      '{ name = "X-Site"; value = "north"; }', "upstream_idle = 0;"],
     ["X-Part", "intranet", "host = \"localhost:8080\""],
     ["sites.applicationHost.config:5: not carried over: Another site", "sites.applicationHost.config:15: by hand: BB22",
      "sites.applicationHost.config:24: not carried over: port", "sites.applicationHost.config:36: weaker than IIS: ",
      "sites.applicationHost.config:53: not carried over: part", "sites.applicationHost.config:59: not needed: another site"]),
    (("vendor.config", "plain.applicationHost.config"),
     ['plain = ( "0.0.0.0:8081", "[::]:8081" );'], ["listen", "certificates", "host ="], []),
]


@pytest.mark.parametrize("words, present, absent, told", TEXTS, ids=[" ".join(row[0]) for row in TEXTS])
def test_text(words, present, absent, told):
    out, err = imported(*words)
    settings = settings_of(out)
    for text in present:
        assert text in settings, f"{text} is not in\n{settings}"
    for text in absent:
        assert text not in settings, f"{text} is in\n{settings}"
    for want in told:
        place, rest = re.match(r"(\S+\.config:\d+: (?:[a-z A-Z]+): |by hand: )(.*)", want).groups()
        assert any(note.startswith(place) and all(word in note for word in rest.split()) for note in err.splitlines()), f"{want} is not in\n{err}"


def test_every_line_says_where_it_came_from():
    out, _ = imported("farm.config", "farm.applicationHost.config")
    for setting, place in (("listen", "farm.applicationHost.config:20: binding"), ("servers", 'farm.config:7: rule "Farm"'),
                           ("health", "farm.applicationHost.config:60: healthCheck"), ("response", "farm.applicationHost.config:63: protocol"),
                           ("body", "IIS's own default")):
        line = next(line for line in out.splitlines() if line.lstrip().startswith(setting + " = "))
        assert line.split("# ")[1].startswith(place), line


def test_secrets_are_not_repeated():
    for words in (("closed.config",), ("websocket.config",), ("farm.config", "farm.applicationHost.config")):
        _, out, err = run(*words)
        assert "hunter2" not in out + err and "swordfish" not in out + err


# ---- nothing is dropped in silence ----

def elements(path):
    """(lines of an element and all around it but the root, offset behind its name) of each element, by a look at the text itself."""
    text = path.read_text()
    clean = re.sub(r"<!--.*?-->", lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.S)
    around = []
    for match in re.finditer(r"<(/?)([A-Za-z.]+)((?:\s+[\w:.]+\s*=\s*\"[^\"]*\")*)\s*(/?)>", clean):
        if match[1]:
            around.pop()
            continue
        line = text.count("\n", 0, match.start()) + 1
        yield [*around[1:], line], match.end(2), match
        if not match[4]:
            around.append(line)


@pytest.mark.parametrize("words", IMPORTS[:-4], ids=" ".join)
@pytest.mark.parametrize("extra", ["attribute", "element"])
def test_what_is_unknown_is_told(stage, words, extra):
    """An attribute or element that nobody has heard of, at every place in turn, is told of: by its line, or by what it lies in."""
    names = [word for word in words if word.endswith(".config")]
    for name in names:
        shutil.copy(SAMPLES / name, stage.folder)
    for name in names:
        text = (SAMPLES / name).read_text()
        for lines, at, match in list(elements(SAMPLES / name)):
            if extra == "attribute":
                changed = text[:at] + ' zz="1"' + text[at:]
            elif match[4]:
                changed = text[:match.end() - 2] + f"><zz/></{match[2]}>" + text[match.end():]
            else:
                changed = text[:match.end()] + "<zz/>" + text[match.end():]
            xml.fromstring(changed.encode())
            (stage.folder / name).write_text(changed)
            code, out, err = run(*words, cwd=stage.folder)
            assert code in (0, 1), err
            told = {int(line) for line in re.findall(rf"^{re.escape(name)}:(\d+): ", err, re.M)}
            assert told & set(lines) or lines[-1] == 3 and "zz" in err, f"{extra} zz in line {lines[-1]} of {name} is told nowhere:\n{err}"
        (stage.folder / name).write_text(text)


# ---- files that are wrong ----

def test_other_encodings(stage):
    plain, notes = imported("vendor.config")
    text = (SAMPLES / "vendor.config").read_text()
    forms = {"utf16le": b"\xff\xfe" + text.replace("UTF-8", "UTF-16").encode("utf-16-le"),
             "utf16be": b"\xfe\xff" + text.replace("UTF-8", "UTF-16").encode("utf-16-be"),
             "marked": b"\xef\xbb\xbf" + text.encode(), "dos": text.replace("\n", "\r\n").encode()}
    for form, content in forms.items():
        (stage.folder / "vendor.config").write_bytes(content)
        assert imported("vendor.config", cwd=stage.folder) == (plain, notes), form


@pytest.mark.parametrize("content, place", [
    (b"", ":1:1: "), (b"<configuration>", ":1:16: "), (b"<configuration>\n  <a></b>\n</configuration>", ":2:8: "),
    (b"<other/>", ":1: "), (b"<configuration>\n<a x=\"\xff\"/></configuration>", ":2:7: "),
    (b"<!DOCTYPE configuration>\n<configuration/>", ":1:"),
    (b"<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><configuration>&a;</configuration>", ":1:"),
    (b"<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\">" + b"".join(b"<!ENTITY a%d \"&a%s;&a%s;\">" % (n, b"%d" % (n - 1) if n else b"", b"") for n in range(30)) +
     b"]><configuration>&a29;</configuration>", ":1:"),
    (b"<a>" * 100000, ":1:"), (b"<configuration>" + b"<a/>" * 200000 + b"</configuration>", ":1:"), (b"\x00" * 1000, ":1:"),
    (b"<configuration>" + b" " * (5 << 20) + b"</configuration>", ": "),
    (b'<?xml version="1.0" encoding="windows-1252"?><configuration/>', ":1:"),
], ids=["empty", "open", "crossed", "other", "no-utf8", "doctype", "external", "bomb", "deep", "many", "zeros", "long", "encoding"])
def test_bad_files(stage, content, place):
    (stage.folder / "web.config").write_bytes(content)
    code, out, err = run("web.config", cwd=stage.folder, limit=20 * build.patience())
    assert code == 2 and not out and err.startswith("web.config" + place) and len(err.splitlines()) == 1, (code, err)
    shutil.copy(SAMPLES / "vendor.config", stage.folder)
    code, out, err = run("vendor.config", "web.config", cwd=stage.folder, limit=20 * build.patience())
    assert code == 2 and not out and err.startswith("web.config" + place), (code, err)


def test_wrong_usage(stage):
    for words in ((), ("a", "b", "c"), ("--site", "x", "vendor.config"), ("--what", "vendor.config"), ("missing.config",), (".",),
                  ("vendor.config", "missing.config"), ("vendor.config", "vendor.config"),
                  ("vendor.config", "sites.applicationHost.config"), ("--site", "None", "vendor.config", "sites.applicationHost.config")):
        code, out, err = run(*words)
        assert code == 2 and err and not out, (words, code, out, err)
    assert "--site \"Geo SCADA\"" in run("vendor.config", "sites.applicationHost.config")[2]


def test_help():
    code, out, err = run("--help")
    assert code == 0 and "usage: georelay import-iis" in out and "--site NAME" in out and not err


def test_nothing_to_forward():
    code, out, err = run("nothing.config")
    assert code == 1 and not out and "nothing here forwards" in err and "nothing.config:7: not carried over" in err


def test_odd_characters_stay_text(stage):
    """Names, values and paths with everything that might end a comment or a text."""
    text = (SAMPLES / "headers.config").read_text()
    text = text.replace('<rule name="All"', '<rule name="All&#10;} ); evil = &quot;1&quot;; # */ \u00fc\u0085"', 1)
    text = text.replace('value="SAMEORIGIN"', 'value="a&quot;; \\ b = (&#9;c) \u00fc"')
    odd = "web \n#.config"
    (stage.folder / odd).write_text(text)
    out, err = imported(odd, cwd=stage.folder)
    assert "\x85" not in out + err and "\nevil" not in out and not re.search(r"^\} \);", err, re.M)
    assert r'value = "a\"; \\ b = (\x09c) ' + "\u00fc\";" in out, out
    check(stage, out)


def test_very_much_of_everything(stage):
    """What is made stays a configuration that georelay reads."""
    many = "".join(f'<add name="X-{n}" value="{"v" * 200}" zz="1" /><zz n="{n}" />' for n in range(9000))
    (stage.folder / "web.config").write_text(rules("").replace("<rewrite>", f"<httpProtocol><customHeaders>\n{many}</customHeaders></httpProtocol><rewrite>"))
    out, err = imported("web.config", cwd=stage.folder)
    assert len(err.splitlines()) > 18000 and "64 header fields" in err and "and more" in out[-200:]
    check(stage, out)


# ---- what is never opened ----

def rules(text):
    return f"""<configuration><system.webServer><rewrite><rules>{text}
<rule name="All" stopProcessing="true"><match url="(.*)" /><action type="Rewrite" url="http://10.10.0.5:8080/{{R:1}}" /></rule>
</rules></rewrite></system.webServer></configuration>"""


def condition(given, pattern, negate="false"):
    return f'<conditions><add input="{given}" pattern="{pattern}" negate="{negate}" /></conditions>'


CLOSING = {
    "path": rules('<rule name="R" stopProcessing="true"><match url="^admin" /><action type="AbortRequest" /></rule>'),
    "address": rules('<rule name="R" stopProcessing="true"><match url=".*" />' + condition("{REMOTE_ADDR}", "^10\\.", "true") +
                     '<action type="CustomResponse" statusCode="403" /></rule>'),
    "query": rules('<rule name="R" stopProcessing="true"><match url=".*" />' + condition("{QUERY_STRING}", "DROP") + '<action type="AbortRequest" /></rule>'),
    "paths and hosts": rules('<rule name="R" stopProcessing="true"><match url="^a/" negate="true" />' + condition("{HTTP_HOST}", "^x$") +
                             '<action type="AbortRequest" /></rule>'),
    "one path allowed": rules('<rule name="R" stopProcessing="true"><match url="^(a/|b$)" negate="true" /><action type="AbortRequest" /></rule>'),
    "exception by query": rules('<rule name="R" stopProcessing="true"><match url=".*" />' + condition("{QUERY_STRING}", "x") + '<action type="None" /></rule>'),
    "unknown syntax": rules('<rule name="R" patternSyntax="Perl" stopProcessing="true"><match url="x" /><action type="AbortRequest" /></rule>'),
    "unknown action": rules('<rule name="R" stopProcessing="true"><match url="x" /><action type="Challenge" /></rule>'),
    "all of one": rules('<rule name="R" stopProcessing="true"><match url="^x/" /><conditions logicalGrouping="MatchAny"><add input="{HTTP_HOST}" pattern="^a$" />'
                        '<add input="{REMOTE_ADDR}" pattern="^1" /></conditions><action type="AbortRequest" /></rule>'),
    "rules elsewhere": rules("").replace("<rules>", '<rules configSource="rules.config">'),
    "proxy is off": rules("").replace("<rewrite>", '<proxy enabled="false" /><rewrite>'),
    "addresses": rules("").replace("<rewrite>", '<security><ipSecurity allowUnlisted="true"><add ipAddress="10.0.0.1" /></ipSecurity></security><rewrite>'),
    "roles": rules("").replace("<rewrite>", '<security><authorization><add accessType="Allow" users="*" verbs="GET" /></authorization></security><rewrite>'),
    "map in a block": rules('<rule name="R" stopProcessing="true"><match url=".*" />' + condition("{M:{HTTP_HOST}}", "1") + '<action type="AbortRequest" /></rule>')
    .replace("<rules>", '<rewriteMaps><rewriteMap name="M" defaultValue="1"><add key="a" value="0" /></rewriteMap></rewriteMaps><rules>'),
    "map's default in a block": rules('<rule name="R" stopProcessing="true"><match url=".*" />' + condition("{M:{HTTP_HOST}}", "(.+)") + '<action type="AbortRequest" /></rule>')
    .replace("<rules>", '<rewriteMaps><rewriteMap name="M" defaultValue="1" /></rewriteMaps><rules>'),
    "map of local files": rules('<rule name="R" stopProcessing="true"><match url="(.*)" /><action type="Rewrite" url="{M:{REQUEST_URI}}" /></rule>')
    .replace("<rules>", '<rewriteMaps><rewriteMap name="M"><add key="/a" value="/b" /></rewriteMap></rewriteMaps><rules>'),
    "too many routes": rules('<rule name="R" stopProcessing="true"><match url="(.*)" /><action type="Rewrite" url="http://{M:{HTTP_HOST}}/{R:1}" /></rule>'
                             '<rule name="S" stopProcessing="true"><match url="^a/(.*)" /><action type="Rewrite" url="http://10.0.0.9/{R:1}" /></rule>')
    .replace("<rules>", '<rewriteMaps><rewriteMap name="M">' + "".join(f'<add key="h{n}.example.com" value="10.0.0.5" />' for n in range(240)) +
             "</rewriteMap></rewriteMaps><rules>"),
    "another server": rules('<rule name="R" stopProcessing="true"><match url="(.*)" />' + condition("{REMOTE_ADDR}", "^10\\.", "true") +
                            '<action type="Rewrite" url="http://10.10.0.9/{R:1}" /></rule>'),
    "another server for one path": rules('<rule name="R" stopProcessing="true"><match url="^a$" /><action type="Rewrite" url="http://10.10.0.9/a" /></rule>'),
    "no method": rules("").replace("<rewrite>", '<security><requestFiltering><verbs allowUnlisted="false" /></requestFiltering></security><rewrite>'),
}


@pytest.mark.parametrize("case", CLOSING)
def test_stays_closed(stage, case):
    (stage.folder / "web.config").write_text(CLOSING[case])
    out, err = imported("web.config", cwd=stage.folder)
    assert 'allow = ( { path = "/closed-until-somebody-has-decided"; } );' in settings_of(out), out
    assert "weaker than IIS" in err and "stays closed" in err, err
    check(stage, out)


OPEN = {
    "another server without TLS": rules('<rule name="R" stopProcessing="true"><match url="(.*)" />' + condition("{HTTPS}", "off") +
                                        '<action type="Rewrite" url="http://10.10.0.9/{R:1}" /></rule>'),
    "same server": rules('<rule name="R" stopProcessing="true"><match url="^a$" /><action type="Rewrite" url="http://10.10.0.5:8080/a" /></rule>'),
    "other path": rules('<rule name="R" stopProcessing="true"><match url="^a$" /><action type="Rewrite" url="http://10.10.0.9/a" /></rule>')
    .replace('url="(.*)"', 'url="^b/(.*)"').replace("8080/{R:1}", "8080/b/{R:1}"),
    "redirect": rules('<rule name="R" stopProcessing="true"><match url="^$" /><action type="Redirect" url="/a" /></rule>'),
    "switched off": rules('<rule name="R" enabled="false" stopProcessing="true"><match url="^a" /><action type="AbortRequest" /></rule>'),
    "everybody": rules("").replace("<rewrite>", '<security><ipSecurity allowUnlisted="true" /><authorization><add accessType="Allow" users="*" /></authorization>'
                                   '</security><rewrite>'),
    "filters": rules("").replace("<rewrite>", '<security><requestFiltering><hiddenSegments><add segment="bin" /></hiddenSegments></requestFiltering></security><rewrite>'),
}


@pytest.mark.parametrize("case", OPEN)
def test_does_not_close_without_need(stage, case):
    (stage.folder / "web.config").write_text(OPEN[case])
    out, _ = imported("web.config", cwd=stage.folder)
    assert "closed" not in settings_of(out), out


def test_another_server_without_tls(stage):
    """What is harmless where georelay does not listen without TLS is not where it does."""
    (stage.folder / "web.config").write_text(OPEN["another server without TLS"])
    out, err = imported("web.config", SAMPLES / "plain.applicationHost.config", cwd=stage.folder)
    assert "closed" in settings_of(out) and "another server" in err, out
    check(stage, out)


# A rule that forwards, in front of nothing else: no word of it may be forgotten, so it is not carried over at all.
LOST = {
    "by address": '<match url="(.*)" />' + condition("{REMOTE_ADDR}", "^10\\."),
    "by cookie": '<match url="(.*)" />' + condition("{HTTP_COOKIE}", "admin"),
    "by query": '<match url="(.*)" />' + condition("{QUERY_STRING}", "a=b"),
    "but some hosts": '<match url="(.*)" />' + condition("{HTTP_HOST}", "^a$", "true"),
    "hosts by number": '<match url="(.*)" />' + condition("{HTTP_HOST}", "^a\\d$"),
    "without TLS": '<match url="(.*)" />' + condition("{HTTPS}", "off"),
    "negated": '<match url="^admin" negate="true" />',
    "one path": '<match url="^a$" />',
    "middle": '<match url="a" />',
    "class": '<match url="^[ab]/(.*)" />',
    "end": '<match url="(.*)\\.xml$" />',
    "two paths": '<match url="^a/(.*)" />' + condition("{REQUEST_URI}", "^/a/b"),
    "exception": '<match url="(.*)" />' + condition("{REQUEST_URI}", "\\.xml$", "true"),
    "method": '<match url="^a/(.*)" />' + condition("{REQUEST_METHOD}", "^GET$"),
    "mixed": '<match url="(.*)" /><conditions logicalGrouping="MatchAny"><add input="{HTTP_HOST}" pattern="^a$" /><add input="{HTTPS}" pattern="on" /></conditions>',
    "condition that is not counted": '<match url="(.*)" /><conditions trackAllCaptures="true"><add input="{HTTP_HOST}" pattern="(.*)" />'
                                     '<add input="{REQUEST_URI}" pattern="^/a/(.*)" /></conditions>',
    "files": '<match url="(.*)" /><conditions><add input="{REQUEST_FILENAME}" matchType="IsFile" /></conditions>',
}


@pytest.mark.parametrize("case", LOST)
def test_a_rule_is_not_carried_over_in_part(stage, case):
    (stage.folder / "web.config").write_text(
        f'<configuration><system.webServer><rewrite><rules>\n<rule name="R" stopProcessing="true">{LOST[case]}<action type="Rewrite" '
        f'url="http://10.10.0.5:8080/{{{"C" if "trackAll" in LOST[case] else "R"}:1}}" /></rule>\n</rules></rewrite></system.webServer></configuration>')
    code, out, err = run("web.config", cwd=stage.folder)
    assert code == 1 and not out and "web.config:2: not carried over: " in err, (out, err)


@pytest.mark.parametrize("url", ["{C:2}://10.10.0.5:8080/{R:1}", "http://{HTTP_HOST}:8080/{R:1}", "http://user@10.10.0.5/{R:1}", "http://{R:1}/",
                                 "http://10.10.0.5:8080/{ToLower:{R:1}}", "http://10.10.0.5:8080/?a={R:1}", "ws://10.10.0.5/{R:1}", "http://[::/{R:1}"])
def test_a_url_that_is_not_understood_is_not_guessed(stage, url):
    (stage.folder / "web.config").write_text(
        '<configuration><system.webServer><rewrite><rules>\n<rule name="R" stopProcessing="true"><match url="(.*)" />'
        f'<action type="Rewrite" url="{url}" /></rule>\n</rules></rewrite></system.webServer></configuration>')
    code, out, err = run("web.config", cwd=stage.folder)
    assert code == 1 and not out and "web.config:2: not carried over: " in err, (out, err)


# ---- the first rule that fits, against the longest path ----

HOSTS = {None: ".*", "a.example": r"^a\.example$", "b.example": r"^b\.example$", "*.example": r"^(.*)\.example$"}
PATHS = {"(.*)": ["{REQUEST_URI}", "/s/{R:1}"], "^p/(.*)": ["{REQUEST_URI}", "/{R:1}", "/p/q/{R:1}"], "^p/q/(.*)": ["{REQUEST_URI}", "/{R:1}"],
         "^r/(.*)": ["{REQUEST_URI}", "/p/{R:1}"], "^p(/.*)?$": ["{REQUEST_URI}", "{R:1}", "/n{R:1}"]}
EXCEPTS = [None, None, None, "^/p/", "^/p/q/", "^/(p|r)/"]
ASKED = [(host, path) for host in ("a.example", "b.example", "c.example", "other")
         for path in ("/", "/p", "/p/", "/p/x", "/p/q", "/p/q/", "/p/q/x", "/r", "/r/x", "/px")]


def by_iis(drawn, host, path):
    """The number of the rule that takes a request, and the path that it makes; or None."""
    for number, (name, url, target, but) in enumerate(drawn):
        match = re.search(url, path[1:])
        if match and re.search(HOSTS[name], host) and not (but and re.search(but, path)):
            return number, target.replace("{REQUEST_URI}", path).replace("{R:1}", match[1] or "") or "/"
    return None


def fits(prefix, path):
    return path.startswith(prefix) and (prefix.endswith("/") or path[len(prefix):][:1] in ("", "/"))


def by_georelay(settings, host, path):
    """The same from the configuration, as georelay.conf(5) tells it."""
    allow = re.search(r"allow = \( (.*?) \);", settings)
    if allow and not any(fits(prefix, path) for prefix in re.findall('path = "([^"]*)"', allow[1])):
        return None
    routes = re.search(r" routes = \( (.*?) \);", settings)
    standard = re.search(r'servers = \( "([^"]*)"', settings)[1]
    found = [(0, 0, standard, path)]
    upstreams = dict(re.findall(r'name = "([^"]*)"; servers = \( "([^"]*)" \)', settings))
    for name, prefix, upstream, replace in re.findall(
            r'\{ (?:host = "([^"]*)"; )?path = "([^"]*)";(?: upstream = "([^"]*)";)?(?: replace = "([^"]*)";)? \}', routes[1] if routes else ""):
        match = 3 if name == host else 2 if name.startswith("*") and host.endswith(name[1:]) else 1 if not name else 0
        if match and fits(prefix, path):
            rest = path[len(prefix):]
            changed = (replace.rstrip("/") if rest.startswith("/") else replace) + rest if replace else path
            found.append((len(prefix), match, upstreams[upstream] if upstream else standard, changed))
    _, _, server, changed = max(found, key=lambda one: one[:2])
    return None if server == NOBODY else (int(re.search(r"10\.0\.0\.(\d+):", server)[1]), changed)


def test_the_first_rule_stays_the_first(stage):
    """Rules drawn at random: each request goes where IIS would have sent it, with the path that IIS would have sent."""
    chance = random.Random(1)
    for _ in range(60 if build.is_sanitized() else 300):
        drawn = [(chance.choice(list(HOSTS)), url, chance.choice(PATHS[url]), chance.choice(EXCEPTS))
                 for url in chance.choices(list(PATHS), k=chance.randint(1, 5))]
        text = "".join(f'<rule name="R{number}" stopProcessing="true"><match url="{url}" /><conditions><add input="{{HTTP_HOST}}" pattern="{HOSTS[name]}" />' +
                       (f'<add input="{{REQUEST_URI}}" pattern="{but}" negate="true" />' if but else "") +
                       f'</conditions><action type="Rewrite" url="http://10.0.0.{number}{target}" /></rule>' for number, (name, url, target, but) in enumerate(drawn))
        (stage.folder / "web.config").write_text(f"<configuration><system.webServer><rewrite><rules>{text}</rules></rewrite></system.webServer></configuration>")
        code, out, _ = run("web.config", cwd=stage.folder)
        settings = settings_of(out) if code == 0 else f'servers = ( "{NOBODY}" );'
        for host, path in ASKED:
            wanted, got = by_iis(drawn, host, path), by_georelay(settings, host, path)
            assert got == wanted, f"{host}{path} goes to {got}, not to {wanted}, by {drawn}\n{out}"


# ---- what it does ----

class Imported(relay.Georelay):
    """A relay with the configuration that an import gave, on addresses of its own."""

    def __init__(self, folder, text):
        self.folder, self.config = folder, folder / "imported.conf"
        self.settings, self.prefix, self.files, self.noise, self.start_counts = {"workers": 1}, (), None, [], None
        self.config.write_text(text)
        self._name = "imported"
        self._spawn()


class Site:
    """An import that runs. Each address of its servers is a recorder that says which one it is."""

    def __init__(self, stage, words):
        out, _ = imported(*words)
        self.stage, self.recorders = stage, {}
        text = re.sub(r"(listen|plain|redirect_from) = \([^)]*\)", r'\1 = ( "127.0.0.1:0" )', placed(out, stage))
        text = re.sub(r"servers = \( ([^)]*) \)", self._servers, text)
        self.relay = stage.add(Imported(stage.folder, "workers = 1;\n" + text))

    def _servers(self, match):
        return "servers = ( " + ", ".join(f'"{self._recorder(name)}"' for name in re.findall('"([^"]*)"', match[1])) + " )"

    def _recorder(self, name):
        if name == NOBODY:
            return name
        if name not in self.recorders:
            self.recorders[name] = self.stage.keep(http1.Recorder(lambda message: self.answer(name, message)))
        return self.recorders[name].text

    def answer(self, name, message):
        return http1.response(200, "Server: old", "X-Powered-By: old", "Set-Cookie: CLEARSCADAUSERID={A}; path=/", f"Location: http://{name}/there",
                              body=f"{name} {message.method} {message.target}")

    def ask(self, method="GET", target="/", host="127.0.0.1", fields=(), purpose="web"):
        """The answer; what the server got is in `seen` of it."""
        before = {name: len(one.requests) for name, one in self.recorders.items()}
        with http1.connect(self.relay.address(purpose), ca=self.stage.pki.ca if purpose == "web" else None) as client:
            answer = client.ask(method, target, *fields, host=host)
        seen = [one for name, recorder in self.recorders.items() for one in recorder.requests[before[name]:]]
        answer.seen = seen[0] if seen else None
        assert len(seen) <= 1
        return answer


# words, then (method, host, target, what comes: "server path" or a status)
ANSWERS = [
    (("vendor.config",), [
        ("GET", "scada.example.com", "/", "localhost:8080 /"),
        ("POST", "x", "/logon?a={b}|c", "localhost:8080 /logon?a={b}|c"),
        ("GET", "x", "/db/A.B%20c?View", "localhost:8080 /db/A.B%20c?View"),
        ("GET", "x", "/" + "a" * 6000, "localhost:8080 /" + "a" * 6000),
        ("GET", "x", "/" + "a" * 6200, 414)]),
    (("wizard.config",), [("GET", "x", "/a/../b", "10.10.0.5:8080 /a/../b")]),
    (("paths.config",), [
        ("GET", "x", "/WebX/a?b", "10.10.0.5:85 /WebX/a?b"), ("GET", "x", "/WebX/", "10.10.0.5:85 /WebX/"), ("GET", "x", "/WebX", 403),
        ("GET", "x", "/webx/", 403), ("GET", "x", "/html", "10.10.0.5:81 /"), ("GET", "x", "/html/a", "10.10.0.5:81 /a"),
        ("GET", "x", "/htmlx", 403), ("GET", "x", "/legacy/a/b", "10.10.0.5:81 /a/b"), ("GET", "x", "/db/x", "10.10.0.5:8080 /db/x"),
        ("GET", "x", "/status.xml", 403), ("GET", "x", "/", 403), ("GET", "x", "/reports/", 403)]),
    (("hosts.config",), [
        ("GET", "north.example.com", "/a", "10.10.0.5:8080 /a"), ("GET", "NORTH.example.com", "/trends/a", "10.10.0.5:8080 /trends/a"),
        ("GET", "south.example.com", "/trends/a", "10.10.0.6:8080 /trends/a"), ("GET", "south-test.example.com:8443", "/", "10.10.0.6:8080 /"),
        ("GET", "east.example.com", "/trends/a?q", "10.10.0.7:8080 /a?q"), ("GET", "east.example.com", "/", 503), ("GET", "other", "/trends/a", 503),
        ("GET", "other", "/?server=south", 503)]),
    (("redirects.config",), [("GET", "x", "/a?b", "127.0.0.1:8080 /a?b"), ("GET", "x", "/clearscada/a", "127.0.0.1:8080 /clearscada/a")]),
    (("maps.config",), [
        ("GET", "north.example.com", "/a", "10.10.0.5:8080 /a"), ("GET", "south.example.com", "/a", "10.10.0.6:8080 /a"),
        ("GET", "north.example.com", "/trends/a", "10.10.0.7:8080 /a"), ("GET", "x", "/alarms/b?c", "10.10.0.8:8080 /b?c"),
        ("GET", "west.example.com", "/", "10.10.0.9:8080 /"), ("GET", "east.example.com", "/", 503), ("GET", "x", "/", 503)]),
    (("blocks.config",), [
        ("GET", "scada.example.com", "/webx/a", "10.10.0.5:8080 /webx/a"), ("POST", "scada.example.com", "/logon/", "10.10.0.5:8080 /logon/"),
        ("GET", "scada.example.com", "/", 403), ("GET", "scada.example.com", "/WEBX/a", 403), ("GET", "scada.example.com", "/%77ebx/a", 403),
        ("HEAD", "scada.example.com", "/webx/a", 405), ("PUT", "scada.example.com", "/webx/a", 405), ("GET", "evil.example.com", "/webx/a", 503)]),
    (("closed.config",), [("GET", "x", "/", 403), ("GET", "x", "/admin", 403), ("POST", "x", "/logon", 403)]),
    (("filtering.config",), [
        ("GET", "x", "/a", "10.10.0.5:8080 /a"), ("POST", "x", "/a", "10.10.0.5:8080 /a"), ("DELETE", "x", "/a", 405), ("HEAD", "x", "/a", 405),
        ("GET", "x", "/?" + "q" * 20000, "10.10.0.5:8080 /?" + "q" * 20000)]),
    (("websocket.config",), [("GET", "x", "/vvx/a", "10.10.0.5:8081 /a"), ("GET", "x", "/late/a", "10.10.0.5:8080 /late/a")]),
    (("exceptions.config",), [
        ("GET", "x", "/a", "10.10.0.5:8080 /a"), ("GET", "x", "/.well-known/acme-challenge/t", 503), ("GET", "x", "/help/a", 503),
        ("GET", "x", "/reports/a", "10.10.0.6:8080 /a"), ("GET", "x", "/reports", "10.10.0.5:8080 /reports")]),
    (("--site", "2", "vendor.config", "sites.applicationHost.config"), [
        ("GET", "scada.example.com", "/a", "localhost:8080 /a"), ("GET", "scada-old.example.com", "/a", "localhost:8080 /a"),
        ("GET", "intranet.example.com", "/a", 503)]),
]


@pytest.mark.parametrize("words, asked", ANSWERS, ids=[" ".join(row[0]) for row in ANSWERS])
def test_answers_as_the_rules_say(stage, words, asked):
    site = Site(stage, words)
    for method, host, target, wanted in asked:
        answer = site.ask(method, target, host)
        if isinstance(wanted, int):
            assert answer.status == wanted and answer.seen is None, f"{method} {host}{target}: {answer}, {answer.seen}"
            continue
        name, path = wanted.split(" ", 1)
        assert answer.text == f"{name} {method} {path}", f"{method} {host}{target}: {answer} {answer.text}"
        keeps_host = "--site" in words
        assert answer.seen.get("Host") == (host if keeps_host else name), answer.seen


def test_vendors_pattern_in_full(stage):
    """What the server sees and what the browser gets, as with IIS and ARR."""
    site = Site(stage, ("vendor.config",))
    answer = site.ask("POST", "/logon", "scada.example.com", ["X-Forwarded-For: 1.2.3.4"])
    assert answer.all("Set-Cookie") == ["CLEARSCADAUSERID={A}; path=/; Secure"], answer
    assert answer.get("Location") == "https://scada.example.com/there", answer
    assert re.fullmatch(r"127\.0\.0\.1:\d+", answer.seen.get("X-Forwarded-For")), answer.seen
    assert answer.seen.get("X-ARR-SSL") and answer.seen.get("X-ARR-LOG-ID") and answer.seen.get("X-Original-URL") == "/logon", answer.seen
    assert answer.seen.get("X-Forwarded-Proto") is None, answer.seen


def test_headers_come_and_go(stage):
    answer = Site(stage, ("headers.config",)).ask(fields=["X-Debug: 1", "X-Site: forged"])
    assert answer.get("Server") is None and answer.get("X-Powered-By") is None, answer
    assert answer.get("X-Frame-Options") == "SAMEORIGIN" and answer.get("Strict-Transport-Security") == "max-age=31536000", answer
    assert answer.get("Content-Security-Policy") == "default-src 'self'; report-uri \"/csp\"", answer
    assert answer.seen.get("X-Site") == "north" and answer.seen.get("X-Debug") is None, answer.seen


def test_cookies_get_their_flags(stage):
    cookie = Site(stage, ("cookies.config",)).ask().get("Set-Cookie")
    assert cookie.startswith("CLEARSCADAUSERID={A}; path=/"), cookie
    assert {part.strip().lower() for part in cookie.split(";")[2:]} == {"secure", "httponly", "samesite=strict"}, cookie


def test_plain_address_sends_to_https(stage):
    site = Site(stage, ("redirects.config",))
    answer = site.ask("GET", "/a?b", "scada.example.com", purpose="redirect")
    assert answer.status == 308 and answer.seen is None, answer
    assert re.fullmatch(r"https://scada\.example\.com(:\d+)?/a\?b", answer.get("Location")), answer


def test_plain_site(stage):
    site = Site(stage, ("vendor.config", "plain.applicationHost.config"))
    answer = site.ask("GET", "/a", "scada.example.com", purpose="plain")
    assert answer.text == "localhost:8080 GET /a" and answer.seen.get("Host") == "scada.example.com", answer


def test_server_farm(stage):
    """The first server that passes the farm's test gets all."""
    site = Site(stage, ("farm.config", "farm.applicationHost.config"))
    first, second = site.recorders["10.10.0.5:8080"], site.recorders["10.10.0.6:8080"]
    site.answer = lambda name, message: http1.response(200, body="alive " + name)
    for recorder in (first, second):
        wait_for(lambda one=recorder: any(message.target == "/db/alive?kind=short" for message in one.requests))
    with http1.connect(site.relay.address("web"), ca=stage.pki.ca) as client:
        answer = client.ask("GET", "/a", host="scada.example.com")
    assert answer.text == "alive 10.10.0.5:8080" and answer.get("Strict-Transport-Security") == "max-age=63072000; includeSubDomains", answer
