"""A client generated from the API's own document drives a real coordinator. generated_client_test.py MEDLEY

Nothing below knows an address: methods, parameters, bodies and answers are those of /api/v1/openapi.json. Each argument and
each answer, errors too, is held against its schema by python3-jsonschema.
"""

import functools
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

try:
    import jsonschema
except ImportError:
    jsonschema = None

MEDLEY = str(pathlib.Path(sys.argv[1]).resolve())
SWEEP = "base: {epochs: 1}\naxes: {selection: [learned, all], dropout: [0, 0.1]}\nseeds: 1\nfolds: [0, 1]\n"
EXTERNAL = "name: asked\nbase: {epochs: 1}\nsearch: external\nseeds: 1\nfolds: [0, 1]\n"


class Refused(Exception):
    """An answer that the document describes as an error: its status and body."""


class Client:
    """A method for each operation: parameters by name, the body as `body`; returns the answer, as JSON where it is."""

    def __init__(self, address, token):
        self.address, self.token, self.called = address, token, set()
        with urllib.request.urlopen(address + "/api/v1/openapi.json") as answer:
            self.document = json.load(answer)
        self.operations = {}
        for path, methods in self.document["paths"].items():
            for method, operation in methods.items():
                self.operations[operation["operationId"]] = operation
                setattr(self, operation["operationId"], functools.partial(self._call, path, method, operation))

    def _referred(self, value):
        while "$ref" in value:
            value = functools.reduce(lambda at, word: at[word], value["$ref"][2:].split("/"), self.document)
        return value

    def _check(self, value, schema):
        whole = {**schema, "components": self.document["components"]}
        jsonschema.Draft202012Validator(whole).validate(value)

    def _call(self, path, method, operation, body=None, **arguments):
        parameters = {one["name"]: one for one in map(self._referred, operation.get("parameters", []))}
        query, headers = {}, {"Authorization": f"Bearer {self.token}"}
        for name, value in arguments.items():
            self._check(value, parameters[name]["schema"])
            if parameters[name]["in"] == "path":
                path = path.replace("{%s}" % name, urllib.parse.quote(str(value), safe=""))
            else:
                (headers if parameters[name]["in"] == "header" else query)[name] = value
        missing = {name for name, one in parameters.items() if one.get("required")} - set(arguments)
        if missing:
            raise TypeError(f"{operation['operationId']} needs {missing}")
        data = b"" if method == "post" else None
        if body is not None:
            self._check(body, operation["requestBody"]["content"]["application/json"]["schema"])
            headers["Content-Type"], data = "application/json", json.dumps(body).encode()
        address = self.address + path + ("?" + urllib.parse.urlencode(query) if query else "")
        request = urllib.request.Request(address, data, headers, method=method.upper())
        try:
            with urllib.request.urlopen(request) as answer:
                status, kind, text = answer.status, answer.headers.get_content_type(), answer.read()
        except urllib.error.HTTPError as error:
            status, kind, text = error.code, error.headers.get_content_type(), error.read()
        answers = operation["responses"]
        described = self._referred(answers[str(status)] if str(status) in answers else answers["default"])["content"][kind]
        value = json.loads(text) if kind == "application/json" else text
        if "schema" in described and kind == "application/json":
            self._check(value, described["schema"])
        if status != 200:
            raise Refused(status, value)
        self.called.add(operation["operationId"])
        return value


