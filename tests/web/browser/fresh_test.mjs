// The page of `medley serve` on a store that does not exist yet, without workers:
//   node fresh_test.mjs NODE_MODULES MEDLEY [SCREENSHOT_FOLDER]
// Ends with 77 (skipped) where there is no Chromium.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launch, watch } from "./chromium.mjs";
import { start } from "./coordinator.mjs";

const [modules, medley, shots] = process.argv.slice(2);
const browser = await launch(modules);
const folder = mkdtempSync(join(tmpdir(), "medley-fresh-"));
const store = join(folder, "store");
const make = (name, seed) => {
  const data = join(folder, name);
  execFileSync(medley, ["data", "make", data, "--actors", "10", "--test-actors", "2", "--encoders", "3", "--dim", "8", "--seed", seed], { stdio: "ignore" });
  return data;
};
const [first, second] = [make("first", "1"), make("second", "2")];
const { run: serve, address } = await start(medley, ["--store", store, "serve", "--port", "0"]);

let failed = false;
try {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme: "light" })).newPage();
  page.setDefaultTimeout(300_000);
  const { shot, check } = watch(page, shots, (text) => text.startsWith("Failed to load resource"));
  const menu = page.getByRole("combobox", { name: /^Dataset/ });
  const folderField = page.getByLabel("Folder of the dataset");
  const idle = page.getByText("No worker has joined: nothing is trained");

  await check("an empty store leads to the form, whose only choice is a folder", async () => {
    await page.goto(address);
    await page.getByText("No sweeps yet").waitFor();
    await page.waitForTimeout(4500);
    assert.equal(await idle.count(), 0, "nothing waits for a worker");
    await page.getByRole("link", { name: "Submit one" }).click();
    await folderField.waitFor();
    assert.deepEqual(await menu.locator("option").allInnerTexts(), ["a folder"]);
    await page.getByText("Say where the dataset lies").waitFor();
    await folderField.fill(join(folder, "nowhere"));
    await page.getByText(`${join(folder, "nowhere")}: not a folder`).waitFor();
    assert.equal(await page.getByRole("button", { name: /^Submit/ }).count(), 0);
    await folderField.fill(first);
    await page.getByRole("textbox", { name: "Sweep file" }).fill("name: fresh\nfolds: all\nseeds: 2\nbase: {top_n: 1}\n");
    await page.getByText("1 × 5 × 2").waitFor();
    await shot("form");
    await page.getByRole("button", { name: "Submit fresh" }).click();
    await page.getByRole("heading", { name: "fresh" }).waitFor();
  });

  await check("a sweep without workers says so, and how they are started", async () => {
    await idle.waitFor();
    await page.getByText("medley cluster up --launcher local --workers 4").waitFor();
    await shot("no-workers");
    await page.getByRole("link", { name: "Sweeps", exact: true }).first().click();
    await idle.waitFor();
    await page.getByRole("link", { name: "fresh" }).click();
    await page.getByRole("button", { name: "Pause" }).click();
    await page.locator(".title .tag-paused").waitFor();
    await idle.waitFor({ state: "detached" });
  });

  await check("a registered dataset stands in the menu, beside any other folder", async () => {
    await page.getByRole("link", { name: "New sweep" }).click();
    await page.getByText(/clips on folds 0, 1, 2, 3, 4; encoders/).waitFor();
    assert.equal(await folderField.count(), 0);
    assert.match((await menu.locator("option").allInnerTexts()).join("|"), /^first \(synthetic\) · [0-9a-f]{12}\|another folder…$/);
    await menu.selectOption({ label: "another folder…" });
    await folderField.fill(second);
    await page.getByRole("textbox", { name: "Sweep file" }).fill("name: other\nfolds: [0]\nseeds: 1\nbase: {top_n: 2}\n");
    await page.getByRole("button", { name: "Submit other" }).click();
    await page.getByRole("heading", { name: "other" }).waitFor();
    await page.getByText("second").first().waitFor();
  });
} catch (error) {
  failed = true;
  console.error(error);
} finally {
  await browser.close();
  serve.removeAllListeners("exit");
  const ended = new Promise((resolve) => (serve.exitCode === null ? serve.on("exit", resolve) : resolve(serve.exitCode)));
  serve.kill("SIGINT");
  if ((await ended) !== 0) failed = true;
  rmSync(folder, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
