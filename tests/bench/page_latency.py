"""How long the answers that each view of the dashboard asks for take, and how long they are: alone, and while ten
viewers browse. The first time an address is asked stands by itself: "ready" is the time until the whole answer, where the
server first says that it is being computed. With a pid also the server's memory, and the time of the processor that an answer costs it: on a machine
that does other things, the time until the answer is theirs too.
usage: page_latency.py http://127.0.0.1:8642/ [seconds [pid]]"""
import http.client
import json
import os
import random
import statistics
import sys
import threading
import time
import urllib.parse

base = urllib.parse.urlparse(sys.argv[1])
seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 20
pid = int(sys.argv[3]) if len(sys.argv) > 3 else None
kAim = 200  # ms


def ask(path):
    """Milliseconds, status and body of an answer as the page asks for it."""
    connection = http.client.HTTPConnection(base.hostname, base.port, timeout=120)
    begin = time.perf_counter()
    connection.request("GET", "/api/v1/" + path, headers={"Accept-Encoding": "gzip", "Prefer": "respond-async"})
    response = connection.getresponse()
    body = response.read()
    took = 1000 * (time.perf_counter() - begin)
    if response.status not in (200, 202):
        raise SystemExit(f"{path}: {response.status} {body[:200]}")
    return took, response.status, body


def get(path):
    """Milliseconds until the first answer, bytes of the whole one, and milliseconds until that was there."""
    begin = time.perf_counter()
    first, status, body = ask(path)
    while status == 202:
        time.sleep(.02)
        _, status, body = ask(path)
    return first, len(body), 1000 * (time.perf_counter() - begin)


def plain(path):
    connection = http.client.HTTPConnection(base.hostname, base.port, timeout=120)
    connection.request("GET", "/api/v1/" + path)
    return json.loads(connection.getresponse().read())


cold, _, _ = get("sweeps")
sweep = max(plain("sweeps")["sweeps"], key=lambda s: s["trials"]["total"])
print(f"sweep {sweep['name']}: {sweep['trials']['total']} trials; first request {cold:.0f} ms")
s = f"sweeps/{sweep['id']}"
first, _, whole = get(f"{s}/leaderboard?limit=100")
print(f"first leaderboard after the start: answer {first:.0f} ms, ready {whole:.0f} ms")
board = plain(f"{s}/leaderboard?limit=100")
trials = [row["id"] for row in plain(f"{s}/trials?state=finished&limit=50")["trials"]]
config, reference = board["rows"][0]["config"], board["rows"][5]["config"]
total = sweep["trials"]["total"]

# By page, the addresses that it asks for.
pages = {
    "sweeps": {"sweeps": lambda: "sweeps"},
    "sweep, its head": {"sweep": lambda: s},
    "overview": {
        "best configs": lambda: s + "/leaderboard?limit=100",
        "planned comparisons": lambda: s + "/comparisons",
        "progress by time": lambda: s + "/progress",
        "rounds": lambda: s + "/rounds",
    },
    "configs": {
        "first rows": lambda: s + "/leaderboard?limit=100",
        "sorted": lambda: s + "/leaderboard?order=paper_acc_presence",
        "by difference to a reference": lambda: f"{s}/leaderboard?order=difference&reference={reference}",
        "filtered, last page": lambda: s + "/leaderboard?where.top_n=2&search=clip&offset=900",
    },
    "config": {
        "config": lambda: f"{s}/leaderboard?configs={config}",
        "its trials": lambda: f"{s}/trials?limit=1000&config={config}",
        "its importance": lambda: f"{s}/importance?config={config}",
    },
    "compare": {"two configs": lambda: f"{s}/leaderboard?configs={config}|{reference}&reference={config}"},
    "explore": {"1000 configs of the Score's range": lambda: s + "/leaderboard?limit=1000&sample=1000"},
    "ablations": {
        "verdicts": lambda: s + "/comparisons",
        "subsets": lambda: s + "/subsets",
        "two axes": lambda: s + "/cross?rows=learning_rate&columns=dropout",
    },
    "axes": {"axes": lambda: s + "/axes"},
    "importance": {"importance": lambda: s + "/importance", "figures": lambda: s + "/figures"},
    "trials": {
        "first page": lambda: s + "/trials",
        "last page": lambda: f"{s}/trials?offset={total - 100}",
        "of a state": lambda: s + "/trials?state=failed",
        "of a fold and seed": lambda: s + "/trials?fold=2&seed=3",
    },
    "timeline": {"timeline": lambda: s + "/timeline"},
    "trial": {
        "trial": lambda: "trials/" + random.choice(trials),
        "clips": lambda: f"trials/{random.choice(trials)}/clips",
        "thresholds": lambda: f"trials/{random.choice(trials)}/surface",
    },
    "workers": {"workers": lambda: "workers"},
    "ensembles": {"ensembles": lambda: "ensembles"},
    "log": {"log": lambda: "log"},
    "sweep file": {"sweep": lambda: s},
}
views = {f"{page}: {name}" if name != page else page: path for page, paths in pages.items() for name, path in paths.items()}
size = {}


