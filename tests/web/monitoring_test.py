"""docs/monitoring beside what /metrics says. monitoring_test.py FOLDER SERVE_SAMPLE"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.request

FOLDER, SERVE_SAMPLE = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]

# promtool checks these: when a rule fires, and when it does not.
RULES_TEST = """
rule_files: [RULES]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {series: 'medley_trials{instance="a",sweep="s",name="topn",state="waiting"}', values: '5x180'}
      - {series: 'medley_trials{instance="a",sweep="s",name="topn",state="running"}', values: '2x180'}
      - {series: 'medley_trials{instance="a",sweep="s",name="topn",state="failed"}', values: '0x60 1x120'}
      - {series: 'medley_trials{instance="a",sweep="s",name="topn",state="finished"}', values: '10x180'}
      - {series: 'medley_trials{instance="a",sweep="s",name="topn",state="diverged"}', values: '1x180'}
      - {series: 'medley_workers{instance="a",state="joined"}', values: '1x30 0x150'}
      - {series: 'medley_attempts_total{instance="a",outcome="finished"}', values: '0+1x60 60x120'}
      - {series: 'medley_attempts_total{instance="a",outcome="failed_or_lost"}', values: '0x180'}
    alert_rule_test:
      - {eval_time: 20m, alertname: MedleyNobodyTrains}
      - eval_time: 60m
        alertname: MedleyNobodyTrains
        exp_alerts:
          - exp_labels: {instance: a, severity: warning}
            exp_annotations: {summary: '5 trials wait on a, and no worker is there.'}
      - {eval_time: 30m, alertname: MedleyTrialsFail}
      - eval_time: 90m
        alertname: MedleyTrialsFail
        exp_alerts:
          - exp_labels: {instance: a, sweep: s, name: topn, state: failed, severity: warning}
            exp_annotations:
              summary: 'Trials of sweep topn have spent their retries: medley trials topn --failed'
      - {eval_time: 170m, alertname: MedleyNothingEnds}
      - {eval_time: 60m, alertname: MedleyAttemptsAreLost}
      - {eval_time: 170m, alertname: MedleyTrialsDiverge}
"""


class Monitoring(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder:
            server = subprocess.Popen([SERVE_SAMPLE, f"{folder}/store", "0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            try:
                address = next(line.strip() for line in server.stdout if line.startswith("http://"))
                cls.metrics = urllib.request.urlopen(f"{address}metrics").read().decode()
            finally:
                server.communicate("\n")
        cls.names = set(re.findall(r"^# TYPE (\w+) ", cls.metrics, re.M))
        cls.rules = (FOLDER / "alerts.yml").read_text()
        cls.dashboard = json.loads((FOLDER / "grafana.json").read_text())

    def test_every_metric_that_is_named_is_served(self):
        for text in (self.rules, json.dumps(self.dashboard)):
            named = set(re.findall(r"\bmedley_\w+", text))
            self.assertLessEqual(named, self.names)
            self.assertGreater(len(named), 3)
        self.assertEqual(self.names - set(re.findall(r"\bmedley_\w+", json.dumps(self.dashboard))), set(), "the dashboard shows all")

    def test_labels_that_are_selected_are_served(self):
        text = self.rules + "".join(target["expr"] for panel in self.dashboard["panels"] for target in panel["targets"])
        for metric, selector in re.findall(r"\b(medley_\w+)\{([^}]*)\}", text):
            lines = re.findall(rf"^{metric}\{{(.*)\}} ", self.metrics, re.M)
            for label, operator, value in re.findall(r'(\w+)(=~|!=|=)"([^"]*)"', selector):
                if label == "instance" or value == "$sweep":
                    continue
                for one in value.split("|"):
                    self.assertTrue(any(f'{label}="{one}"' in line for line in lines), f"{metric} {label}={one}")

    def test_panels_lie_beside_one_another(self):
        taken = set()
        for panel in self.dashboard["panels"]:
            place = panel["gridPos"]
            mine = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
            self.assertFalse(mine & taken, panel["title"])
            self.assertLessEqual(place["x"] + place["w"], 24)
            taken |= mine
        ids = [panel["id"] for panel in self.dashboard["panels"]]
        self.assertEqual(len(ids), len(set(ids)))

    def test_promtool_accepts_rules_and_metrics(self):
        if not shutil.which("promtool"):
            self.skipTest("there is no promtool (package prometheus)")
        self.run_promtool("check", "rules", str(FOLDER / "alerts.yml"))
        self.run_promtool("check", "metrics", text=self.metrics)

    def test_rules_fire_when_they_should(self):
        if not shutil.which("promtool"):
            self.skipTest("there is no promtool (package prometheus)")
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as test:
            test.write(RULES_TEST.replace("RULES", str(FOLDER / "alerts.yml")))
            test.flush()
            self.run_promtool("test", "rules", test.name)

    def run_promtool(self, *words, text=""):
        done = subprocess.run(["promtool", *words], input=text, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
