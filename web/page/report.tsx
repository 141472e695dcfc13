// A report: charts and tables that were picked on other pages, with Markdown between them. It stays in this browser, and
// leaves it as one HTML file.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { CellRows, save } from "./cells";
import type { Cells } from "./cells";
import { Empty } from "./parts";
import { time } from "./text";

const kKey = "medley-report";

type Item =
  | { kind: "text"; text: string }
  | { kind: "chart"; title: string; about: string; svg: string }
  | { kind: "table"; title: string; about: string; cells: Cells };

interface Report {
  title: string;
  items: Item[];
}

const watchers = new Set<() => void>();

function load(): Report {
  try {
    const { title, items } = JSON.parse(localStorage.getItem(kKey) ?? "") as Report;
    return { title, items };
  } catch {
    return { title: "Report", items: [] };
  }
}

/** What was wrong, or "". */
function keep(report: Report): string {
  try {
    localStorage.setItem(kKey, JSON.stringify(report));
  } catch {
    return "The browser keeps no more: save the report as a file, and remove parts of it";
  }
  for (const watcher of watchers) watcher();
  return "";
}

/** Adds it behind what is there; what to say of it. */
export function pick(item: { title: string } & ({ svg: string } | { cells: Cells })): string {
  const about = document.title.replace(/ · Medley$/, "");
  const picked: Item = "svg" in item ? { kind: "chart", about, ...item } : { kind: "table", about, ...item };
  const report = load();
  return keep({ ...report, items: [...report.items, picked] }) || "In the report";
}

function useReport(): Report {
  const [report, set] = useState(load);
  useEffect(() => {
    const changed = () => set(load());
    watchers.add(changed);
    window.addEventListener("storage", changed);  // of another tab
    return () => {
      watchers.delete(changed);
      window.removeEventListener("storage", changed);
    };
  }, []);
  return report;
}

export function ReportView() {
  const report = useReport();
  const { title, items } = report;
  const [error, setError] = useState("");
  const article = useRef<HTMLElement>(null);
  const set = (changes: Partial<Report>) => setError(keep({ ...report, ...changes }));
  const replace = (at: number, ...by: Item[]) => set({ items: items.flatMap((item, i) => (i === at ? by : [item])) });
  const move = (at: number, by: number) => {
    const next = [...items];
    next.splice(at + by, 0, ...next.splice(at, 1));
    set({ items: next });
  };
  const text = { kind: "text" as const, text: "" };
  return (
    <section aria-label="Report">
      <h1>Report</h1>
      <div class="bar">
        <label>Title <input type="text" value={title} onInput={(event) => set({ title: event.currentTarget.value })} /></label>
        <span>
          <button type="button" onClick={() => set({ items: [...items, text] })}>Add text</button>{" "}
          <button type="button" class="primary" disabled={items.length === 0} onClick={() => save(new Blob([fileOf(title, article.current!.innerHTML)], { type: "text/html" }), `${title.replace(/[^\w.-]+/g, "-") || "report"}.html`)}>Save as one HTML file</button>
        </span>
        {error && <span class="bad" role="alert">{error}</span>}
      </div>
      {items.length === 0 && (
        <Empty title="Nothing has been picked yet">
          <p>Each chart has a button <em>Report</em>, and each table beneath a chart has one, too. What is picked appears here, and stays in this browser.</p>
        </Empty>
      )}
      <ol class="parts">
        {items.map((item, i) => (
          <li key={i}>
            <div class="bar">
              <span class="small">{item.kind === "text" ? "Text, in Markdown" : `${item.kind === "chart" ? "Chart" : "Table"}: ${item.title}`}</span>
              <span class="right">
                <button type="button" class="quiet" disabled={i === 0} aria-label={`Move part ${i + 1} up`} onClick={() => move(i, -1)}>↑</button>
                <button type="button" class="quiet" disabled={i === items.length - 1} aria-label={`Move part ${i + 1} down`} onClick={() => move(i, 1)}>↓</button>
                <button type="button" class="quiet" aria-label={`Text above part ${i + 1}`} onClick={() => replace(i, text, item)}>Text above</button>
                <button type="button" class="quiet" aria-label={`Remove part ${i + 1}`} onClick={() => replace(i)}>Remove</button>
              </span>
            </div>
            {item.kind === "text" && (
              <textarea aria-label={`Text of part ${i + 1}`} rows={Math.max(3, item.text.split("\n").length + 1)} value={item.text} onInput={(event) => replace(i, { ...item, text: event.currentTarget.value })} />
            )}
          </li>
        ))}
      </ol>
      {items.length > 0 && <h2>As it will be saved</h2>}
      <article ref={article} class="report on-paper">
        {items.length > 0 && <h1>{title}</h1>}
        {items.map((item, i) => {
          if (item.kind === "text") return <div key={i}>{markdown(item.text)}</div>;
          return (
            <figure key={i}>
              {item.kind === "chart" ? <img alt={`${item.title}, ${item.about}`} src={`data:image/svg+xml;base64,${base64(item.svg)}`} /> : (
                <>
                  <figcaption>{item.title} <span>{item.about}</span></figcaption>
                  <CellRows cells={item.cells} />
                </>
              )}
            </figure>
          );
        })}
      </article>
    </section>
  );
}

