// What the tests in a real Chromium share.
import assert from "node:assert/strict";
import { existsSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve as absolute } from "node:path";

/** Ends the test with 77, which CTest shows as skipped. */
export function skip(why) {
  console.log(`skipped: ${why}`);
  process.exit(77);
}

const path = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(
  (candidate) => candidate && existsSync(candidate),
);

/** Chromium, driven by the playwright-core of the folder `modules`; `more`: arguments. Skips the test where there is none. */
export async function launch(modules, more = []) {
  if (!path) skip("no Chromium here (apt install chromium, or set CHROMIUM)");
  const { chromium } = createRequire(absolute(modules, "anywhere.js"))("playwright-core");
  return chromium.launch({ executablePath: path, args: ["--no-sandbox", "--disable-dev-shm-usage", ...more] });
}

/** Watches a page: `check` runs a named test and then asserts that the browser had nothing to complain of, but for what
 * `tolerated(text)` says; `shot` saves numbered screenshots where `shots` names a folder. */
export function watch(page, shots, tolerated = () => false) {
  const complaints = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !tolerated(message.text())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("dialog", (dialog) => {
    complaints.push(`a dialog opened: ${dialog.message()}`);
    void dialog.dismiss();
  });
  let step = 0;
  const shot = async (name) => {
    if (!shots) return;
    mkdirSync(shots, { recursive: true });
    await page.screenshot({ path: join(shots, `${String(++step).padStart(2, "0")}-${name}.png`), fullPage: true });
  };
  const check = async (name, test) => {
    await test();
    assert.deepEqual(complaints, [], `${name}: the browser complained`);
    console.log(`ok: ${name}`);
  };
  return { complaints, shot, check };
}
