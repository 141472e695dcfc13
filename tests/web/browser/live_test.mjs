// The page over a real coordinator with real workers, from the form to the archive:
//   node live_test.mjs NODE_MODULES MEDLEY [SCREENSHOT_FOLDER]
// Ends with 77 (skipped) where there is no Chromium or no medley-worker beside MEDLEY.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { inflateRawSync } from "node:zlib";
import { launch, skip, watch } from "./chromium.mjs";
import { start, stop } from "./coordinator.mjs";

const [modules, medley, shots] = process.argv.slice(2);
if (!existsSync(join(dirname(medley), "medley-worker"))) skip("no medley-worker beside medley (it needs LibTorch)");
const browser = await launch(modules);

/** The content of a ZIP archive's one file, by its entry in the central directory (APPNOTE 4.3.12). */
function only_file(zip) {
  const at = zip.lastIndexOf(Buffer.from("PK\x01\x02", "latin1"));
  const [method, size] = [zip.readUInt16LE(at + 10), zip.readUInt32LE(at + 20)];
  const local = zip.readUInt32LE(at + 42);
  const begin = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
  const bytes = zip.subarray(begin, begin + size);
  return method === 0 ? bytes : inflateRawSync(bytes);
}

const folder = mkdtempSync(join(tmpdir(), "medley-live-"));
const store = join(folder, "store");
const data = join(folder, "data");
execFileSync(medley, ["data", "make", data, "--actors", "10", "--test-actors", "2", "--encoders", "3", "--dim", "24"], { stdio: "ignore" });
// Long enough to outlast the test; it is stopped at the end.
writeFileSync(join(folder, "long.yaml"), "name: long\nfolds: all\nseeds: 200\nbase: {epochs: 100, top_n: 2, projection_dim: 16, fusion_dim: 16}\n");
const { run, address, base } = await start(medley, ["--store", store, "run", join(folder, "long.yaml"), "--data", data, "--workers", "2", "--web-port", "0"]);

