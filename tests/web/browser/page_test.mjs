// The page in a real Chromium, over a sample store:
//   node page_test.mjs NODE_MODULES SERVE_PROGRAM [SCREENSHOT_FOLDER]
// Ends with 77 (skipped) where there is no Chromium.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launch, watch } from "./chromium.mjs";

const [modules, program, shots] = process.argv.slice(2);
const browser = await launch(modules);

const folder = mkdtempSync(join(tmpdir(), "medley-page-"));
const server = spawn(program, [join(folder, "store"), "0", "secret"], { stdio: ["pipe", "pipe", "inherit"] });
const ids = {};
const address = await new Promise((resolve, reject) => {
  let text = "";
  server.stdout.on("data", (data) => {
    text += data;
    for (const line of text.split("\n")) {
      const [name, id] = line.split(" ");
      if (id) ids[name] = id;
      if (line.startsWith("http") && text.endsWith("\n")) resolve(line.trim());
    }
  });
  server.on("exit", (code) => reject(new Error(`the server ended with ${code}`)));
});

let failed = false;
try {
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, colorScheme: "light" });
  // Of any context: a busy machine paints slowly.
  const tab = async (from) => {
    const made = await from.newPage();
    made.setDefaultTimeout(150_000);
    return made;
  };
  const page = await tab(context);
  const { complaints, shot, check } = watch(page, shots);
  const base = address.replace(/#.*/, "");

  await check("the printed address opens the sweeps and the token leaves the address bar", async () => {
    await page.goto(address);
    await page.getByRole("link", { name: "top-n by learning rate" }).waitFor();
    assert.ok(!page.url().includes("secret"), page.url());
    assert.equal(await page.locator("tbody tr").count(), 3);
    assert.equal(await page.getByText("synthetic data").count(), 3);
    await shot("sweeps");
  });

  await check("sweeps are searched and filtered by the address", async () => {
    const names = async (expected) => {
      await page.waitForFunction((rows) => document.querySelectorAll("tbody tr").length === rows, expected.length);
      assert.deepEqual(await page.locator("tbody th a").allInnerTexts(), expected);
    };
    await page.getByPlaceholder("Search names").fill("INNER");
    await page.waitForURL(/search=INNER/);
    await names(["gates with an inner fold"]);
    await page.goto(`${base}#/?state=paused`);
    await names(["<img src=x onerror=alert(1)>"]);
    await page.getByRole("button", { name: "State" }).click();
    await page.getByRole("button", { name: "Any value" }).click();
    await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 3);
    assert.equal(await page.locator(".spark").count(), 2, "sweeps with Scores have their best so far");
    // Best so far never falls: the line goes up (y down), and ends at its highest.
    for (const points of await page.locator(".spark polyline").evaluateAll((lines) => lines.map((line) => line.getAttribute("points").split(" ").map((point) => Number(point.split(",")[1]))))) {
      assert.ok(points.every((y, i) => i === 0 || y <= points[i - 1]), points.join(" "));
      assert.equal(points.at(-1), Math.min(...points));
    }
    assert.ok(await page.evaluate(() => [...document.querySelectorAll(".scroll")].every((box) => box.scrollWidth <= box.clientWidth)), "the table fits 1360 px");
    await page.getByPlaceholder("Search names").fill("no such sweep");
    await page.getByText("No sweep fits these choices").waitFor();
    await page.getByRole("link", { name: "Show all 3" }).click();
  });

  await check("ticked sweeps share one table, best config first", async () => {
    for (const name of ["top-n by learning rate", "gates with an inner fold"]) await page.getByRole("checkbox", { name: `Tick ${name}` }).check();
    await page.getByRole("link", { name: "One table over them" }).click();
    await page.getByRole("heading", { name: "One table over 2 sweeps" }).waitFor();
    await page.locator("tbody tr").nth(10).waitFor();
    const shown = await page.locator("tbody tr").evaluateAll((rows) => rows.map((row) => ({ incomplete: row.className === "incomplete", score: Number(row.querySelector(".drawn-number").textContent) })));
    const wanted = [];
    for (const id of [ids.running, ids.finished]) {
      const { rows } = await (await page.request.get(`${base}api/v1/sweeps/${id}/leaderboard`, { headers: { Authorization: "Bearer secret" } })).json();
      for (const row of rows) if (row.values.held_out_score !== null) wanted.push({ incomplete: !row.complete, score: Number(row.values.held_out_score.toFixed(3)) });
    }
    wanted.sort((a, b) => Number(a.incomplete) - Number(b.incomplete) || b.score - a.score);
    assert.deepEqual(shown, wanted);
    assert.equal(await page.getByText("not comparable").count(), 0, "of one dataset, its folds, and one protocol");
    await shot("across");
    await page.goto(base);
  });

  await check("a sweep's file is compared with another, copied and downloaded", async () => {
    await page.goto(`${base}#/sweep/${ids.finished}/file`);
    await page.getByRole("combobox", { name: /^Differences from/ }).selectOption(ids.running);
    await page.waitForURL(/against=/);
    await page.locator(".diff .added").first().waitFor();
    const lines = (kind) => page.locator(`.diff .${kind}`).allInnerTexts();
    assert.ok((await lines("removed")).some((line) => line.trim() === "- seeds: 3"));
    assert.ok((await lines("added")).some((line) => line.trim() === "+ seeds: 2"));
    assert.ok((await page.locator(".diff > span:not([class])").allInnerTexts()).some((line) => line.trim() === "folds: all"));
    await shot("diff");
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download" }).click()]);
    assert.equal(download.suggestedFilename(), "gates-with-an-inner-fold.yaml");
    assert.match(readFileSync(await download.path(), "utf8"), /^name: gates with an inner fold\n/);
    await page.getByRole("button", { name: "Edit and submit again" }).click();
    await page.waitForURL(/#\/new\?dataset=/);
    assert.match(await page.getByRole("textbox", { name: "Sweep file" }).inputValue(), /^name: gates with an inner fold\n/);
    await page.getByText("a sample changes nothing").waitFor();
    complaints.length = 0;  // the browser logs the 409 itself
    await page.goto(base);
  });

  await check("an ensemble of an unfinished sweep is warned of", async () => {
    await page.goto(`${base}#/ensembles?sweep=${ids.running}`);
    await page.getByText("95 of the sweep’s 135 trials have a result").waitFor();
    await page.getByRole("combobox", { name: "Sweep" }).selectOption(ids.finished);
    await page.getByText("trials have a result").waitFor({ state: "detached" });
    await page.goto(base);
  });

  await check("a name that looks like a tag stays text", async () => {
    await page.getByRole("link", { name: "<img src=x onerror=alert(1)>" }).click();
    await page.getByRole("heading", { name: "<img src=x onerror=alert(1)>" }).waitFor();
    assert.equal(await page.locator("img").count(), 0);
  });

  await check("a sweep of which nothing is trained says what it waits for, and offers no way out of no choice", async () => {
    for (const tab of ["", "/explore", "/timeline"]) {
      await page.goto(`${base}#/sweep/${ids.hostile}${tab}`);
      await page.getByText("It is paused: workers get its trials once it is resumed.").waitFor();
      assert.equal(await page.getByRole("link", { name: "Show all configs" }).count(), 0, tab);
    }
    await page.goto(`${base}#/sweep/${ids.hostile}/explore?complete=1`);
    await page.getByText("No config fits these choices").waitFor();
    await page.getByRole("link", { name: "Show all configs" }).click();
    await page.getByText("It is paused").waitFor();
  });

  await check("the overview says the finding, and draws configs, best so far and planned comparisons", async () => {
    await page.goto(`${base}#/sweep/${ids.finished}`);
    const { finding } = await (await page.request.get(`${base}api/v1/sweeps/${ids.finished}/leaderboard`, { headers: { Authorization: "Bearer secret" } })).json();
    assert.equal((await page.locator(".finding").innerText()).toLowerCase(), `${finding.text}.`.toLowerCase());
    await page.getByRole("heading", { name: "Configs", exact: true }).waitFor();
    await page.getByRole("heading", { name: "Best so far" }).waitFor();
    await page.locator("figure.chart").nth(1).locator("canvas").first().waitFor();
    const counts = (await page.locator(".lists h3").allInnerTexts()).map((text) => Number(/\((\d+)\)$/.exec(text)[1]));
    assert.equal(counts.length, 3);
    assert.equal(counts.reduce((sum, one) => sum + one), 2, "query against scorer, with top_n 2 and 4");
    assert.equal(await page.locator(".lists li").count(), 2);
    assert.equal(await page.locator(".facts dt", { hasText: /^(Running|Failed|Diverged)$/ }).count(), 0, "zeros are left out");
    await page.waitForFunction(() => document.title === "gates with an inner fold: Overview · Medley");
    await shot("overview");
  });

  await check("the interval of a config answers the pointer, beside its point", async () => {
    await page.goto(`${base}#/sweep/${ids.finished}`);
    const canvas = page.locator("figure.chart", { hasText: /with its 95 % interval/ }).locator("canvas").first();
    await canvas.waitFor();
    await canvas.scrollIntoViewIfNeeded();
    const picture = () => canvas.evaluate((element) => element.toDataURL());
    // The longest run of the first colour of series in a row of pixels is the line of an interval.
    const [x, y, free] = await canvas.evaluate((element) => {
      const { data, width, height } = element.getContext("2d").getImageData(0, 0, element.width, element.height);
      const color = getComputedStyle(document.documentElement).getPropertyValue("--series-1").trim();
      const wanted = [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));
      const is = (px, py) => wanted.every((value, i) => Math.abs(data[4 * (py * width + px) + i] - value) < 60) && data[4 * (py * width + px) + 3] > 100;
      let best = [0, 0, 0];
      for (let py = 0; py < height; ++py) {
        for (let px = 0, length = 0; px < width; ++px) {
          length = is(px, py) ? length + 1 : 0;
          if (length > best[2]) best = [px - length + 1, py, length];
        }
      }
      const scale = element.width / element.clientWidth;
      return [(best[0] + 12) / scale, best[1] / scale, best[1] / scale + 10];
    });
    await canvas.hover({ position: { x, y: free } });
    const before = await picture();
    await canvas.hover({ position: { x, y } });
    await page.waitForFunction(([first]) => document.querySelector("figure.chart canvas").toDataURL() !== first, [before]);
    await shot("interval");
    await page.mouse.move(5, 5);
  });

  await check("titles and links say words, and a form on a config's page covers no number", async () => {
    const { best } = await (await page.request.get(`${base}api/v1/sweeps/${ids.finished}/leaderboard`, { headers: { Authorization: "Bearer secret" } })).json();
    for (const one of [`sweep/${ids.finished}`, `sweep/${ids.finished}/configs`, `sweep/${ids.finished}/axes`, `sweep/${ids.finished}/importance`, `trial/${ids.trial}`, "ensembles", "ensemble/1", "workers", `sweep/${ids.finished}/config/${best}`]) {
      await page.goto(`${base}#/${one}`);
      await page.waitForFunction(() => document.querySelector("main :is(h1, h2)") && !document.querySelector(".skeleton"));
      await page.waitForFunction(() => !/[0-9a-f]{12}/.test(document.title) && / · Medley$/.test(document.title));
      // Names are asked for after the page; what stands in .id is an id on purpose.
      await page.waitForFunction(() => [...document.querySelectorAll("main :is(a, option, h2)")].every((element) => !/^\W*[0-9a-f]{8,}\W*$/.test([...element.childNodes].filter((node) => !node.classList?.contains("id")).map((node) => node.textContent).join(""))));
    }
    const form = await page.locator("form.form").boundingBox();
    for (const other of await page.locator(".facts, .runs-map, figure.chart").all()) {
      const box = await other.boundingBox();
      const apart = box.y >= form.y + form.height || box.y + box.height <= form.y || box.x >= form.x + form.width || box.x + box.width <= form.x;
      assert.ok(apart, "the form covers something");
    }
  });

  await check("what pages poll is gzipped and bounded, and Explore asks for configs of the whole range of Scores", async () => {
    const answers = [];
    const note = (response) => { if (response.url().includes("/api/v1/")) answers.push(response); };
    page.on("response", note);
    await page.goto(`${base}#/sweep/${ids.running}/overview`);
    await page.locator("figure.chart canvas").first().waitFor();
    await page.goto(`${base}#/sweep/${ids.running}/explore`);
    await page.locator("figure.chart canvas").first().waitFor();
    page.off("response", note);
    const boards = answers.filter((one) => one.url().includes("/leaderboard?"));
    assert.deepEqual(boards.map((one) => new URL(one.url()).searchParams.get("limit")).sort().filter((one, i, all) => one !== all[i - 1]), ["100", "1000"]);
    assert.equal(new URL(boards.find((one) => one.url().includes("limit=1000")).url()).searchParams.get("sample"), "1000");
    for (const one of boards) assert.ok(one.status() === 304 || (await one.headerValue("content-encoding")) === "gzip", one.url());
    assert.ok(!answers.some((one) => one.url().includes("/trials?")), "best so far is made by the server");
  });

  await check("the overview says of how many runs the mean of an incomplete config is", async () => {
    await page.goto(`${base}#/sweep/${ids.running}`);
    const best = page.locator("figure.chart", { hasText: /with its 95 % interval/ });  // "Best so far" may come before it
    await best.getByText("As a table").click();
    const named = await best.locator("tbody tr > :first-child").allInnerTexts();
    assert.ok(named.some((name) => /^#\d+ \(\d+ of 15 runs\) /.test(name)), "a mean of some runs says of how many");
    assert.ok(named.some((name) => /^#1 [^(]/.test(name)), "one of all runs does not");
  });

  await check("the configs name the protocol that ranks and mark rows that lack trials", async () => {
    await page.goto(`${base}#/sweep/${ids.running}`);
    await page.getByRole("link", { name: "Configs", exact: true }).click();
    await page.locator("th", { hasText: /^held-out/ }).waitFor();
    assert.equal(await page.locator("tbody tr").count(), 9);
    assert.equal(await page.locator("tr.incomplete").count(), 5);
    assert.match(await page.locator("tbody tr").first().innerText(), /\.\d{3}\s+\[\.\d{3}, \.\d{3}\]/);
    await shot("configs");
  });

  await check("order, filters, columns and search are in the address and survive a reload", async () => {
    await page.getByRole("button", { name: "ACC_P" }).first().click();
    await page.waitForURL(/order=held_out_acc_presence/);
    await page.getByRole("button", { name: /^top_n/ }).first().click();
    await page.getByRole("checkbox", { name: "2", exact: true }).check();
    await page.waitForURL(/where\.top_n=2/);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: /^Columns/ }).click();
    for (const name of ["paper-style 95 % int.", "learning_rate"]) await page.getByRole("checkbox", { name, exact: true }).check();
    await page.waitForURL(/columns=.*setting\.learning_rate/);
    await page.reload();
    await page.locator("tbody tr").first().waitFor();
    assert.equal(await page.locator("tbody tr").count(), 3);
    assert.equal(await page.locator('th[aria-sort="descending"]').innerText(), "ACC_P↓");
    await page.locator("th", { hasText: /^paper-style ?optimistic/ }).waitFor();
    const rates = await page.locator('td[data-head="settings learning_rate"]').allInnerTexts();
    assert.deepEqual(rates.map(Number).sort(), [0.0003, 0.001, 0.003]);
    const shown = async (of) => {
      await of.locator("tbody tr").first().waitFor();
      return [await of.locator("thead").innerText(), await of.locator("tbody th a").evaluateAll((links) => links.map((link) => link.href))];
    };
    const other = await tab(await browser.newContext());  // somebody who was sent the address
    await other.goto(page.url());
    assert.deepEqual(await shown(other), await shown(page));
    await other.context().close();
    await page.getByPlaceholder("Search values or ids").fill("no such value");
    await page.getByText("No config fits these choices").waitFor();
    await page.getByRole("link", { name: "Show all of them" }).click();
    await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 9);
  });

  await check("head and names stay in sight, the table takes the whole screen, and is cards on a phone", async () => {
    const every = "held_out_score|difference|held_out_presence|held_out_salience|runs|paper_score|paper_presence|paper_salience|optimism|time|setting.gate|setting.epochs";
    await page.goto(`${base}#/sweep/${ids.running}/configs?columns=${every}`);
    const box = page.getByRole("region", { name: "Table of configs" });
    await page.setViewportSize({ width: 700, height: 300 });
    await box.evaluate((element) => element.scrollTo(300, 100));
    const at = async (locator) => (await locator.boundingBox()) ?? assert.fail("it is not shown");
    const frame = await at(box);
    assert.ok(Math.abs((await at(page.locator("tbody th").nth(8))).x - frame.x) < 2, "the name is at the left edge");
    assert.ok(Math.abs((await at(page.locator("thead"))).y - frame.y) < 2, "the head is at the upper edge");
    await page.setViewportSize({ width: 1920, height: 900 });
    assert.ok((await at(page.locator("table"))).width > 1800);
    await page.setViewportSize({ width: 390, height: 844 });
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth), "nothing is beyond the edge");
    const card = page.locator("tbody tr").first();
    assert.ok((await at(card.locator('td[data-head="held-out Score"]'))).x < 200, "the Score is on the card");
    await shot("configs-phone");
    await page.setViewportSize({ width: 1360, height: 900 });
  });

  await check("a head explains itself, and Escape returns to its button", async () => {
    await page.goto(`${base}#/sweep/${ids.running}/configs`);
    const button = page.getByRole("button", { name: "About held-out" });
    await button.click();
    const note = page.locator(".popover:popover-open");
    await note.getByText(/chosen on the other folds/).waitFor();
    await page.keyboard.press("Escape");
    await note.waitFor({ state: "detached" });
    assert.ok(await button.evaluate((element) => element === document.activeElement));
  });

  await check("configs are chosen without moving the table, and compared on a page of their own", async () => {
    const table = page.locator("table.data");
    const before = await table.boundingBox();
    for (const i of [0, 1]) await page.locator("tbody input[type=checkbox]").nth(i).check();
    await page.getByRole("link", { name: "Compare", exact: true }).waitFor();
    assert.deepEqual(await table.boundingBox(), before);
    const row = page.locator("tbody tr").nth(1);
    await row.hover();
    await row.getByRole("button", { name: "make reference" }).click();
    await page.waitForURL(/reference=/);
    await row.getByText("the reference").waitFor();
    assert.match(await page.locator("tbody tr").first().innerText(), /[+\u2212]?\.\d{3}\s+\[[+\u2212]?\.\d{3}, [+\u2212]?\.\d{3}\]/);
    await page.getByRole("link", { name: "Compare", exact: true }).click();
    await page.getByRole("heading", { name: "Comparison of 2 configs" }).waitFor();
    await page.getByRole("rowheader", { name: "learning_rate", exact: true }).waitFor();
    await page.locator("figure", { hasText: /mean and SD over the runs of each config, \d+ together/ }).locator("canvas").first().waitFor();
    await page.locator("figure", { hasText: /is predicted as each set/ }).locator("canvas").first().waitFor();
    const heldOut = page.getByRole("row").filter({ has: page.getByRole("rowheader", { name: "held-out Score", exact: true }) });
    const better = (await heldOut.locator("td").allInnerTexts()).sort().pop();
    assert.deepEqual(await heldOut.locator("td.strong").allInnerTexts(), [better], "the better of two Scores is in bold");
    await shot("compare");
  });

  await check("what is drawn over a chart of Explore is a choice that the address keeps and the table shares", async () => {
    await page.goto(`${base}#/sweep/${ids.running}/explore`);
    const figure = (text) => page.locator("figure.chart", { hasText: text });
    const frame = async (text) => {
      await figure(text).locator("canvas").first().waitFor();
      await figure(text).scrollIntoViewIfNeeded();
      return figure(text).locator(".chart-place").boundingBox();
    };
    const drag = async (from, until) => {
      await page.mouse.move(...from);
      await page.mouse.down();
      await page.mouse.move((from[0] + until[0]) / 2, (from[1] + until[1]) / 2);
      await page.mouse.move(...until);
      await page.mouse.up();
    };
    await shot("explore");
    // The middle one of three axes, from its upper end (3) to below its middle (2).
    const parallel = await frame("parallel coordinates");
    const x = parallel.x + (70 + parallel.width - 110) / 2;
    await drag([x, parallel.y + 38], [x, parallel.y + 235]);
    await page.waitForURL(/between\.top_n=/);
    await page.getByRole("button", { name: "Any top_n" }).waitFor();
    const [low, high] = /between\.top_n=([\d.]+)\.\.(\d)/.exec(page.url()).slice(1).map(Number);
    assert.ok(low > 1 && low < 2 && high === 3, `${low} to ${high}`);
    await page.getByRole("link", { name: "The same configs as a table" }).click();
    await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 6);
    await page.getByRole("button", { name: "Any top_n" }).click();
    await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 9);
    await page.getByRole("link", { name: "Explore", exact: true }).last().click();
    // The left half of the scatter by learning_rate.
    const scatter = await frame("; colour:");
    await drag([scatter.x + 70, scatter.y + 20], [scatter.x + scatter.width / 2, scatter.y + 300]);
    await page.waitForURL(/between\.learning_rate=.*between\.held_out_score=/);
    await page.goBack();
    await page.waitForURL(/explore$/);
    // The pointer on a config of one chart shows it in the others.
    const picture = () => figure("parallel coordinates").locator("canvas").first().evaluate((canvas) => canvas.toDataURL());
    await frame("parallel coordinates");
    const before = await picture();
    const slice = await frame("Score by top_n");
    const { rows } = await (await page.request.get(`${base}api/v1/sweeps/${ids.running}/leaderboard`, { headers: { Authorization: "Bearer secret" } })).json();
    const scores = rows.filter((row) => row.axis_values.top_n === 2).map((row) => row.values.held_out_score);
    let after = before;
    for (let y = 12; y < 190 && after === before; y += 3) {  // down the middle of it, where n is 2
      await page.mouse.move(slice.x + 56 + (slice.width - 76) / 2, slice.y + y);
      after = await picture();
    }
    assert.ok(scores.length === 3 && after !== before, "the other chart shows it");
    await page.mouse.move(5, 5);
    await page.waitForFunction((first) => document.querySelector("figure.chart canvas").toDataURL() === first, before);
  });

  await check("Explore draws log axes as the values lie, colours by an axis, and contours", async () => {
    await page.goto(`${base}#/sweep/${ids.running}/explore?x=axis.learning_rate&y=axis.top_n&contour=1`);
    await page.locator("figure.chart", { hasText: "Score by learning_rate (log axis)" }).waitFor();
    const scatter = page.locator("figure.chart", { hasText: "top_n by learning_rate; colour: held-out Score" });
    await scatter.getByText("inverse square of the distance").waitFor();
    await page.getByRole("combobox", { name: "Colour" }).selectOption("axis.top_n");
    await page.waitForURL(/color=axis\.top_n/);
    const colored = page.locator("figure.chart", { hasText: "; colour: top_n" });
    await colored.getByText("As a table").click();
    await colored.locator("tbody tr").first().waitFor();
    assert.deepEqual(await colored.locator("thead th").allInnerTexts(), ["Config", "learning_rate", "top_n"]);
  });

  await check("a config has a page in words, with every run, its curves and what sets it apart", async () => {
    await page.goto(`${base}#/sweep/${ids.running}/configs`);
    const link = page.locator("tbody th a").nth(1);
    const name = (await link.locator("span").getAttribute("title")) ?? (await link.innerText());
    await link.click();
    await page.getByRole("heading", { name: new RegExp(`^#2 ${name}`) }).waitFor();
    await page.waitForFunction((title) => document.title === title, `${name} · top-n by learning rate · Medley`);
    await page.locator(".runs-map td a").first().waitFor();
    assert.equal(await page.locator(".runs-map td a").count(), 15, "5 folds x 3 seeds");
    await page.getByText("the stronger the colour, the higher").waitFor();  // true of both themes, as darker is not
    await page.locator("figure", { hasText: /every run, mean and SD of \d+ runs/ }).locator("canvas").first().waitFor();
    await page.getByRole("rowheader", { name: "top_n", exact: true }).waitFor();
    await page.getByRole("columnheader", { name: "Of the reference" }).waitFor();
    await page.getByRole("heading", { name: "Importance of each encoder" }).waitFor();
    await shot("config");
    await page.getByRole("combobox", { name: /^Compare with/ }).selectOption({ index: 1 });
    await page.getByRole("heading", { name: "Comparison of 2 configs" }).waitFor();
    await page.goBack();
    await page.getByRole("link", { name: /^fold 2, seed 1: / }).click();
    await page.getByRole("heading", { name: `Fold 2, seed 1 of ${name}` }).waitFor();
    await page.getByRole("heading", { name: "Attempts" }).waitFor();
    await page.waitForFunction((title) => document.title === title, `Fold 2, seed 1 of ${name} · Medley`);
    await page.goto(`${base}#/sweep/${ids.running}`);
  });

  await check("ablations show what matters, subsets and one axis against another", async () => {
    await page.getByRole("link", { name: "Ablations" }).click();
    await page.getByText("The sweep file declares no comparison").waitFor();
    await page.getByRole("combobox", { name: /^Columns/ }).selectOption("learning_rate");
    await page.waitForURL(/columns=learning_rate/);
    await page.locator('[aria-label="One axis against another"] canvas').first().waitFor();
    await page.locator('[aria-label="Effect of n"] canvas').first().waitFor();
    await shot("ablations");
  });

  await check("importance switches between configs and folds", async () => {
    await page.getByRole("link", { name: "Importance", exact: true }).click();
    await page.getByRole("heading", { name: "The gate’s opinion beside Scores" }).waitFor();
    await page.getByRole("combobox", { name: /^Fold/ }).selectOption("2");
    await page.waitForURL(/fold=2/);
    await page.getByText(/on fold 2/).waitFor();
    await page.getByRole("combobox", { name: /^Config/ }).selectOption({ index: 1 });
    await page.waitForURL(/config=/);
    await page.getByRole("combobox", { name: /^Grouped by/ }).selectOption("family");
    await page.waitForURL(/by=family/);
    await page.getByRole("cell", { name: "adapted" }).first().waitFor();
    await page.locator("figure.chart").nth(5).locator("canvas").first().waitFor();
    await shot("importance");
  });

  await check("a chart is saved light with its title, sweep and protocol, whatever the theme", async () => {
    await page.goto(`${base}#/sweep/${ids.finished}`);
    await page.getByRole("heading", { name: "Configs", exact: true }).waitFor();
    await page.getByRole("button", { name: "Dark" }).click();
    const saved = {};
    for (const kind of ["SVG", "PNG"]) {
      const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("button", { name: kind, exact: true }).first().click(),
      ]);
      assert.ok(download.suggestedFilename().endsWith(`.${kind.toLowerCase()}`));
      saved[kind] = readFileSync(await download.path());
    }
    const svg = saved.SVG.toString();
    assert.match(svg, /^<svg[^>]*>.*<\/svg>$/s);
    assert.match(svg, /<rect width="100%" height="100%" fill="#ffffff"\/>/);
    assert.match(svg, />Held-out Score with its 95 % interval; hollow: paper-style Score \(optimistic\)</);
    assert.match(svg, />gates with an inner fold: Overview</);
    const blank = await tab(context);  // without the policy of the page, which forbids the picture's styles
    const wrong = await blank.evaluate((text) => new DOMParser().parseFromString(text, "image/svg+xml").querySelector("parsererror")?.textContent ?? "", svg);
    assert.equal(wrong, "", "it is well-formed");
    await blank.close();
    assert.equal(saved.PNG.subarray(1, 4).toString(), "PNG");
    const looked = await page.evaluate(async (bytes) => {
      const image = await createImageBitmap(new Blob([new Uint8Array(bytes)], { type: "image/png" }));
      const ink = new OffscreenCanvas(image.width, image.height).getContext("2d");
      ink.drawImage(image, 0, 0);
      const { data } = ink.getImageData(0, 0, image.width, image.height);
      let drawn = 0;
      for (let i = 0; i < data.length; i += 4) drawn += data[i + 2] > data[i] + 40;  // blue: the configs
      return { corner: [...data.slice(0, 3)], drawn };
    }, [...saved.PNG]);
    assert.deepEqual(looked.corner, [255, 255, 255]);
    assert.ok(looked.drawn > 500, `${looked.drawn} blue pixels`);
    await page.getByRole("button", { name: "Light" }).click();
  });

  await check("under a chart stands its table, which is copied as LaTeX and as Markdown", async () => {
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    const figure = page.locator("figure.chart").first();
    await figure.getByText("As a table").click();
    await figure.locator("tbody tr").first().waitFor();
    assert.equal(await figure.locator("tbody tr").count(), 4);
    const copied = async (name) => {
      await figure.getByRole("button", { name }).click();
      await figure.getByText("Copied").waitFor();
      return page.evaluate(() => navigator.clipboard.readText());
    };
    assert.match(await copied("Copy as LaTeX"), /\\caption\{Held-out Score with its 95 \\% interval.*\\toprule\nConfig & held-out Score & 95 \\% interval & paper-style Score \\\\\n\\midrule\n\\#1 \w+, n=\d & \.\d{3} & /s);
    assert.match(await copied("Copy as Markdown"), /\n\| Config \| held-out Score \| 95 % interval \| paper-style Score \|\n\| --- \| ---: \| ---: \| ---: \|\n\| #1 \w+, n=\d \| \.\d{3} \| \[/);
  });

  await check("arrow keys move within a menu, and Escape returns to its button", async () => {
    await page.goto(`${base}#/sweep/${ids.running}/configs`);
    const button = page.getByRole("button", { name: /^Columns/ });
    await button.click();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("End");
    const last = page.locator(".menu-list input").last();
    assert.ok(await last.evaluate((element) => element === document.activeElement));
    await page.keyboard.press("Escape");
    assert.ok(await button.evaluate((element) => element === document.activeElement));
    assert.equal(await page.locator(".menu-list").count(), 0);
    await page.locator("tbody tr").first().waitFor();
  });

  await check("a key opens the commands, and Escape returns the focus", async () => {
    const button = page.getByRole("button", { name: /^Columns/ });
    await button.focus();
    await page.keyboard.press("/");
    const field = page.getByRole("combobox", { name: "Command, sweep, or id of a trial" });
    await field.waitFor();
    await page.getByRole("option", { name: "Sweep gates with an inner fold" }).waitFor();
    await shot("commands");
    await page.keyboard.press("Escape");
    await field.waitFor({ state: "hidden" });
    assert.ok(await button.evaluate((element) => element === document.activeElement));
    await page.keyboard.press("Control+k");
    await page.keyboard.type("gates inner");
    await page.getByRole("option", { name: "Sweep gates with an inner fold" }).waitFor();
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.title === "gates with an inner fold: Overview · Medley");
    await page.keyboard.press("/");
    await page.keyboard.type(ids.trial.slice(0, 8));
    await page.getByRole("option", { name: `Trial ${ids.trial.slice(0, 8)}` }).waitFor();
    await page.keyboard.press("Enter");
    await page.waitForFunction((id) => location.hash.startsWith(`#/trial/${id}`), ids.trial.slice(0, 8));
    await page.goto(`${base}#/sweep/${ids.running}/configs`);
    await page.locator("tbody tr").first().waitFor();
  });

  await check("the CSV is downloaded with the token", async () => {
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Download CSV" }).click(),
    ]);
    assert.equal(download.suggestedFilename(), `${ids.running}-leaderboard.csv`);
  });

  await check("axes have one table each", async () => {
    await page.getByRole("link", { name: "Axes" }).click();
    await page.getByRole("heading", { name: "top_n" }).waitFor();
    assert.equal(await page.locator("table").count(), 2);
    const gains = (await page.locator(".axis > p").allInnerTexts()).map((text) => Number(/(\.\d+) above/.exec(text)[1]));
    assert.deepEqual(gains, [...gains].sort((a, b) => b - a), "the axis of the largest gain stands first");
    await shot("axes");
    await page.setViewportSize({ width: 390, height: 844 });
    const card = await page.locator("td.bare").first().boundingBox();
    assert.ok(card.width > 150 && card.height < 60, "on a phone what is drawn has the width of the card");
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth), "nothing is beyond the edge");
    await page.setViewportSize({ width: 1360, height: 900 });
  });

  await check("an address that is followed at once after the first paint is not lost", async () => {
    const early = await tab(context);
    await early.addInitScript(() => {
      new MutationObserver((_, watch) => {
        if (!document.querySelector("header")) return;
        watch.disconnect();
        location.hash = "/workers";
      }).observe(document, { childList: true, subtree: true });
    });
    await early.goto(base);
    await early.getByRole("heading", { name: "Workers" }).waitFor({ timeout: 50_000 });
    await early.close();
  });

  await check("the keyboard alone leads from a sweep's trials to a trial", async () => {
    await page.goto(`${base}#/sweep/${ids.running}/trials`);
    const link = page.locator("tbody a").first();
    await link.waitFor();
    await shot("trials");
    for (let i = 0; i < 40; ++i) {
      await page.keyboard.press("Tab");
      if (await link.evaluate((element) => element === document.activeElement)) break;
    }
    await page.keyboard.press("Enter");
    await page.waitForURL(/#\/trial\//);
  });

  await check("trials are chosen by state, sorted by their heads, and walked through by the arrow keys", async () => {
    const rows = page.locator("tbody tr");
    const asked = (query) => page.evaluate(async (path) => (await (await fetch(`api/v1/${path}`)).json()).trials, `sweeps/${ids.running}/trials${query}`);
    await page.goto(`${base}#/sweep/${ids.running}/trials`);
    await rows.first().waitFor();
    const chips = page.getByRole("group", { name: "State" }).getByRole("button");
    assert.deepEqual((await chips.allInnerTexts()).map((text) => text.replace(/\s+/g, " ")), ["all 135", "finished 95", "diverged 1", "failed 1", "pending 39"]);
    await page.setViewportSize({ width: 1280, height: 900 });
    assert.ok(await page.locator(".scroll.tall").evaluate((box) => box.scrollWidth <= box.clientWidth), "all columns stand within 1280 px");
    await page.setViewportSize({ width: 390, height: 844 });
    const cells = await page.locator("tbody tr").first().locator("td").evaluateAll((all) => all.map((cell) => cell.offsetWidth));
    assert.ok(Math.min(...cells) >= 60, `on a phone each value has room for words, not ${Math.min(...cells)} px`);
    await page.setViewportSize({ width: 1360, height: 900 });
    await chips.filter({ hasText: "failed" }).click();
    await page.waitForURL(/state=failed/);
    await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
    assert.equal(await rows.locator("th a").innerText(), ids.failed);
    assert.match(await rows.locator('td[data-head="State"]').innerText(), /signal 9/, "why it failed stands beside its state");
    assert.match(await rows.locator('td[data-head="Worker"]').innerText(), /^node0/);
    await chips.filter({ hasText: "all" }).click();
    await page.getByRole("button", { name: "Time", exact: true }).click();
    await page.waitForURL(/order=seconds.*descending=1/);
    const longest = (await asked("?order=seconds&descending=1")).map((trial) => trial.id);
    await page.waitForFunction((id) => document.querySelector("tbody th a")?.textContent === id, longest[0]);
    assert.deepEqual(await page.locator("tbody th a").allInnerTexts(), longest.slice(0, 100));
    assert.ok((await rows.locator(".spark").count()) > 50, "finished trials have their epochs");
    await page.getByRole("button", { name: "Score", exact: true }).first().click();
    await page.waitForURL(/order=held_out_score.*descending=1/);
    const [best] = await asked("?order=held_out_score&descending=1");
    await page.waitForFunction((id) => document.querySelector("tbody th a")?.textContent === id, best.id);
    const scores = rows.first().locator('td[data-head$="Score"]');
    assert.equal(await scores.first().innerText(), best.held_out.accuracy.score.toFixed(3).slice(1), "the best held-out Score stands first");
    await page.getByRole("button", { name: "Time", exact: true }).click();
    await page.waitForFunction((id) => document.querySelector("tbody th a")?.textContent === id, longest[0]);
    await page.locator("tbody th a").first().focus();
    for (const key of ["ArrowDown", "j", "k"]) await page.keyboard.press(key);
    assert.equal(await page.evaluate(() => document.activeElement.textContent), longest[1]);
    await shot("trials-sorted");
  });

  await check("a large sweep that is looked at for the first time says how far its numbers are", async () => {
    await page.route("**/leaderboard?*", (route) => route.fulfill({ status: 202, json: { computing: { done: 1200, of: 8000 } } }));
    await page.goto(`${base}#/sweep/${ids.finished}/explore`);
    await page.goto(`${base}#/sweep/${ids.finished}/configs`);
    await page.getByText(/^Computing: 1\s200 of 8\s000 configs$/).waitFor();
    await shot("computing");
    await page.unroute("**/leaderboard?*");
    await page.getByText("Computing").waitFor({ state: "detached" });
    await page.locator("tbody tr").first().waitFor();
    await page.route("**/trials?*", async (route) => {
      const answer = await (await route.fetch()).json();
      await route.fulfill({ json: { ...answer, computing: { done: 0, of: null } } });
    });
    await page.goto(`${base}#/sweep/${ids.finished}/trials`);
    await page.getByText("Held-out Scores follow.").waitFor();
    await page.locator("tbody tr").first().waitFor();
    await page.unroute("**/trials?*");
  });

  await check("a trial shows curves, importance, settings and attempts", async () => {
    await page.goto(`${base}#/trial/${ids.trial}`);
    await page.getByRole("heading", { name: "Importance of each encoder" }).waitFor();
    const charts = page.locator(".chart canvas");
    await charts.first().waitFor();
    await page.locator("figure.chart").nth(3).locator("canvas").first().waitFor();  // curves, confusion, thresholds
    const drawn = await charts.first().evaluate((canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      let painted = 0;
      for (let i = 3; i < data.length; i += 4) painted += data[i] > 0;
      return painted;
    });
    assert.ok(drawn > 1000, `${drawn} painted pixels`);
    await charts.first().hover({ position: { x: 200, y: 120 } });  // the tooltip must not need inline styles
    await page.locator(".settings").getByText("learning_rate").waitFor();
    await page.getByText("Log of its worker").click();
    const log = page.getByLabel(/^Log of node07:421/);
    await log.getByText(/joined 127.0.0.1:7000 as w-/).waitFor();
    await log.getByText("<img src=x onerror=alert(1)>").waitFor();
    assert.equal(await page.locator("img").count(), 0);
    await shot("trial");
  });

  await check("beyond 30 encoders a chart shows the 20 largest and the mean of the others", async () => {
    await page.route("**/importance?*", async (route) => {
      const answer = await (await route.fetch()).json();
      const [one] = answer.encoders;
      // Weights 40, 39, ..., 1 per mille: the mean of the last 20 is 10.5 per mille.
      answer.encoders = Array.from({ length: 40 }, (_, i) => ({ ...one, encoder: `encoder ${i} ${"of a long name ".repeat(5)}`, weight: { ...one.weight, mean: (i + 1) / 1000, sd: 0 }, loss_without: null, alone: null, shapley: null }));
      await route.fulfill({ json: answer });
    });
    const { best } = await (await page.request.get(`${base}api/v1/sweeps/${ids.finished}/leaderboard`, { headers: { Authorization: "Bearer secret" } })).json();
    await page.goto(`${base}#/sweep/${ids.finished}/config/${best}`);
    const figure = page.locator("figure.chart", { hasText: "Mean gate weight, and its SD" });
    await figure.locator("canvas").first().waitFor();
    assert.equal((await figure.locator(".chart-place").boundingBox()).height, 68 + 24 * 21);
    const [download] = await Promise.all([page.waitForEvent("download"), figure.getByRole("button", { name: "SVG" }).click()]);
    const svg = readFileSync(await download.path(), "utf8");
    assert.match(svg, />20 others \(mean\)</);
    assert.match(svg, />encoder 39 of a long…ame of a long name ?</, "the middle of a long name gives way");
    assert.ok(!svg.includes(">encoder 0 "), "the least are among the others");
    await figure.getByText("As a table").click();
    await figure.locator("tbody tr").first().waitFor();
    assert.equal(await figure.locator("tbody tr").count(), 40, "the table has all");
    await page.unroute("**/importance?*");
  });

  await check("every chart has its table beneath it, closed", async () => {
    for (const address of ["overview", "explore", "ablations", "importance", "timeline"].map((tab) => `sweep/${ids.running}/${tab}`).concat(`trial/${ids.trial}`, "ensemble/1")) {
      await page.goto(`${base}#/${address}`);
      await page.locator("figure.chart canvas").first().waitFor();
      await page.waitForFunction(() => !document.querySelector(".skeleton"));
      const [charts, tables] = await page.evaluate(() => ["figure.chart", "figure.chart > details:not([open]) > summary"].map((one) => document.querySelectorAll(one).length));
      assert.ok(charts > 0, address);
      assert.equal(tables, charts, address);
    }
  });

  await check("60 encoders of long names fit matrices by numbers, without a slanted label", async () => {
    const names = Array.from({ length: 60 }, (_, i) => `encoder ${i} ${"of a long name ".repeat(6)}`.slice(0, 90));
    await page.route(/\/importance(\?|$)/, async (route) => {
      const answer = await (await route.fetch()).json();
      const [one] = answer.encoders;
      // Weights fall with the number; CKA of i and j is 1 - |i - j| / 100.
      answer.encoders = names.map((encoder, i) => ({ ...one, encoder, weight: { ...one.weight, mean: (100 - i) / 1000 } }));
      answer.cka = names.flatMap((_, i) => names.map((__, j) => 1 - Math.abs(i - j) / 100));
      await route.fulfill({ json: answer });
    });
    await page.goto(`${base}#/sweep/${ids.running}/importance`);
    const figure = page.locator("figure.chart", { hasText: "Linear CKA of projected encoders" });
    await figure.getByText("the 20 of largest weight").waitFor();
    await shot("importance-60");
    const [download] = await Promise.all([page.waitForEvent("download"), figure.getByRole("button", { name: "SVG" }).click()]);
    const svg = readFileSync(await download.path(), "utf8");
    assert.match(svg, />1 {1,2}encoder 0 of/, "rows have number and name");
    assert.ok(!/>21 {1,2}encoder/.test(svg), "20 of them");
    // transform="matrix(a, b, c, d, e, f)" with b other than 0 turns a text; "rotate" does, too.
    const turned = [...svg.matchAll(/<text[^>]*transform="(?:rotate|matrix\(([^)]*)\))/g)].filter(([, matrix]) => !matrix || Math.abs(Number(matrix.split(/[ ,]+/)[1])) > 0.01);
    assert.deepEqual(turned.map(([text]) => text), []);
    await figure.getByText("As a table").click();
    await figure.locator("tbody tr").first().waitFor();
    assert.equal(await figure.locator("tbody tr").count(), 60, "the table has all");
    assert.deepEqual((await figure.locator("tbody tr").nth(10).locator("td").allInnerTexts()).slice(9, 12), [".990", "1.000", ".990"]);
    await page.unroute(/\/importance(\?|$)/);
  });

  await check("16 classes are confused as classes first, then as 136 sets", async () => {
    const classes = [..."abcdefghijklmnop"];
    const sets = [...classes, ...classes.flatMap((one, i) => classes.slice(i + 1).map((other) => `${one} + ${other}`))];
    const counts = sets.map(() => sets.map(() => 0));
    counts[0][0] = 5;                     // a taken for a
    counts[sets.indexOf("a + b")][0] = 3;  // a + b taken for a
    counts[1][sets.indexOf("b + c")] = 2;  // b taken for b + c
    await page.route("**/confusion?*", (route) => route.fulfill({ json: { trial: ids.trial, protocol: "paper", epoch: 1, clips: 10, thresholds: { alpha: 0.1, beta: 0.1 }, sets, counts } }));
    await page.goto(`${base}#/workers`);
    await page.goto(`${base}#/trial/${ids.trial}`);
    const figure = page.locator("figure.chart", { hasText: "Classes in the clip (rows)" });
    await figure.getByText("As a table").click();
    await figure.locator("tbody tr").first().waitFor();
    const row = async (i) => (await figure.locator("tbody tr").nth(i).locator("td").allInnerTexts()).slice(0, 4);
    assert.equal(await figure.locator("tbody tr").count(), 16);
    assert.deepEqual(await row(0), ["8", "0", "0", "0"], "a: 5 alone and 3 with b");
    assert.deepEqual(await row(1), ["3", "2", "2", "0"], "b: 3 with a, taken for a; 2 for b and c");
    await page.getByRole("button", { name: "136 sets" }).click();
    await page.locator("figure.chart", { hasText: "Emotion sets: true (rows)" }).waitFor();
    await page.unroute("**/confusion?*");
  });

  await check("the log of a worker has the times of the browser, as everything else", async () => {
    const away = await browser.newContext({ timezoneId: "America/New_York" });
    const there = await tab(away);
    await there.goto(`${base}#/trial/${ids.trial}`);
    await there.getByText("Log of its worker").click();
    // 21:13:20 UTC, five hours less in November.
    await there.getByLabel(/^Log of node07:421/).getByText(/^2023-11-14 16:13:20 \[421\d\] info: joined/).waitFor();
    await away.close();
  });

  await check("a page that is left while its charts are painted on a slow machine leaves nothing behind", async () => {
    const devtools = await context.newCDPSession(page);
    await devtools.send("Emulation.setCPUThrottlingRate", { rate: 20 });
    for (let i = 0; i < 3; ++i) {
      await page.goto(`${base}#/trial/${ids.trial}`);
      await page.locator("figure.chart").nth(3).locator("canvas").first().waitFor({ timeout: 600_000 });
      await page.goto(`${base}#/workers`);
      await page.getByRole("heading", { name: "Workers" }).waitFor();
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    }
    await devtools.send("Emulation.setCPUThrottlingRate", { rate: 1 });
    await devtools.detach();
    await page.goto(`${base}#/trial/${ids.trial}`);
  });

  await check("clips are listed with their weights, and the wrong ones alone", async () => {
    await page.getByRole("columnheader", { name: "wavlm" }).waitFor();
    await page.getByRole("combobox", { name: /^Clips/ }).selectOption("misses");
    await page.waitForURL(/only=misses/);
    await page.waitForFunction(() => ![...document.querySelectorAll("td")].some((cell) => cell.textContent.startsWith("✓")));
  });

  await check("the timeline shows workers and the failed trial with its reason", async () => {
    await page.goto(`${base}#/sweep/${ids.running}/timeline`);
    await page.locator('[aria-label="Timeline"] canvas').first().waitFor();
    await page.getByRole("link", { name: ids.failed }).waitFor();
    await page.getByText(/signal 9/).waitFor();
    const width = (await page.locator("td.reason").boundingBox()).width;
    assert.ok(width >= 170, `a reason has the room of some words, not ${width} px`);
    await shot("timeline");
  });

  await check("the timeline of an interrupted sweep ends at the newest moment that is known", async () => {
    const { attempts } = await (await page.request.get(`${base}api/v1/sweeps/${ids.running}/timeline?limit=1000`, { headers: { Authorization: "Bearer secret" } })).json();
    const known = Math.max(...attempts.map((one) => one.ended_ms ?? one.started_ms ?? 0));
    const two = (value) => String(value).padStart(2, "0");
    const until = await page.evaluate((ms) => { const at = new Date(ms); return [at.getHours(), at.getMinutes()]; }, known);
    await page.getByText(new RegExp(`The newest \\d+ attempts, a bar a pack, .* to \\S+ ${until.map(two).join(":")}$`)).waitFor();
    await page.getByText(/hollow: running when the coordinator went away/).waitFor();
    await page.locator('[aria-label="Timeline"] summary').click();
    assert.equal(await page.locator('[aria-label="Timeline"] td', { hasText: /^running$/ }).count(), 0);
    assert.ok((await page.locator('[aria-label="Timeline"] td', { hasText: /^interrupted$/ }).count()) > 0);
  });

  await check("an ensemble shows its weights, its honest estimate and its confusion; its name stays text", async () => {
    await page.goto(`${base}#/ensembles`);
    await page.getByRole("link", { name: "<b>two gates</b>" }).click();
    await page.getByRole("heading", { name: "<b>two gates</b>" }).waitFor();
    assert.equal(await page.locator("main b").count(), 0);
    await page.getByText(".400").first().waitFor();
    assert.equal(await page.getByRole("table").first().locator("tbody tr").count(), 2);
    await page.locator("figure.chart").nth(1).locator("canvas").first().waitFor();
    await shot("ensemble");
    // A name of ninety characters without a space, on a phone.
    await page.route("**/ensembles/1", async (route) => route.fulfill({ json: { ...(await (await route.fetch()).json()), sweep_name: "x".repeat(90), name: "y".repeat(90) } }));
    await page.setViewportSize({ width: 390, height: 844 });
    await page.reload();
    await page.getByText("x".repeat(90)).waitFor();
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth), "nothing is beyond the edge");
    await page.setViewportSize({ width: 1360, height: 900 });
    await page.unroute("**/ensembles/1");
  });

  await check("verdicts of declared comparisons are shown with their intervals", async () => {
    await page.goto(`${base}#/sweep/${ids.finished}/ablations`);
    await page.getByRole("heading", { name: "gate against scorer" }).waitFor();
    await page.locator('[aria-label="Verdicts"] tbody tr').nth(1).waitFor();
    await shot("verdicts");
  });

  await check("failed and diverged trials say why", async () => {
    await page.goto(`${base}#/trial/${ids.failed}`);
    await page.getByText("It failed").waitFor();
    assert.equal(await page.getByText("lost", { exact: true }).count(), 5);
    await shot("failed");
    await page.goto(`${base}#/trial/${ids.diverged}`);
    await page.getByText("It diverged").waitFor();
    await page.getByText(/step 812/).waitFor();
  });

  await check("a trial in training shows its epochs, and its sweep and config show it", async () => {
    await page.goto(`${base}#/trial/${ids.running_trial}`);
    await page.getByText("6 of 10").waitFor();
    await page.locator("figure.chart canvas").first().waitFor();
    assert.equal(await page.locator("dl[aria-label='In training'] dd").nth(2).innerText(), ".300");
    await shot("trial-in-training");
    // Score of epoch k is k / 20; its moving average weighs epoch k by 0.4 * 0.6^(6 - k), made to sum to one.
    const weights = [1, 2, 3, 4, 5, 6].map((k) => 0.4 * 0.6 ** (6 - k));
    const average = weights.reduce((sum, weight, i) => sum + (weight * (i + 1)) / 20, 0) / weights.reduce((sum, one) => sum + one);
    await page.getByRole("combobox", { name: "Smoothing" }).selectOption("0.6");
    await page.waitForURL(/smooth=0\.6/);
    await page.reload();
    const accuracy = page.locator("figure.chart", { hasText: "Validation accuracy by epoch" });
    await accuracy.getByText("As a table").click();
    await accuracy.locator("tbody tr").last().waitFor();
    assert.equal(await accuracy.locator("thead th").nth(1).innerText(), "Score, smoothed");
    assert.equal(await accuracy.locator("tbody tr").last().locator("td").first().innerText(), average.toFixed(3).slice(1));
    await accuracy.locator("canvas").first().waitFor();
    await shot("trial-smoothed");
    for (const view of ["", `/config/${await page.evaluate(async (id) => (await (await fetch(`api/v1/trials/${id}`)).json()).config, ids.running_trial)}`]) {
      await page.goto(`${base}#/sweep/${ids.running}${view}`);
      await page.getByRole("heading", { name: "In training" }).waitFor();
      await page.getByRole("link", { name: "fold 1, seed 2", exact: true }).waitFor();
      assert.match(await page.locator("section[aria-label='In training'] tbody tr").innerText(), /6 of 10\s+0?\.33\s+\.300/);
      await shot(view ? "config-in-training" : "sweep-in-training");
    }
  });

  await check("a worker has a page with its log, which stays at the end", async () => {
    const line = (i) => `2026-01-31T12:00:0${i % 10}.000Z [11] info: line ${i}\n`;
    mkdirSync(join(folder, "store", "logs"), { recursive: true });
    const log = join(folder, "store", "logs", "worker-1.log");
    writeFileSync(log, `2026-01-31T12:00:00.000Z [11] info: joined 127.0.0.1:7000 as w-1\n${Array.from({ length: 80 }, (_, i) => line(i)).join("")}`);
    await page.goto(`${base}#/workers`);
    await page.getByRole("link", { name: "node07:4211", exact: true }).click();
    await page.getByText("info: line 79").waitFor();
    appendFileSync(log, `${line(80)}2026-01-31T12:00:09.000Z [11] error: a pack of 4 failed: <b>out of memory</b>\n`);
    await page.getByText("a pack of 4 failed: <b>out of memory</b>").waitFor();
    assert.ok(await page.locator(".log pre").evaluate((box) => box.scrollTop + box.clientHeight > box.scrollHeight - 20));
    await page.waitForFunction(() => document.title === "Worker node07:4211 · Medley");
    await shot("worker");
  });

  await check("workers are listed with what they have in hand and take of their hosts, on a phone too", async () => {
    await page.goto(`${base}#/workers`);
    await page.getByText("Launch 1 (slurm): sbatch failed with exit code 1: invalid partition").waitFor();
    const row = (name) => page.getByRole("row", { name });
    const cell = (name, head) => row(name).locator(`td[data-head="${head}"]`);
    await row("node09:118").getByText("quarantined").waitFor();
    await row("node09:118").getByRole("button", { name: "Release" }).waitFor();
    const first = await page.locator("tbody tr").first().getByRole("rowheader").innerText();
    assert.match(first, /^node09:118/, "who needs somebody stands first");
    assert.equal(await cell("node07:4211", "CPU").innerText(), "98 %");
    assert.equal(await cell("node07:4211", "Memory").innerText(), "393 MiB");  // 412e6 / 2^20
    assert.equal(await cell("node07:4211", "GPU").innerText(), "–", "no value is not 0");
    assert.equal(await cell("node07:4212", "GPU").innerText(), "25 %\n36 GiB of 144 GiB");
    assert.equal(await cell("node09:118", "CPU").innerText(), "–");
    assert.equal(await cell("node09:118", "Pack in hand").innerText(), "–");
    await page.getByRole("button", { name: "Memory", exact: true }).click();
    await page.waitForURL(/order=memory/);
    assert.match(await page.locator("tbody tr").first().getByRole("rowheader").innerText(), /^node07/, "unknown is not most");
    const chips = page.getByRole("group", { name: "State" }).getByRole("button");
    await chips.filter({ hasText: "quarantined" }).click();
    await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
    assert.match(await page.locator("tbody th").innerText(), /^node09:118/);
    await chips.filter({ hasText: "all" }).click();
    await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 3);
    await page.getByText(/^\d of 2 joined train \d+ trials, \d+ results an hour$/).waitFor();
    await shot("workers");
    await page.setViewportSize({ width: 390, height: 844 });
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth), "nothing is beyond the edge");
    await shot("workers-phone");
    await page.setViewportSize({ width: 1360, height: 900 });
    await cell("node07:4211", "Pack in hand").getByRole("link", { name: "4 trials, 50 %" }).click();
    await page.waitForURL(new RegExp(`#/trial/${ids.running_trial}`));
  });

  await check("nothing moves while it polls", async () => {
    await page.goto(`${base}#/sweep/${ids.running}/configs`);
    await page.locator("tbody tr").first().waitFor();
    const moved = await page.evaluate(
      () =>
        new Promise((resolve) => {
          let sum = 0;
          new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) sum += entry.value;
          }).observe({ type: "layout-shift" });
          setTimeout(() => resolve(sum), 4500);
        }),
    );
    assert.equal(moved, 0);
  });

  await check("dark is chosen with one button and kept", async () => {
    await page.getByRole("button", { name: "Dark" }).click();
    await page.reload();
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
    await page.goto(`${base}#/trial/${ids.trial}`);
    await page.locator(".chart canvas").first().waitFor();
    await shot("trial-dark");
  });

  await check("axe finds nothing wrong on any page, in either theme", async () => {
    const axe = readFileSync(join(modules, "axe-core", "axe.min.js"), "utf8");
    const tabs = ["overview", "configs", "explore", "ablations", "importance", "axes", "trials", "timeline", "file"];
    const { best, rows } = await (await page.request.get(`${base}api/v1/sweeps/${ids.finished}/leaderboard`, { headers: { Authorization: "Bearer secret" } })).json();
    const addresses = [
      "", ...tabs.map((tab) => `sweep/${ids.running}/${tab}`), `sweep/${ids.finished}/ablations`, `sweep/${ids.finished}/config/${best}`,
      `sweep/${ids.finished}/compare?configs=${best}|${rows[1].config}`, `trial/${ids.trial}`, `trial/${ids.failed}`, `trial/${ids.running_trial}`, "ensembles", "workers", "worker/w-1", "token", "new", "report",
      `across?sweeps=${ids.running}|${ids.finished}`, `sweep/${ids.finished}/file?against=${ids.running}`,
    ];
    const found = [];
    for (const theme of ["light", "dark"]) {
      const other = await tab(await browser.newContext({ colorScheme: theme, bypassCSP: true }));
      await other.goto(address);
      for (const one of addresses) {
        await other.goto(`${base}#/${one}`);
        await other.waitForFunction(() => document.querySelector("main :is(h1, h2)") && !document.querySelector(".skeleton"));
        await other.evaluate(axe);
        const { violations } = await other.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
        found.push(...violations.map((wrong) => `${theme} #/${one} ${wrong.id}: ${wrong.nodes[0].html.slice(0, 200)} ${wrong.nodes[0].failureSummary}`));
      }
      await other.context().close();
    }
    assert.deepEqual(found, []);
  });

  await check("a report of a chart, a table and Markdown is kept in the browser, and saved as one HTML file", async () => {
    await page.goto(`${base}#/report`);
    await page.getByText("Nothing has been picked yet").waitFor();
    await page.goto(`${base}#/sweep/${ids.finished}`);
    const figure = page.locator("figure.chart").first();
    await figure.locator("canvas").first().waitFor();
    await figure.getByRole("button", { name: "Report" }).click();
    await figure.getByText("As a table").click();
    await figure.getByRole("button", { name: "Add to the report" }).click();
    await page.getByRole("navigation", { name: "Views" }).getByRole("link", { name: "Report" }).click();
    await page.getByRole("textbox", { name: "Title" }).fill("Gates & <n>");
    await page.getByRole("button", { name: "Text above part 2" }).click();
    await page.getByRole("textbox", { name: "Text of part 2" }).fill("## Finding\n\nn of **4** is `best` <img src=x onerror=alert(1)>\n\n- one\n- two");
    await page.reload();
    await page.locator("article.report table tbody tr").first().waitFor();
    assert.deepEqual(await page.locator("article.report > *").evaluateAll((parts) => parts.map((part) => part.tagName)), ["H1", "FIGURE", "DIV", "FIGURE"]);
    await shot("report");
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Save as one HTML file" }).click()]);
    assert.equal(download.suggestedFilename(), "Gates-n-.html");
    const file = join(folder, "report.html");
    await download.saveAs(file);
    const saved = await tab(await browser.newContext({ javaScriptEnabled: true }));
    const wrong = [];
    saved.on("console", (message) => wrong.push(message.text()));
    saved.on("request", (request) => { if (!request.url().startsWith("file:") && !request.url().startsWith("data:")) wrong.push(request.url()); });
    await saved.goto(`file://${file}`);
    assert.equal(await saved.title(), "Gates & <n>");
    assert.deepEqual(await saved.locator("img").evaluateAll((images) => images.map((image) => image.naturalWidth > 400)), [true], "the chart, and no image of the text");
    assert.equal(await saved.locator("h2").innerText(), "Finding");
    assert.equal(await saved.locator("strong").innerText(), "4");
    await saved.getByText("<img src=x onerror=alert(1)>").waitFor();
    assert.equal(await saved.locator("li").count(), 2);
    assert.equal(await saved.locator("tbody tr").count(), 4, "configs of the sweep");
    assert.deepEqual(wrong, []);
    await saved.context().close();
    for (let i = 0; i < 3; ++i) await page.getByRole("button", { name: "Remove part 1" }).click();
    await page.getByText("Nothing has been picked yet").waitFor();
  });

  await check("pages that ask for little say when the server is gone, too, and the form plans again when it is back", async () => {
    const gone = page.getByText(/^No answer/);
    await page.goto(`${base}#/report`);
    await page.getByText("Live", { exact: true }).waitFor();
    await page.route("**/api/v1/**", (route) => route.abort());
    await gone.waitFor();
    await shot("report-disconnected");
    await page.unroute("**/api/v1/**");
    await gone.waitFor({ state: "detached" });
    await page.goto(`${base}#/new`);
    await page.getByText("It could not be checked").waitFor();  // the sample plans nothing
    const silent = page.getByText("The server does not answer");
    assert.equal(await silent.count(), 0);
    await page.route("**/api/v1/**", (route) => route.abort());
    await silent.waitFor();
    await shot("form-disconnected");
    await page.unroute("**/api/v1/**");
    await silent.waitFor({ state: "detached" });
    await gone.waitFor({ state: "detached" });
    complaints.length = 0;  // the browser logs each request that fails
  });

  await check("an unknown id says so", async () => {
    await page.goto(`${base}#/sweep/ffffffff`);
    await page.getByText("Not in this store").waitFor();
    complaints.length = 0;  // the browser logs the 404 itself
  });

  await page.goto(`${base}#/sweep/${ids.running}/configs`);
  await page.locator("tbody tr").first().waitFor();
  server.removeAllListeners("exit");
  const ended = new Promise((resolve) => server.on("exit", resolve));
  server.stdin.end("\n");
  await ended;
  await page.getByText(/No answer; showing what was known at/).waitFor();
  assert.equal(await page.locator("tbody tr").count(), 9);
  await shot("stale");
  console.log("ok: when the server ends, what was known stays and is marked stale");
} catch (error) {
  failed = true;
  console.error(error);
} finally {
  await browser.close();
  server.kill();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
