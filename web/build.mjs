// Bundles page/ and writes what the program embeds: node build.mjs OUT_DIR
//   OUT_DIR/assets/...   the files as they are sent (gzip, except index.html)
//   OUT_DIR/assets.cpp   the table of them for web/assets.h
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";

import { build } from "esbuild";

const out = resolve(process.argv[2] ?? "out");
const folder = join(out, "assets");
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

const bundle = await build({
  entryPoints: { app: "page/main.tsx" },
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022"],
  jsx: "automatic",
  jsxImportSource: "preact",
  loader: { ".yaml": "text" },
  legalComments: "eof",
  outdir: folder,
  write: false,
  logLevel: "warning",
});

const types = { html: "text/html; charset=utf-8", js: "text/javascript; charset=utf-8",
                css: "text/css; charset=utf-8", svg: "image/svg+xml" };
const files = [
  ...bundle.outputFiles.map((file) => ({ name: file.path.slice(folder.length + 1), bytes: file.contents })),
  { name: "index.html", bytes: readFileSync("page/index.html") },
  { name: "icon.svg", bytes: readFileSync("page/icon.svg") },
].sort((a, b) => (a.name < b.name ? -1 : 1));

let data = "";
let rows = "";
files.forEach(({ name, bytes }, index) => {
  const gzip = name !== "index.html";
  const sent = gzip ? gzipSync(bytes, { level: 9 }) : bytes;
  const path = join(folder, name);
  writeFileSync(path, sent);
  const etag = createHash("sha256").update(bytes).digest("hex").slice(0, 16);
  const type = types[name.split(".").pop()];
  data += `__asm__(".section .rodata\\n.balign 16\\nmedley_asset_${index}:\\n.incbin ${JSON.stringify(JSON.stringify(path)).slice(1, -1)}\\n`
        + `medley_asset_${index}_end:\\n.byte 0\\n.previous\\n");\n`
        + `extern "C" const char medley_asset_${index}[], medley_asset_${index}_end[];\n`;
  rows += `    {"/${name}", "${type}", "\\"${etag}\\"", ${gzip}, {medley_asset_${index}, `
        + `static_cast<std::size_t>(medley_asset_${index}_end - medley_asset_${index})}},\n`;
});
writeFileSync(join(out, "assets.cpp"), `// Written by web/build.mjs.
#include "web/assets.h"

${data}
namespace medley::web {
const std::vector<Asset>& assets() {
  static const std::vector<Asset> all{
${rows}  };
  return all;
}
}  // namespace medley::web
`);