@unittest.skipUnless(jsonschema, "there is no python3-jsonschema")
class GeneratedClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = pathlib.Path(cls.folder.name)
        make = [MEDLEY, "data", "make", "data", "--actors", "6", "--test-actors", "1", "--dim", "8", "--folds", "3"]
        subprocess.run(make, cwd=cls.path, check=True, stdout=subprocess.DEVNULL)
        serve = [MEDLEY, "--store", "store", "serve", "--workers", "1", "--port", "0", "--token", "secret"]
        cls.server = subprocess.Popen(serve, cwd=cls.path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True)
        address = next(line.split()[1] for line in cls.server.stdout if line.startswith("dashboard: "))
        cls.client = Client(address.split("#")[0].split("?")[0].rstrip("/"), "secret")

    @classmethod
    def tearDownClass(cls):
        cls.server.terminate()
        cls.server.communicate()
        cls.folder.cleanup()

    def until(self, what, seconds=300):
        end = time.monotonic() + seconds
        while not (value := what()):
            self.assertLess(time.monotonic(), end, "it takes too long")
            time.sleep(.2)
        return value

    def test_every_operation_of_the_document(self):
        api = self.client
        api.probe(), api.getHealth(), api.getDocument()
        api.login(), api.logout()
        form = {"yaml": SWEEP, "folder": str(self.path / "data"), "file": "first.yaml"}
        self.assertEqual(api.planSweep(body=form)["plan"]["configs"], 4)
        with self.assertRaises(Refused) as wrong:
            api.planSweep(body={**form, "yaml": "axes: {dropout: [2]}\n"})
        self.assertEqual(wrong.exception.args[0], 422)

        sweep = api.submitSweep(body=form)["sweep"]
        api.pauseSweep(id=sweep)
        api.resumeSweep(id=sweep)
        api.markSweep(id=sweep, body={"note": "by a generated client", "tags": ["api"], "priority": 2})
        api.listLiveTrials(id=sweep)
        self.until(lambda: api.getSweep(id=sweep)["state"] == "finished")
        self.assertEqual(next(one for one in api.listSweeps()["sweeps"] if one["id"] == sweep)["note"], "by a generated client")

        board = api.getLeaderboard(id=sweep, order="ranked", limit=3, offset=1)
        self.assertEqual((board["total"], len(board["rows"])), (4, 3))
        self.assertEqual(api.getLeaderboardCsv(id=sweep).count(b"\n"), 5)
        for operation in (api.getAxes, api.getComparisons, api.getSubsets, api.getImportance, api.getFigures, api.getTimeline,
                          api.listRounds, api.getProgress):
            operation(id=sweep)
        api.getCrossTable(id=sweep, rows="selection", columns="dropout")
        config = board["rows"][0]["config"]
        api.markConfig(id=config, body={"pinned": True, "note": "", "tags": []})
        trials = api.listTrials(id=sweep, state="finished", fold=1)
        self.assertEqual(trials["total"], 4)
        trial = trials["trials"][0]["id"]
        api.getTrial(id=trial), api.getLiveTrial(id=trial), api.getTrialLog(id=trial)
        for operation in (api.getSurface, api.getConfusion, api.getClips):
            operation(id=trial, protocol="paper")
        api.getStore(), api.listDatasets(), api.getLog(after=0, limit=20), api.getMetrics()

        api.fitEnsemble(body={"sweep": sweep, "method": "mean", "k": 2, "name": "two"})
        fit = self.until(lambda: next((one for one in api.listEnsembles()["fits"] if one["ended"]), None))
        ensemble = fit["ensemble"]
        api.getEnsemble(id=ensemble), api.getEnsembleConfusion(id=ensemble)
        export = api.exportEnsemble(id=ensemble, body={"member": "answers.json"})["export"]
        self.assertEqual(api.getArchive(id=export)[:4], b"PK\x03\x04")
        api.getManifest(id=export)

        worker = api.listWorkers()["workers"][0]["id"]
        api.getWorkerLog(id=worker)
        api.pauseWorker(id=worker)
        api.releaseWorker(id=worker)
        asked = api.submitSweep(body={"yaml": EXTERNAL, "folder": str(self.path / "data")})["sweep"]
        self.assertEqual(len(api.addConfigs(id=asked, body={"configs": [{"dropout": 0}], "done": False})["configs"]), 1)
        api.stopSweep(id=asked)
        self.assertTrue(api.removeSweep(id=asked)["done"])
        # Nothing has failed, so that nothing is retried; a worker that the coordinator keeps is not sent away.
        for status, operation, of in ((409, api.retryTrial, trial), (409, api.retrySweep, sweep), (409, api.dismissWorker, worker),
                                      (404, api.getSweep, "ffff")):
            with self.assertRaises(Refused) as refused:
                operation(id=of)
            self.assertEqual(refused.exception.args[0], status)
        self.assertEqual(set(api.operations) - api.called, {"retrySweep", "retryTrial", "dismissWorker"})

    def test_what_the_document_does_not_describe_is_no_argument(self):
        with self.assertRaises(KeyError):
            self.client.listSweeps(page=2)
        with self.assertRaises(TypeError):
            self.client.getSweep()
        with self.assertRaises(jsonschema.ValidationError):
            self.client.getLog(limit=1000)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
