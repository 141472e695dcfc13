// The page over a real coordinator with a worker that fails until it is mended, and later a good one:
//   node failing_test.mjs NODE_MODULES MEDLEY FAKE_WORKER [SCREENSHOT_FOLDER]
// Ends with 77 (skipped) where there is no Chromium or no medley-worker beside MEDLEY.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { launch, skip, watch } from "./chromium.mjs";
import { start, stop } from "./coordinator.mjs";

const [modules, medley, fake, shots] = process.argv.slice(2);
const program = join(dirname(medley), "medley-worker");
if (!existsSync(program)) skip("no medley-worker beside medley (it needs LibTorch)");
const browser = await launch(modules);

const folder = mkdtempSync(join(tmpdir(), "medley-failing-"));
const [store, data, behaviour] = ["store", "data", "behaviour"].map((name) => join(folder, name));
execFileSync(medley, ["data", "make", data, "--actors", "10", "--test-actors", "2", "--encoders", "3", "--dim", "24"], { stdio: "ignore" });
const base_settings = "base: {epochs: 3, top_n: 2, projection_dim: 16, fusion_dim: 16}";
// Long enough to outlast the test.
writeFileSync(join(folder, "long.yaml"), `name: long\nfolds: all\nseeds: 2000\n${base_settings}\n`);
// A worker that the coordinator does not keep running: it stays when it is quarantined.
const { run, address, base } = await start(medley, ["--store", store, "run", join(folder, "long.yaml"), "--data", data, "--workers", "0", "--web-port", "0"]);

let failed = false;
const workers = [];
try {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme: "light", timezoneId: "America/New_York" });
  const page = await context.newPage();
  page.setDefaultTimeout(600_000);
  const { shot, check } = watch(page, shots);
  const api = async (path) => (await page.request.get(`${base}api/v1/${path}`)).json();
  const post = async (path, body = {}) => {
    const headers = { Authorization: `Bearer ${address.replace(/.*#token=/, "")}` };
    const answer = await page.request.post(`${base}api/v1/${path}`, { headers, data: body });
    assert.ok(answer.ok(), await answer.text());
    return answer.json();
  };
  const [{ id: long, dataset }] = (await api("sweeps")).sweeps;
  await post(`sweeps/${long}/pause`);

  await page.goto(address);
  await page.goto(`${base}#/workers`);
  const serve = (file, more = []) => {
    const log = join(store, "logs", `worker-${workers.length + 1}.log`);
    workers.push(spawn(file, ["serve", "--coordinator", `127.0.0.1:${readFileSync(join(store, "port"), "utf8").trim()}`, "--token-file", join(store, "token"), "--spool", join(folder, `spool-${workers.length}`), ...more], {
      stdio: ["ignore", "ignore", openSync(log, "a")],
      env: { ...process.env, TZ: "Asia/Tokyo", OMP_NUM_THREADS: "1", OPENBLAS_NUM_THREADS: "1" },
    }));
    return page.locator("tbody tr").filter({ hasText: `:${workers.at(-1).pid}` });
  };
  writeFileSync(behaviour, "fail *\n");
  const row = serve(fake, ["--behaviour", behaviour]);
  await row.getByText("joined", { exact: true }).waitFor();
  const { sweep: single } = await post("sweeps", { yaml: `name: single\npriority: 5\nfolds: [0]\nseeds: 1\n${base_settings}\n`, dataset: dataset.fingerprint });
  const [{ id: trial }] = (await api(`sweeps/${single}/trials`)).trials;

  await check("a trial that fails again and again is failed, with the reason, and its worker's log is beside it", async () => {
    await page.goto(`${base}#/trial/${trial}`);
    await page.getByText("It failed").waitFor();
    await page.getByText(`told to fail ${trial}`).first().waitFor();
    assert.equal(await page.getByText("failed", { exact: true }).count(), 1 + 5, "the trial and its five attempts");
    await page.getByText("Log of its worker").click();
    const line = await page.locator(".log pre").getByText(/error: a pack of 1 failed/).last().innerText();
    const said = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/.exec(line)?.[0];
    // Written in Tokyo, read in New York.
    const age = await page.evaluate((text) => Date.now() - new Date(text.replace(" ", "T")).getTime(), said);
    assert.ok(age >= 0 && age < 120_000, `${line} was written ${age} ms ago`);
    await shot("failed");
  });

  await check("a worker that fails what another finishes is quarantined, with the reason", async () => {
    serve(program);
    await post(`sweeps/${long}/resume`);
    await page.goto(`${base}#/workers`);
    await row.getByText("quarantined", { exact: true }).waitFor();
    await row.getByText(/failed \d+ trials alone that others finished, the last by worker/).waitFor();
    await row.locator('td[data-head="Attempts"]').getByText(/^0 finished/).waitFor();
    await row.locator('td[data-head="Pack in hand"]').getByText("–", { exact: true }).waitFor();
    assert.match(await row.locator('td[data-head="Memory"]').innerText(), /^[\d.]+ MiB$/, "it is still heard of");
    await shot("quarantined");
  });

  await check("released from the page it gets trials again", async () => {
    writeFileSync(behaviour, "train_ms 1000000\n");  // it holds the next pack until the end
    await row.getByRole("button", { name: "Release" }).click();
    await row.getByText("joined", { exact: true }).waitFor();
    await row.locator('td[data-head="Pack in hand"]').getByRole("link", { name: /^\d+ trials?, \d+ %$/ }).waitFor();
    assert.equal(await row.getByRole("button", { name: "Release" }).count(), 0);
    await shot("released");
  });

  await check("a trial in training shows the epochs that heartbeats tell, and its worker's log", async () => {
    await row.locator('td[data-head="Pack in hand"]').getByRole("link").click();
    await page.getByText(/^[1-3] of 3$/).waitFor();
    await page.locator("figure.chart canvas").first().waitFor();
    await shot("in-training");
    await page.getByRole("link", { name: "its log" }).click();
    await page.locator(".log pre").getByText(/info: a pack of \d+ on/).waitFor();
    await shot("worker-log");
  });

  await check("the failed trial is retried from its page and finishes", async () => {
    await page.goto(`${base}#/trial/${trial}`);
    await page.getByRole("button", { name: "Retry" }).click();
    await page.locator(".title .tag-finished").waitFor();
    await page.getByRole("heading", { name: "Scores" }).waitFor();
    assert.equal(await page.getByRole("button", { name: "Retry" }).count(), 0);
    await shot("retried");
    await page.goto(`${base}#/sweep/${single}`);
    await page.locator(".title .tag-finished").waitFor();
    await page.getByText("1 / 1").waitFor();
  });
} catch (error) {
  failed = true;
  console.error(error);
} finally {
  await browser.close();
  for (const worker of workers) worker.kill();
  await stop(run);
  rmSync(folder, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
