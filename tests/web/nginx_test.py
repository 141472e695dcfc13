"""docs/serving.md, held against Debian's nginx in front of a real server.
usage: nginx_test.py DOCS_SERVING_MD SERVE_SAMPLE_PROGRAM
Ends with 77 (skipped) where there is no nginx or openssl."""
import http.client
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time

document, program = sys.argv[1:3]
nginx = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
if not nginx or not shutil.which("openssl"):
    print("skipped: no nginx or no openssl here (apt install nginx-light openssl)")
    sys.exit(77)

TOKEN = "0123456789abcdef"
folder = tempfile.mkdtemp(prefix="medley-nginx-")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


plain, tls = free_port(), free_port()
serve = subprocess.Popen([program, folder + "/store", "0", TOKEN, "medley.example.org"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
backend = front = None
for line in serve.stdout:
    if line.startswith("http"):
        backend = int(re.search(r":(\d+)/", line).group(1))
        break

text = re.search(r"```nginx\n(.*?)```", open(document, encoding="utf-8").read(), re.S).group(1)
for old, new in [
    ("listen 80;", f"listen 127.0.0.1:{plain};"),
    ("listen 443 ssl;", f"listen 127.0.0.1:{tls} ssl;"),
    ("/etc/ssl/medley", folder + "/medley"),
    ("127.0.0.1:8642", f"127.0.0.1:{backend}"),
]:
    assert old in text, f"{document} no longer says {old!r}"
    text = text.replace(old, new)
subprocess.run(
    ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=medley.example.org",
     "-keyout", folder + "/medley.key", "-out", folder + "/medley.crt"], check=True, stderr=subprocess.DEVNULL)
temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"])
with open(folder + "/nginx.conf", "w", encoding="utf-8") as out:
    out.write(f"daemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}{text}}}\n")

context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE


def ask(path, method="GET", token=TOKEN, body=None, **headers):
    connection = http.client.HTTPSConnection("127.0.0.1", tls, context=context, timeout=20)
    sent = {"Host": "medley.example.org", **{name.replace("_", "-"): value for name, value in headers.items()}}
    if token:
        sent["Authorization"] = "Bearer " + token
    connection.request(method, path, body=body, headers=sent)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


checks = 0


def expect(what, found, wanted):
    global checks
    checks += 1
    assert found == wanted, f"{what}: {found}, not {wanted}; nginx says: {open(folder + '/error.log').read()[-500:]}"
    print(f"ok: {what}")


def calm():
    time.sleep(1.2)  # the rate limit forgets 24 requests


try:
    front = subprocess.Popen([nginx, "-p", folder, "-c", folder + "/nginx.conf"], stderr=subprocess.DEVNULL)
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", tls), 1).close()
            break
        except OSError:
            assert front.poll() is None, open(folder + "/error.log").read()
            time.sleep(0.05)

    redirect = http.client.HTTPConnection("127.0.0.1", plain, timeout=20)
    redirect.request("GET", "/", headers={"Host": "medley.example.org"})
    answer = redirect.getresponse()
    expect("plain HTTP leads to TLS", (answer.status, answer.getheader("Location")), (301, "https://medley.example.org/"))

    answer, content = ask("/", token=None)
    expect("the page's files are open", answer.status, 200)
    expect("with their policy", "script-src 'self'" in answer.getheader("Content-Security-Policy"), True)
    expect("and HSTS", answer.getheader("Strict-Transport-Security"), "max-age=31536000")
    expect("results need the token", ask("/api/v1/sweeps", token=None)[0].status, 401)
    expect("metrics too", ask("/metrics", token=None)[0].status, 401)
    expect("no other token does", ask("/api/v1/sweeps", token="0123456789abcdee")[0].status, 401)
    expect("no other spelling of the address does", ask("//api/v1/sweeps", token=None)[0].status, 404)
    expect("nor an encoded one", ask("/%61pi/v1/sweeps", token=None)[0].status, 401)
    expect("nor a roundabout one", ask("/x/../api/v1/sweeps", token=None)[0].status, 404)
    expect("health is open", ask("/api/v1/healthz", token=None)[0].status, 200)
    answer, content = ask("/api/v1/sweeps")
    expect("with the token results are read", (answer.status, b"top-n by learning rate" in content), (200, True))
    expect("metrics are read", ask("/metrics")[0].status, 200)
    calm()
    sweep = re.search(rb'"id":"([0-9a-f]{12})"', content).group(1).decode()
    change = f"/api/v1/sweeps/{sweep}/pause"
    # 409: the request came through; no coordinator runs behind the sample.
    expect("a change from this page comes through", ask(change, "POST", body="{}", Origin="https://medley.example.org", Sec_Fetch_Site="same-origin")[0].status, 409)
    expect("one of another page does not", ask(change, "POST", body="{}", Origin="https://evil.example")[0].status, 403)
    expect("nor of a sandboxed one", ask(change, "POST", body="{}", Origin="null")[0].status, 403)
    expect("nor one that the browser calls foreign", ask(change, "POST", body="{}", Sec_Fetch_Site="cross-site")[0].status, 403)
    expect("nor one without the token", ask(change, "POST", token=None, body="{}")[0].status, 401)
    expect("a large body is refused", ask("/api/v1/plan", "POST", body="x" * 70_000)[0].status, 413)
    expect("a long header is refused", ask("/api/v1/sweeps", X_Long="x" * 20_000)[0].status, 400)
    expect("a long address is refused", ask("/api/v1/sweeps?x=" + "x" * 20_000)[0].status, 414)
    calm()
    statuses = [ask("/api/v1/healthz", token=None)[0].status for _ in range(120)]
    expect("who asks too often is told so", (statuses[0], 429 in statuses, set(statuses) <= {200, 429}), (200, True, True))
    time.sleep(4)
    expect("and heard again later", ask("/api/v1/sweeps")[0].status, 200)
    print(f"{checks} checks passed")
finally:
    if front:
        front.terminate()
        front.wait()
    serve.stdin.close()
    serve.wait()
    shutil.rmtree(folder, ignore_errors=True)