let failed = false;
try {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme: "light" })).newPage();
  page.setDefaultTimeout(600_000);
  // The browser itself logs answers of 4xx and 5xx; the tests below look at what the page made of them.
  const { shot, check } = watch(page, shots, (text) => text.startsWith("Failed to load resource"));

  await check("the form marks errors where they are, by the parser that runs the sweep", async () => {
    await page.goto(address);
    await page.getByRole("link", { name: "New sweep" }).click();
    const text = page.getByRole("textbox", { name: "Sweep file" });
    await text.fill("name: short\nfolds: all\nseeds: 2\nbase: {epochs: 3}\naxes:\n  top_m: [1, 2]\n");
    await page.getByRole("heading", { name: "1 error" }).waitFor();
    await page.getByText(/top_n/).first().waitFor();  // the nearest setting that there is
    await page.getByRole("button", { name: "line 6" }).click();
    assert.equal(await text.evaluate((area) => area.value.slice(area.selectionStart, area.selectionEnd)), "top_m");
    await shot("error");
  });

  await check("the plan stands before the sweep is submitted, and the sweep runs to its end", async () => {
    const yaml = "name: short\npriority: 5\nfolds: all\nseeds: 2\nbase: {epochs: 3, projection_dim: 16, fusion_dim: 16}\naxes:\n  top_n: [1, 2]\n";
    await page.getByRole("textbox", { name: "Sweep file" }).fill(yaml);
    await page.getByText("2 × 5 × 2").waitFor();
    await page.getByText("Settles differences of").waitFor();
    await shot("plan");
    await page.getByRole("button", { name: "Submit short" }).click();
    await page.waitForURL(/#\/sweep\/[0-9a-f]+\/timeline/);
    await page.getByRole("heading", { name: "short" }).waitFor();
    await page.locator('[aria-label="Timeline"] canvas').first().waitFor();
    await page.getByText("20 / 20").waitFor();
    await page.locator(".title .tag-finished").waitFor();
    await shot("finished");
  });

  await check("a trial shows the log of the worker that trained it", async () => {
    const api = async (path) => (await page.request.get(`${base}api/v1/${path}`)).json();
    const { sweeps } = await api("sweeps");
    const { trials } = await api(`sweeps/${sweeps.find((one) => one.name === "short").id}/trials?state=finished`);
    await page.goto(`${base}#/trial/${trials[0].id}`);
    await page.getByText("Log of its worker").click();
    await page.locator(".log pre").getByText(new RegExp(`\\] info: trial ${trials[0].id}#\\d+ is trained`)).waitFor();
    await shot("log");
  });

  await check("a config is pinned, tagged and noted, and found by its tag", async () => {
    const { sweeps } = await (await page.request.get(`${base}api/v1/sweeps`)).json();
    await page.goto(`${base}#/sweep/${sweeps.find((one) => one.name === "short").id}/configs`);
    const rows = page.locator("table.data tbody tr");
    const second = await rows.nth(1).locator("th a").innerText();
    await rows.nth(1).locator("th a").click();
    await page.getByLabel("Tags", { exact: true }).fill("table 2, <b>odd</b>");
    await page.getByLabel("Note", { exact: true }).fill("<img src=x onerror=alert(1)>");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved", { exact: true }).waitFor();
    await page.goBack();
    await rows.nth(1).getByText("<img src=x onerror=alert(1)>").waitFor();
    await rows.nth(1).getByRole("button", { name: /^Pin/ }).click();
    await rows.nth(0).locator("button[aria-pressed=true]").waitFor();
    assert.equal(await rows.nth(0).locator("th a").innerText(), second);
    assert.equal(await rows.nth(0).locator("td.number").first().innerText(), "2", "its rank stays");
    await page.getByRole("button", { name: /^Tags( ▾|:)/ }).click();
    await page.getByRole("checkbox", { name: "table 2" }).check();
    await page.waitForURL(/tag=table/);
    await rows.nth(1).waitFor({ state: "detached" });
    assert.equal(await rows.nth(0).locator("th a").innerText(), second);
    await shot("marks");
  });

  await check("what was noted stands in the comparison, in parallel coordinates and in the CSV", async () => {
    const saved = async (button) => {
      const [download] = await Promise.all([page.waitForEvent("download"), button.click()]);
      return readFileSync(await download.path(), "utf8");
    };
    await page.goto(page.url().replace(/\?.*/, ""));
    for (const i of [0, 1]) await page.locator("table.data tbody input[type=checkbox]").nth(i).check();
    await page.getByRole("link", { name: "Compare", exact: true }).click();
    const marks = page.locator("table.compared tbody tr", { has: page.getByRole("rowheader", { name: "Pin, tags, note" }) }).locator("td");
    await marks.nth(0).getByTitle(/^Pinned/).waitFor();
    assert.deepEqual(await marks.nth(0).locator(".label").allInnerTexts(), ["<b>odd</b>", "table 2"]);
    assert.equal(await marks.nth(0).locator(".note-text").innerText(), "<img src=x onerror=alert(1)>");
    assert.equal(await marks.nth(1).innerText(), "");
    await shot("compare");
    await page.goBack();
    await page.locator(".bar").getByRole("link", { name: "Explore" }).click();
    await page.getByText("Pinned configs: thick and orange.").waitFor();
    await shot("parallel");
    const svg = await saved(page.locator("figure.chart", { hasText: "Every config by its axes" }).getByRole("button", { name: "SVG" }));
    assert.equal(svg.match(/stroke-width="4"/g)?.length, 1, "one of the two lines");
    await page.goBack();
    const [head, first, second] = (await saved(page.getByRole("button", { name: "Download CSV" }))).split("\n");
    assert.match(head, /,pinned,tags,note$/);
    assert.match(first, /,1,<b>odd<\/b>\|table 2,<img src=x onerror=alert\(1\)>$/);
    assert.match(second, /,0,,$/);
  });

  await check("a config's page begins a sweep that trains the same", async () => {
    const { sweeps } = await (await page.request.get(`${base}api/v1/sweeps`)).json();
    await page.goto(`${base}#/sweep/${sweeps.find((one) => one.name === "short").id}/configs`);
    await page.locator("table.data tbody th a").first().click();
    await page.getByRole("button", { name: "Submit like this" }).click();
    await page.getByRole("heading", { name: "Plan", exact: true }).waitFor();
    const fact = (name) => page.locator(".facts div", { has: page.getByText(name, { exact: true }) }).locator("dd").innerText();
    assert.equal(await fact("To train"), "0", "all of it is trained already: it is the same config");
    assert.ok(Number(await fact("Done already")) > 0);
    await page.evaluate(() => sessionStorage.removeItem("medley-draft"));
  });

  await check("a worker that is killed is seen, and the sweep continues", async () => {
    await page.goto(`${base}#/workers`);
    const row = page.locator("tbody tr", { has: page.getByText("joined", { exact: true }) }).first();
    await row.waitFor();
    const name = (await row.getByRole("rowheader").innerText()).split("\n")[0];
    await shot("workers");
    process.kill(Number(name.split(":").pop()), "SIGKILL");
    const gone = page.locator("tbody tr", { has: page.getByText(name) }).getByText(/^(left|away)$/);
    await gone.waitFor();
    assert.ok((await page.locator("tbody tr").count()) >= 2);
    await shot("worker-killed");
  });

  await check("an ensemble is fitted from the form, exported and downloaded, and the archive passes the format check", async () => {
    await page.goto(`${base}#/ensembles`);
    await page.getByRole("combobox", { name: "Sweep" }).selectOption({ label: await page.locator("option", { hasText: /^short/ }).innerText() });
    await page.getByRole("combobox", { name: "Method" }).selectOption("mean");
    await page.getByRole("spinbutton", { name: "k" }).fill("2");
    await page.getByRole("combobox", { name: "Mix" }).selectOption("geometric");
    await page.waitForURL(/method=mean.*mix=geometric/);
    await page.getByRole("button", { name: "Fit the ensemble" }).click();
    await page.getByRole("link", { name: "short-mean-geometric" }).click();
    await page.getByRole("heading", { name: "short-mean-geometric" }).waitFor();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Export and download" }).click(),
    ]);
    await page.getByText(/the format check passed/).waitFor();
    const archive = join(folder, "submission.zip");
    await download.saveAs(archive);
    const submission = join(folder, "submission.json");
    writeFileSync(submission, only_file(readFileSync(archive)));
    assert.equal(Object.keys(JSON.parse(readFileSync(submission, "utf8")).predictions).length, 2 * 54);
    // The format passes; the numbers cannot be taken, as test clips have no labels.
    const checked = spawnSync(medley, ["evaluate", submission, "--data", data], { encoding: "utf8" });
    assert.match(checked.stderr, /none of the 108 predicted clips has a label in the dataset/);
    await page.getByRole("button", { name: "Download the archive" }).waitFor();
    await shot("ensemble");
  });

  await check("a sweep is deleted behind a question that names it and its trials, by a command too, and results stay", async () => {
    const file = join(folder, "tiny.yaml");
    writeFileSync(file, "name: tiny\npriority: 9\nfolds: all\nseeds: 1\nbase: {epochs: 2, top_n: 1, projection_dim: 16, fusion_dim: 16}\n");
    const submit = () => execFileSync(medley, ["--store", store, "submit", file, "--data", data], { encoding: "utf8" });
    const row = (name) => page.locator("tbody tr", { has: page.getByRole("link", { name, exact: true }) });
    submit();
    await page.goto(`${base}#/`);
    await row("tiny").locator(".tag-finished").waitFor();
    await row("long").getByRole("button", { name: "Edit" }).click();
    await page.getByText("To delete it, stop it first.").waitFor();
    await page.keyboard.press("Escape");
    await row("short").getByRole("button", { name: "Edit" }).click();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByRole("button", { name: "Delete “short” with its 20 trials" }).click();
    await page.getByText(/the ensemble short-mean-geometric was fitted on it/).waitFor();
    await page.keyboard.press("Escape");
    await row("tiny").getByRole("button", { name: "Edit" }).click();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await shot("delete");
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByRole("button", { name: "Delete “tiny” with its 5 trials" }).click();
    await row("tiny").waitFor({ state: "detached" });
    submit();
    await row("tiny").locator(".tag-finished").waitFor();
    const api = async (path) => (await page.request.get(`${base}api/v1/${path}`)).json();
    const { sweeps } = await api("sweeps");
    const { trials } = await api(`sweeps/${sweeps.find((one) => one.name === "tiny").id}/trials`);
    assert.deepEqual(trials.map((trial) => trial.attempts), [1, 1, 1, 1, 1], "none is trained again");
    execFileSync(medley, ["--store", store, "rm", "tiny"]);
    await row("tiny").waitFor({ state: "detached" });
  });

  await check("a sweep is paused, resumed and stopped from the page", async () => {
    await page.goto(`${base}#/sweeps`);
    await page.getByRole("link", { name: "long" }).click();
    await page.getByRole("button", { name: "Pause" }).click();
    await page.locator(".title .tag-paused").waitFor();
    await page.getByRole("button", { name: "Resume" }).click();
    await page.locator(".title .tag-running").waitFor();
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByRole("button", { name: "Stop this sweep" }).click();
    await page.getByText(/No answer|stopped/).first().waitFor();
  });
} catch (error) {
  failed = true;
  console.error(error);
} finally {
  await browser.close();
  await stop(run);
  rmSync(folder, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
