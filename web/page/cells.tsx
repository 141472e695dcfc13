// The values of a chart as a table: beneath it, and as LaTeX and Markdown on the clipboard. What leaves the page: copies,
// files.
import { useState } from "preact/hooks";

import { pick } from "./report";
import { Scroll } from "./table";

export interface Cells {
  head: string[];
  /** As printed; the first of each row names it. */
  rows: string[][];
}

const kLatex: Record<string, string> = {
  "\\": "\\textbackslash{}", "&": "\\&", "%": "\\%", $: "\\$", "#": "\\#", _: "\\_", "{": "\\{", "}": "\\}",
  "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "\u2212": "$-$", "\u2013": "--", "\u00b1": "$\\pm$",
};

/** With booktabs; `caption` says what it is. */
export function latexOf({ head, rows }: Cells, caption: string): string {
  const text = (cell: string) => cell.replace(/[\\&%$#_{}~^\u2212\u2013\u00b1]/g, (one) => kLatex[one]!);
  const line = (cells: string[]) => `${cells.map(text).join(" & ")} \\\\\n`;
  return `\\begin{table}\n\\caption{${text(caption)}}\n\\begin{tabular}{l${"r".repeat(head.length - 1)}}\n\\toprule\n${line(head)}\\midrule\n${rows.map(line).join("")}\\bottomrule\n\\end{tabular}\n\\end{table}\n`;
}

export function markdownOf({ head, rows }: Cells, caption: string): string {
  const line = (cells: string[]) => `| ${cells.map((cell) => cell.replace(/[\\|]/g, "\\$&")).join(" | ")} |\n`;
  return `${caption}\n\n${line(head)}${line(head.map((_, i) => (i === 0 ? "---" : "---:")))}${rows.map(line).join("")}`;
}

/** The clipboard of pages without TLS is a selection that is copied. */
export async function copy(text: string): Promise<void> {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

export function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export function CellRows({ cells }: { cells: Cells }) {
  return (
    <table>
      <thead><tr>{cells.head.map((text, i) => <th key={i} scope="col" class={i === 0 ? undefined : "number"}>{text}</th>)}</tr></thead>
      <tbody>
        {cells.rows.map((row, k) => (
          <tr key={k}>{row.map((text, i) => (i === 0 ? <th key={i} scope="row">{text}</th> : <td key={i} class="number">{text}</td>))}</tr>
        ))}
      </tbody>
    </table>
  );
}

export function CellTable({ cells, caption }: { cells: Cells; caption: string }) {
  const [said, setSaid] = useState("");
  const [open, setOpen] = useState(false);  // rows that nobody looks at are not made
  const button = (label: string, text: () => string) => (
    <button type="button" class="quiet" onClick={() => void copy(text()).then(() => setSaid("Copied"), () => setSaid("The browser does not let the page copy"))}>{label}</button>
  );
  return (
    <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>As a table</summary>
      <span class="save">
        {button("Copy as LaTeX", () => latexOf(cells, caption))}
        {button("Copy as Markdown", () => markdownOf(cells, caption))}
        <button type="button" class="quiet" onClick={() => setSaid(pick({ title: caption, cells }))}>Add to the report</button>
        <span class="small" role="status">{said}</span>
      </span>
      {open && <Scroll label={caption}>
        <CellRows cells={cells} />
      </Scroll>}
    </details>
  );
}
