"""How long each address of the dashboard takes, alone and while ten viewers browse.
usage: page_latency.py http://127.0.0.1:8642/ [seconds]"""
import http.client
import json
import random
import statistics
import sys
import threading
import time
import urllib.parse

base = urllib.parse.urlparse(sys.argv[1])
seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 20


def get(path):
    connection = http.client.HTTPConnection(base.hostname, base.port, timeout=120)
    begin = time.perf_counter()
    connection.request("GET", "/api/v1/" + path)
    response = connection.getresponse()
    body = response.read()
    took = 1000 * (time.perf_counter() - begin)
    if response.status != 200:
        raise SystemExit(f"{path}: {response.status} {body[:200]}")
    return took, body


cold, body = get("sweeps")
sweep = max(json.loads(body)["sweeps"], key=lambda s: s["trials"]["total"])
print(f"sweep {sweep['name']}: {sweep['trials']['total']} trials; first request {cold:.0f} ms")
first, body = get(f"sweeps/{sweep['id']}/leaderboard")
print(f"first leaderboard after the start: {first:.0f} ms")
board = json.loads(body)
trials = [row["id"] for row in json.loads(get(f"sweeps/{sweep['id']}/trials?state=finished&limit=50")[1])["trials"]]
config, reference = board["rows"][0]["config"], board["rows"][5]["config"]
total = sweep["trials"]["total"]
s = f"sweeps/{sweep['id']}"
views = {
    "sweeps": lambda: "sweeps",
    "sweep": lambda: s,
    "leaderboard": lambda: s + "/leaderboard",
    "leaderboard, sorted": lambda: s + "/leaderboard?order=paper_acc_presence",
    "leaderboard, reference, by difference": lambda: f"{s}/leaderboard?order=difference&reference={reference}",
    "leaderboard, filtered, last page": lambda: s + "/leaderboard?where.top_n=2&search=clip&offset=900",
    "leaderboard, 1000 rows (parallel)": lambda: s + "/leaderboard?limit=1000",
    "axes": lambda: s + "/axes",
    "verdicts": lambda: s + "/comparisons",
    "subsets": lambda: s + "/subsets",
    "two axes": lambda: s + "/cross?rows=learning_rate&columns=dropout",
    "importance": lambda: s + "/importance",
    "trials": lambda: s + "/trials",
    "trials, last page": lambda: f"{s}/trials?offset={total - 100}",
    "trials of a config": lambda: f"{s}/trials?config={config}",
    "timeline": lambda: s + "/timeline",
    "trial": lambda: "trials/" + random.choice(trials),
    "trial, clips": lambda: f"trials/{random.choice(trials)}/clips",
    "trial, thresholds": lambda: f"trials/{random.choice(trials)}/surface",
    "workers": lambda: "workers",
    "ensembles": lambda: "ensembles",
    "log": lambda: "log",
}


def table(title, times):
    print(f"\n{title}\n{'view':<40}{'n':>6}{'median':>9}{'95 %':>9}{'longest':>9}  ms")
    for name in views:
        took = sorted(times[name])
        if took:
            print(f"{name:<40}{len(took):>6}{statistics.median(took):>9.0f}{took[int(.95 * (len(took) - 1))]:>9.0f}{took[-1]:>9.0f}")
    every = sorted(one for took in times.values() for one in took)
    print(f"{'all':<40}{len(every):>6}{statistics.median(every):>9.0f}{every[int(.95 * (len(every) - 1))]:>9.0f}{every[-1]:>9.0f}")


alone = {name: [get(path())[0] for _ in range(10)] for name, path in views.items()}
table("one viewer", alone)

times = {name: [] for name in views}
until = time.monotonic() + seconds


def browse(seed):
    order = random.Random(seed)
    while time.monotonic() < until:  # a person looks at a view, which polls now and then
        name = order.choice(list(views))
        times[name].append(get(views[name]())[0])
        time.sleep(order.uniform(.5, 1.5))


viewers = [threading.Thread(target=browse, args=(seed,)) for seed in range(10)]
for viewer in viewers:
    viewer.start()
for viewer in viewers:
    viewer.join()
table(f"ten viewers for {seconds:.0f} s", times)
