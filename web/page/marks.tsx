// What people noted of a config: a pin, tags and a note, the same in every sweep that has it.
import { useState } from "preact/hooks";

import type { LeaderboardRow } from "./api";
import { change, Refusal } from "./fetch";

const tagsOf = (text: string) => text.split(",").map((tag) => tag.trim()).filter(Boolean);

/** A line each, for where nothing but text can stand. */
export function markLines({ pinned, tags, note }: LeaderboardRow): string[] {
  const short = note.length > 90 ? `${note.slice(0, 89)}…` : note;
  return [...(pinned ? ["★ pinned"] : []), ...(tags.length ? [`tags: ${tags.join(", ")}`] : []), ...(note ? [short] : [])];
}

function useMark(config: string, again: (() => void) | null) {
  const [error, setError] = useState("");
  const save = async (what: { pinned?: boolean; note?: string; tags?: string[] }) => {
    try {
      await change(`configs/${config}/mark`, what);
      setError("");
      again?.();
      return true;
    } catch (failure) {
      setError(failure instanceof Refusal ? failure.message : String(failure));
      return false;
    }
  };
  return { error, save };
}

/** `again` null: to look at only. */
export function Pin({ row, again }: { row: LeaderboardRow; again: (() => void) | null }) {
  const { error, save } = useMark(row.config, again);
  if (!again) return row.pinned ? <span class="pin" title="Pinned: stands first in every order"> ★</span> : null;
  return (
    <>
      <button
        type="button"
        class={row.pinned ? "quiet pin" : "quiet row-action pin"}
        aria-pressed={row.pinned}
        aria-label={`Pin ${row.name}`}
        title={row.pinned ? "Pinned: stands first in every order" : "Pin: stand first in every order"}
        onClick={() => void save({ pinned: !row.pinned })}
      >
        {row.pinned ? "★" : "☆"}
      </button>
      {error && <span class="bad small" role="alert">{error}</span>}
    </>
  );
}

export function MarkLabels({ row }: { row: LeaderboardRow }) {
  if (row.tags.length === 0 && !row.note) return null;
  return (
    <span class="marks">
      {row.tags.map((tag) => <span key={tag} class="label">{tag}</span>)}
      {row.note && <span class="small note-text" title={row.note}>{row.note}</span>}
    </span>
  );
}

export function MarkForm({ row, again }: { row: LeaderboardRow; again: () => void }) {
  const { error, save } = useMark(row.config, again);
  const [said, setSaid] = useState("");
  return (
    <form
      class="form"
      onSubmit={async (event) => {
        event.preventDefault();
        const form = new FormData(event.currentTarget);
        setSaid("");
        if (await save({ tags: tagsOf(String(form.get("tags"))), note: String(form.get("note")).trim() })) setSaid("Saved");
      }}
    >
      <label>Tags <input name="tags" defaultValue={row.tags.join(", ")} placeholder="separated by commas" /></label>
      <label class="grows">Note <input name="note" defaultValue={row.note} maxLength={2000} /></label>
      <button type="submit">Save</button>
      <span class={error ? "bad small" : "small"} role="status">{error || said}</span>
    </form>
  );
}
