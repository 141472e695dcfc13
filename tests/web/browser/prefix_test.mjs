// The page in a real Chromium behind Debian's nginx, which takes prefixes away as JupyterHub and Open OnDemand do:
//   node prefix_test.mjs NODE_MODULES SERVE_PROGRAM DOCS_PROXIES_MD [SCREENSHOT_FOLDER]
// Ends with 77 (skipped) where there is no Chromium, nginx or openssl.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launch, skip, watch } from "./chromium.mjs";

const [modules, program, document, shots] = process.argv.slice(2);
const nginx = ["/usr/sbin/nginx", "/usr/bin/nginx"].find(existsSync);
if (!nginx || spawnSync("openssl", ["version"]).status !== 0) skip("no nginx or no openssl here (apt install nginx-light openssl)");
const browser = await launch(modules, ["--host-resolver-rules=MAP hub.example.org 127.0.0.1"]);

const freePort = () =>
  new Promise((resolve) => {
    const one = createServer().listen(0, "127.0.0.1", () => {
      const { port } = one.address();
      one.close(() => resolve(port));
    });
  });
const port = await freePort();
const hub = `hub.example.org:${port}`;

const folder = mkdtempSync(join(tmpdir(), "medley-prefix-"));
const server = spawn(program, [join(folder, "store"), "0", "secret", hub], { stdio: ["pipe", "pipe", "inherit"] });
const backend = await new Promise((resolve, reject) => {
  let text = "";
  server.stdout.on("data", (data) => {
    text += data;
    const found = /http:\/\/127\.0\.0\.1:(\d+)\//.exec(text);
    if (found) resolve(found[1]);
  });
  server.on("exit", (code) => reject(new Error(`the server ended with ${code}`)));
});

// The document's location, and one as of a portal that puts the node's name in the place of the browser's.
const documented = /```nginx\n([^]*?)```/.exec(readFileSync(document, "utf8"))[1].replaceAll("127.0.0.1:8642", `127.0.0.1:${backend}`);
assert.ok(documented.includes("location /user/ann/proxy/8642/ {"), documented);
spawnSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=hub.example.org", "-keyout", join(folder, "key"), "-out", join(folder, "crt")]);
const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join("\n");
writeFileSync(
  join(folder, "nginx.conf"),
  `daemon off;\npid ${folder}/pid;\nerror_log ${folder}/error.log;\nevents {}\nhttp {\naccess_log ${folder}/access.log;\n${temporary}
server {
  listen 127.0.0.1:${port} ssl;
  ssl_certificate ${folder}/crt;
  ssl_certificate_key ${folder}/key;
  ${documented}
  location /rnode/node07/8642/ {
    proxy_pass http://127.0.0.1:${backend}/;
    proxy_set_header Host 127.0.0.1:${backend};
  }
}
}\n`,
);
const front = spawn(nginx, ["-p", folder, "-c", join(folder, "nginx.conf")], { stdio: "inherit" });
const answers = () =>
  new Promise((resolve) => {
    const one = connect(port, "127.0.0.1", () => resolve(one.end() && true)).on("error", () => resolve(false));
  });
while (!(await answers())) {
  assert.equal(front.exitCode, null, "nginx ended");
  await new Promise((resolve) => setTimeout(resolve, 50));
}

let failed = false;
try {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme: "light", ignoreHTTPSErrors: true });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const { shot, check } = watch(page, shots, (text) => text.includes("401 (Unauthorized)") || text.includes("409 (Conflict)"));
  const asked = [];
  context.on("request", (request) => asked.push(request.url()));
  const address = (prefix) => `https://${hub}${prefix}`;
  const mayChange = (tab) => tab.getByRole("link", { name: "New sweep" });
  const ann = address("/user/ann/proxy/8642/");
  const node = address("/rnode/node07/8642/");

  await check("through a proxy nothing is shown without a token, and there is a field for it", async () => {
    await page.goto(ann);
    await page.getByText("A token is needed").first().waitFor();
    await shot("token-needed");
    await page.getByLabel("Token").first().fill("wrong");
    await page.keyboard.press("Enter");
    await page.getByText("This is not the token of this server.").waitFor();
    await page.getByLabel("Token").first().fill("secret");
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: "top-n by learning rate" }).waitFor();
    await mayChange(page).waitFor();
  });

  await check("the token is in a cookie that scripts cannot read and that goes to this server alone", async () => {
    const cookies = await context.cookies(`${ann}api/v1/sweeps`);
    assert.equal(cookies.length, 1);
    const { name, value, httpOnly, sameSite, secure, path } = cookies[0];
    assert.match(name, /^medley-[0-9a-f]{12}$/);
    assert.ok(!value.includes("secret"));
    assert.deepEqual([httpOnly, sameSite, secure, path], [true, "Strict", true, "/user/ann/proxy/8642/api/v1"]);
    assert.deepEqual(await context.cookies(`${node}api/v1/sweeps`), []);
    assert.equal(await page.evaluate(() => document.cookie + JSON.stringify(sessionStorage) + JSON.stringify(localStorage)), "{}{}");
  });

  await check("a new tab may change as well, and the coordinator hears it", async () => {
    const tab = await context.newPage();
    await tab.goto(ann);
    await mayChange(tab).waitFor();
    await tab.getByRole("link", { name: "top-n by learning rate" }).click();
    await tab.getByRole("button", { name: "Retry failed trials" }).click();
    await tab.getByText("a sample changes nothing").waitFor();
    await tab.close();
  });

  await check("all views work below the prefix", async () => {
    for (const view of ["Ensembles", "Workers", "Sweeps"]) {
      await page.getByRole("navigation", { name: "Views" }).getByRole("link", { name: view, exact: true }).click();
      await page.locator("table").first().waitFor();
    }
    assert.equal(await page.evaluate(() => fetch(document.querySelector("footer a").href).then((answer) => answer.status)), 200);
  });

  await check("another prefix has a login of its own, by the printed address", async () => {
    await page.goto(node);
    await page.getByRole("link", { name: "Read only" }).waitFor();
    assert.equal(await mayChange(page).count(), 0);
    await page.goto(`${node}#token=secret`);
    await page.reload();  // the first goto changed only what follows #
    await mayChange(page).waitFor();
    assert.ok(!page.url().includes("secret"), page.url());
    await page.goto("about:blank");
    await page.goto(`${node}#/token`);
    await page.getByText("may read and make changes").waitFor();
    await shot("token");
    await page.getByRole("button", { name: "Forget the token" }).click();
    await page.getByText("may read, and change nothing").waitFor();
  });

  await check("no request left its prefix, and no log has the token", async () => {
    for (const url of asked.filter((one) => one.startsWith("http"))) assert.ok(url.startsWith(ann) || url.startsWith(node), url);
    const log = readFileSync(join(folder, "access.log"), "utf8");
    assert.ok(log.includes("/user/ann/proxy/8642/api/v1/login"), log);
    assert.ok(!log.includes("secret"));
  });
} catch (error) {
  failed = true;
  console.error(error);
} finally {
  await browser.close();
  front.kill();
  server.removeAllListeners("exit");
  server.stdin.end();
  await new Promise((resolve) => (front.exitCode === null && front.signalCode === null ? front.on("exit", resolve) : resolve()));
  rmSync(folder, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
