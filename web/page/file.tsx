// The file of a sweep: to read, copy, compare with another, change and submit again.
import { useState } from "preact/hooks";

import type { SweepDetail, SweepList } from "./api";
import { copy, save } from "./cells";
import { hasToken } from "./fetch";
import { Empty, Shown } from "./parts";
import { usePoll } from "./poll";
import { changed, go, to } from "./route";
import { keepDraft } from "./submit";

export function FileTab({ sweep, query, control }: { sweep: SweepDetail; query: URLSearchParams; control: boolean }) {
  const [said, setSaid] = useState("");
  const sweeps = usePoll<SweepList>("sweeps", 0);
  const against = query.get("against");
  const here = ["sweep", sweep.id, "file"];
  const others = sweeps.data?.sweeps.filter((one) => one.id !== sweep.id) ?? [];
  if (!sweep.yaml) return <Empty title="The sweep file was not kept" />;
  return (
    <section aria-label="Sweep file">
      <div class="bar">
        <span>
          {control && hasToken() && <button type="button" onClick={() => { keepDraft(sweep.yaml); go(to(["new"], { dataset: sweep.dataset.fingerprint.slice(0, 12) })); }}>Edit and submit again</button>}{" "}
          <button type="button" onClick={() => void copy(sweep.yaml).then(() => setSaid("Copied"), () => setSaid("The browser does not let the page copy"))}>Copy</button>{" "}
          <button type="button" onClick={() => save(new Blob([sweep.yaml], { type: "application/yaml" }), `${sweep.name.replace(/[^\w.-]+/g, "-")}.yaml`)}>Download</button>{" "}
          <span class="small" role="status">{said}</span>
        </span>
        {others.length > 0 && (
          <label>
            Differences from{" "}
            <select value={against ?? ""} onChange={(event) => go(to(here, changed(query, { against: event.currentTarget.value || null })))}>
              <option value="">no other sweep</option>
              {others.map((one) => <option key={one.id} value={one.id}>{one.name} · {one.id}</option>)}
            </select>
          </label>
        )}
      </div>
      {against ? <Difference from={against} to={sweep.yaml} /> : <pre class="file" tabIndex={0} aria-label="Text of the sweep file">{sweep.yaml.replace(/\n$/, "").split("\n").map((line, i) => <Line key={i} of={line} />)}</pre>}
    </section>
  );
}

/** Its key and its comment stand out; its number is drawn by the style, so that no copy holds it. */
function Line({ of }: { of: string }) {
  const [, before = "", key = "", rest = "", comment = ""] = /^(\s*(?:- )?)([\w.-]+(?=:(?:\s|$)))?((?:[^#]|\S#)*)(.*)$/.exec(of) ?? [];
  return <span class="line">{before}{key && <span class="key">{key}</span>}{rest}{comment && <span class="comment">{comment}</span>}{"\n"}</span>;
}

function Difference({ from, to: text }: { from: string; to: string }) {
  const polled = usePoll<SweepDetail>(`sweeps/${from}`, 0);
  return (
    <Shown polled={polled} rows={8}>
      {(other) => {
        const lines = differences(other.yaml.split("\n"), text.split("\n"));
        return (
          <>
            <pre class="file diff" tabIndex={0} aria-label={`Differences from ${other.name}`}>
              {lines.map(({ sign, line }, i) => <span key={i} class={sign === "+" ? "added" : sign === "-" ? "removed" : undefined}>{`${sign} ${line}\n`}</span>)}
            </pre>
            <p class="legend">+ only in this file, − only in that of {other.name}. {lines.every(({ sign }) => sign === " ") && "They are the same."}</p>
          </>
        );
      }}
    </Shown>
  );
}

/** Lines of both by their longest common subsequence. */
function differences(from: string[], until: string[]): { sign: " " | "+" | "-"; line: string }[] {
  const width = until.length + 1;
  const longest = new Uint16Array((from.length + 1) * width);  // of what is left from [i, j] on
  for (let i = from.length - 1; i >= 0; --i) {
    for (let j = until.length - 1; j >= 0; --j) {
      longest[i * width + j] = from[i] === until[j] ? longest[(i + 1) * width + j + 1]! + 1 : Math.max(longest[(i + 1) * width + j]!, longest[i * width + j + 1]!);
    }
  }
  const lines: { sign: " " | "+" | "-"; line: string }[] = [];
  for (let i = 0, j = 0; i < from.length || j < until.length;) {
    if (i < from.length && j < until.length && from[i] === until[j]) {
      lines.push({ sign: " ", line: from[i]! });
      ++i;
      ++j;
    } else if (j >= until.length || (i < from.length && longest[(i + 1) * width + j]! >= longest[i * width + j + 1]!)) {
      lines.push({ sign: "-", line: from[i++]! });
    } else {
      lines.push({ sign: "+", line: until[j++]! });
    }
  }
  return lines;
}
