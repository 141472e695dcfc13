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
  await check("a sweep is edited, stands in a queue, and is archived", async () => {
    await page.goto(address.replace(/#.*/, ""));
    const row = (name) => page.locator("tbody tr", { has: page.getByRole("link", { name, exact: true }) });
    await row("fresh").waitFor();
    const box = page.locator(".popover:popover-open");
    await row("other").getByRole("button", { name: "Edit other" }).click();
    await box.getByLabel("Note").fill("after <b>clip 17</b>");
    await box.getByLabel("Tags").fill("paper, final");
    await box.getByLabel("Priority").fill("5");
    await box.getByRole("button", { name: "Save" }).click();
    await box.getByText("Saved").waitFor();
    await page.keyboard.press("Escape");
    await row("other").getByText("#final #paper").waitFor();
    await row("other").getByText("after <b>clip 17</b>").waitFor();
    await row("other").getByText("priority 5").waitFor();
    await page.goto(`${address.replace(/#.*/, "")}#/?tag=paper`);
    await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
    await page.goto(address.replace(/#.*/, ""));
    await page.getByRole("link", { name: "fresh" }).click();
    await page.getByRole("button", { name: "Resume" }).click();
    await page.getByRole("link", { name: "Sweeps", exact: true }).first().click();
    await row("fresh").getByText("place 2 of the queue").waitFor();
    await row("other").getByText("place 1 of the queue, priority 5").waitFor();
    assert.ok(await page.evaluate(() => [...document.querySelectorAll(".scroll")].every((one) => one.scrollWidth <= one.clientWidth)), "the table fits 1280 px");
    await shot("queue");
    await row("fresh").getByRole("button", { name: "Edit fresh" }).click();
    await box.getByRole("button", { name: "Archive" }).click();
    await row("fresh").waitFor({ state: "detached" });
    await page.getByRole("checkbox", { name: "1 archived" }).check();
    await row("fresh").getByText("archived", { exact: true }).waitFor();
  });

  await check("the form begins with an example, gives the own text back, and shows what is expected", async () => {
    await page.getByRole("link", { name: "New sweep" }).click();
    const text = page.getByRole("textbox", { name: "Sweep file" });
    await text.fill("name: mine\nfolds: all\nseeds: 2\n");
    await page.getByRole("combobox", { name: /^Begin with/ }).selectOption({ label: "How many encoders should be fused?" });
    assert.match(await text.inputValue(), /name: .*\n[^]*top_n/);
    assert.ok(!/^dataset:/m.test(await text.inputValue()), "the form says the dataset");
    await page.getByRole("button", { name: "Take my text back" }).click();
    assert.equal(await text.inputValue(), "name: mine\nfolds: all\nseeds: 2\n");
    await page.getByText("unknown: no trial of the dataset is done").waitFor();
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