def processor():
    """Milliseconds of all threads of the server so far."""
    if pid is None:
        return 0
    spent = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as stat:
            spent += int(stat.read().split()[0])
    return spent / 1e6


def quantile(took, share):
    return sorted(took)[min(len(took) - 1, int(share * len(took)))]


def table(title, times):
    print(f"\n{title}\n{'view':<48}{'n':>5}{'median':>8}{'95 %':>8}{'longest':>9} ms{'bytes':>10}")
    for name in views:
        if took := times[name]:
            late = "  *" if quantile(took, .95) > kAim else ""
            print(f"{name:<48}{len(took):>5}{statistics.median(took):>8.0f}{quantile(took, .95):>8.0f}{max(took):>9.0f}   {size[name]:>10}{late}")
    every = [one for took in times.values() for one in took]
    print(f"{'all':<48}{len(every):>5}{statistics.median(every):>8.0f}{quantile(every, .95):>8.0f}{max(every):>9.0f}")


def measure(name):
    took, size[name], _ = get(views[name]())
    return took


def memory():
    if pid is None:
        return
    with open(f"/proc/{pid}/status") as status:
        kept = dict(line.split(":", 1) for line in status)
    print(f"memory of the server: {int(kept['VmRSS'].split()[0]) / 1024:.0f} MiB, at most {int(kept['VmHWM'].split()[0]) / 1024:.0f} MiB")


print(f"\nasked for the first time\n{'view':<48}{'answer':>8}{'ready':>8} ms{'processor':>11} ms{'bytes':>10}")
for name in views:
    before = processor()
    took, size[name], whole = get(views[name]())
    print(f"{name:<48}{took:>8.0f}{whole:>8.0f}   {processor() - before:>11.0f}   {size[name]:>10}{'  *' if took > kAim else ''}")
memory()

alone, cost = {}, {}
for name in views:
    alone[name], cost[name] = [], []
    for _ in range(10):
        before = processor()
        alone[name].append(measure(name))
        cost[name].append(processor() - before)
table("one viewer", alone)
if pid is not None:
    table("one viewer, time of the server's processor", cost)
memory()

times = {name: [] for name in views}
until = time.monotonic() + seconds


def browse(seed):
    order = random.Random(seed)
    while time.monotonic() < until:  # a person looks at a view, which polls now and then
        name = order.choice(list(views))
        times[name].append(measure(name))
        time.sleep(order.uniform(.5, 1.5))


viewers = [threading.Thread(target=browse, args=(seed,)) for seed in range(10)]
for viewer in viewers:
    viewer.start()
for viewer in viewers:
    viewer.join()
table(f"ten viewers for {seconds:.0f} s", times)
memory()
