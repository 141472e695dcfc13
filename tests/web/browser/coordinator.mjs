// A real `medley run` or `medley serve` for the tests in a browser.
import { spawn } from "node:child_process";

/** Starts it; its dashboard's address, with the token, and the same without. */
export async function start(medley, args) {
  const run = spawn(medley, args, { stdio: ["ignore", "pipe", "pipe"] });
  const address = await new Promise((resolve, reject) => {
    let text = "";
    for (const output of [run.stdout, run.stderr]) {
      output.on("data", (more) => {
        text += more;
        const found = /dashboard: (\S+)/.exec(text);
        if (found) resolve(found[1]);
      });
    }
    run.on("exit", (code) => reject(new Error(`medley ended with ${code}: ${text}`)));
  });
  return { run, address, base: address.replace(/#.*/, "") };
}

/** As by two Ctrl-C. */
export async function stop(run) {
  run.removeAllListeners("exit");
  const ended = new Promise((resolve) => (run.exitCode === null ? run.on("exit", resolve) : resolve()));
  run.kill("SIGINT");
  run.kill("SIGINT");
  await ended;
}