const base64 = (text: string) => btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(""));

/** The body is what the page shows, which the browser has escaped. */
function fileOf(title: string, body: string): string {
  const escaped = title.replace(/[&<>]/g, (one) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[one]!);
  const style = "body{font:15px/1.5 system-ui,sans-serif;max-width:960px;margin:32px auto;padding:0 16px;color:#1b1f24}img{max-width:100%}figure{margin:24px 0}figcaption{font-weight:600}figcaption span{font-weight:400;color:#5b6570}"
    + "table{border-collapse:collapse;font-size:13px}th,td{text-align:left;padding:4px 10px;border-bottom:1px solid #d5d9de;font-weight:400}.number{text-align:right}footer{color:#5b6570;font-size:12px;margin-top:48px}";
  return `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'"><title>${escaped}</title><style>${style}</style></head>\n<body>${body}<footer>Medley, ${time(Date.now())}</footer></body></html>\n`;
}

const kInline = /`([^`]+)`|\*\*([^*]+)\*\*|\*([^*]+)\*|\[([^\]]+)\]\((https?:\/\/[^)\s]+)\)/g;

/** `code`, **strong**, *emphasis* and [links](https://...). */
function inline(text: string): ComponentChildren[] {
  const parts: ComponentChildren[] = [];
  let from = 0;
  for (const found of text.matchAll(kInline)) {
    const [whole, code, strong, emphasis, label, address] = found;
    parts.push(text.slice(from, found.index), code ? <code>{code}</code> : strong ? <strong>{strong}</strong> : emphasis ? <em>{emphasis}</em> : <a href={address}>{label}</a>);
    from = found.index + whole.length;
  }
  return [...parts, text.slice(from)];
}

/** Headings, lists and paragraphs: what a report needs of Markdown. */
function markdown(text: string): ComponentChildren[] {
  return text.split(/\n\s*\n/).filter((block) => block.trim()).map((block) => {
    const lines = block.trim().split("\n");
    const heading = /^(#{1,3}) (.*)$/.exec(lines[0]!);
    if (heading && lines.length === 1) {
      const Level = (["h2", "h2", "h3"] as const)[heading[1]!.length - 1]!;
      return <Level>{inline(heading[2]!)}</Level>;
    }
    if (lines.every((line) => /^[-*] /.test(line))) return <ul>{lines.map((line, i) => <li key={i}>{inline(line.slice(2))}</li>)}</ul>;
    return <p>{inline(lines.join(" "))}</p>;
  });
}
