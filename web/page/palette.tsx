// Commands by name: / or Ctrl-K opens it, Escape closes it and returns the focus.
import { useEffect, useRef, useState } from "preact/hooks";

import type { SweepList } from "./api";
import { usePoll } from "./poll";
import { go, to, useRoute } from "./route";
import { toggleTheme } from "./theme";

interface Command {
  label: string;
  run: () => void;
}

const kTabs: [string, string][] = [
  ["Overview", "overview"],
  ["Configs", "configs"],
  ["Trials", "trials"],
  ["Sweep file", "file"],
];
const kShown = 12;

/** All words of `text` are in `label`. */
const fits = (label: string, text: string) => text.toLowerCase().split(/\s+/).every((word) => label.toLowerCase().includes(word));

export function Palette({ views }: { views: [string, string][] }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [open, setOpen] = useState(false);
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const { parts } = useRoute();
  const sweeps = usePoll<SweepList>(open ? "sweeps" : null, 0).data?.sweeps ?? [];

  const show = () => {
    if (dialog.current?.open) return;
    setText("");
    setAt(0);
    setOpen(true);
    dialog.current?.showModal();
  };
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      const typing = event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable]");
      const slash = event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey;
      if (!slash && !(event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey))) return;
      event.preventDefault();
      show();
    };
    window.addEventListener("keydown", key);
    return () => window.removeEventListener("keydown", key);
  }, []);

  const link = (label: string, address: string): Command => ({ label, run: () => go(address) });
  const id = text.trim().toLowerCase();
  const all: Command[] = [
    ...(parts[0] === "sweep" && parts[1] ? kTabs.map(([label, tab]) => link(`This sweep: ${label}`, to(["sweep", parts[1]!, tab]))) : []),
    ...views.map(([label, address]) => link(label, address)),
    ...sweeps.map((sweep) => link(`Sweep ${sweep.name}`, to(["sweep", sweep.id]))),
    link("Token", to(["token"])),
    { label: "Light or dark", run: toggleTheme },
  ];
  const found = all.filter((command) => fits(command.label, text));
  if (/^[0-9a-f]{4,64}$/.test(id)) found.push(link(`Trial ${id}`, to(["trial", id])));
  const shown = found.slice(0, kShown);
  const chosen = Math.min(at, Math.max(0, shown.length - 1));
  const run = (command: Command | undefined) => {
    if (!command) return;
    dialog.current?.close();
    command.run();
  };
  return (
    <>
      <button type="button" class="quiet" title="Commands: / or Ctrl-K" onClick={show}>Go to</button>
      <dialog
        ref={dialog}
        class="palette"
        aria-label="Commands"
        onClose={() => setOpen(false)}
        onClick={(event) => event.target === dialog.current && dialog.current?.close()}
      >
        <input
          type="text"
          role="combobox"
          aria-label="Command, sweep, or id of a trial"
          placeholder="Page, sweep, or id of a trial"
          aria-expanded="true"
          aria-controls="palette-list"
          aria-activedescendant={shown.length ? `palette-${chosen}` : undefined}
          spellcheck={false}
          autocomplete="off"
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value);
            setAt(0);
          }}
          onKeyDown={(event) => {
            const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
            if (step === 0 && event.key !== "Enter") return;
            event.preventDefault();
            if (step === 0) run(shown[chosen]);
            else if (shown.length) setAt((chosen + step + shown.length) % shown.length);
          }}
        />
        <ul id="palette-list" role="listbox" aria-label="Commands">
          {shown.map((command, i) => (
            <li key={command.label} id={`palette-${i}`} role="option" aria-selected={i === chosen} onClick={() => run(command)}>{command.label}</li>
          ))}
        </ul>
        {shown.length === 0 && <p class="small">Nothing is called that.</p>}
      </dialog>
    </>
  );
}
