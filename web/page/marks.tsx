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

/** `again` null: to look at only. */
export function Marks({ row, again }: { row: LeaderboardRow; again: (() => void) | null }) {
  const [editing, setEditing] = useState(false);
  const [error, setError] = useState("");
  const save = async (what: { pinned?: boolean; note?: string; tags?: string[] }) => {
    try {
      await change(`configs/${row.config}/mark`, what);
      setError("");
      setEditing(false);
      again?.();
    } catch (failure) {
      setError(failure instanceof Refusal ? failure.message : String(failure));
    }
  };
  return (
    <span class="marks">
      {again ? (
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
      ) : (
        row.pinned && <span class="pin" title="Pinned: stands first in every order">★</span>
      )}
      {again && !editing && (
        <button type="button" class="quiet row-action" title="Tags and a note" aria-label={`Tags and note of ${row.name}`} onClick={() => setEditing(true)}>
          ✎
        </button>
      )}
      {row.tags.map((tag) => <span key={tag} class="label">{tag}</span>)}
      {row.note && <span class="small note-text" title={row.note}>{row.note}</span>}
      {editing && (
        <form
          class="mark-form"
          onSubmit={(event) => {
            event.preventDefault();
            const form = new FormData(event.currentTarget);
            void save({ tags: tagsOf(String(form.get("tags"))), note: String(form.get("note")).trim() });
          }}
          onKeyDown={(event) => {
            if (event.key === "Escape") setEditing(false);
          }}
        >
          <label>Tags <input name="tags" defaultValue={row.tags.join(", ")} placeholder="separated by commas" /></label>
          <label>Note <input name="note" defaultValue={row.note} maxLength={2000} /></label>
          <button type="submit">Save</button>
          <button type="button" class="quiet" onClick={() => setEditing(false)}>Cancel</button>
        </form>
      )}
      {error && <span class="bad small" role="alert">{error}</span>}
    </span>
  );
}
