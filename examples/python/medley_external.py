"""Configs for a running sweep with `search: external`. Standard library only.

    from medley_external import ExternalSearch
    search = ExternalSearch("medley-store")            # beside a running `medley run` or `medley serve`
    ids = search.add([{"top_n": 2, "dropout": 0.3}])   # each is trained in every fold with every seed
    scores = search.wait(ids)                          # their held-out Scores; None where there is none
    search.finish()                                    # no more configs: the sweep ends with those that it has

A config that cannot be trained raises Refused, and nothing of that call is added.
"""

import json
import pathlib
import time
import urllib.error
import urllib.parse
import urllib.request


class Refused(Exception):
    """What the coordinator says of a request that it does not take."""


class ExternalSearch:
    def __init__(self, store="medley-store", sweep=None):
        """`sweep`: its id or name; the store's only one with an external search if not given."""
        self.control = json.loads((pathlib.Path(store) / "control.json").read_text())
        wanted = [one for one in self._ask("sweeps")["sweeps"] if (one["search"] or {}).get("kind") == "external"]
        if sweep is not None:
            wanted = [one for one in wanted if sweep in (one["id"], one["name"])]
        if len(wanted) != 1:
            names = ", ".join(one["name"] for one in wanted) or "none"
            raise LookupError(f"one sweep with search: external is wanted, and there are: {names}")
        self.sweep = wanted[0]["id"]

    def _ask(self, path, body=None):
        request = urllib.request.Request(f"{self.control['url']}api/v1/{path}")
        request.add_header("Authorization", f"Bearer {self.control['token']}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Refused(json.load(error)["error"]) from None

    def add(self, configs):
        """Their ids, in the same order. Those that the sweep has already are not trained a second time."""
        return self._ask(f"sweeps/{self.sweep}/configs", {"configs": configs})["configs"]

    def finish(self):
        self._ask(f"sweeps/{self.sweep}/configs", {"configs": [], "done": True})

    def wait(self, ids, seconds=1.0):
        """The held-out Scores of these configs when all of their runs have ended; looks every `seconds`."""
        query = urllib.parse.urlencode({"configs": "|".join(ids), "limit": len(ids)})
        while True:
            rows = {row["config"]: row for row in self._ask(f"sweeps/{self.sweep}/leaderboard?{query}")["rows"]}
            if all(id in rows and rows[id]["complete"] for id in ids):
                return [rows[id]["values"]["held_out_score"] for id in ids]
            time.sleep(seconds)
