// The view and everything chosen in it is in the address: #/sweep/ID/leaderboard?order=held_out_score
import { useLayoutEffect, useState } from "preact/hooks";

export interface Route {
  parts: string[];
  query: URLSearchParams;
}

function current(): Route {
  const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  let parts: string[];
  try {
    parts = path.split("/").filter(Boolean).map(decodeURIComponent);
  } catch {
    parts = ["?"];
  }
  return { parts, query: new URLSearchParams(query) };
}

export function useRoute(): Route {
  const [route, set] = useState(current);
  // Before anything else can run: an address that is followed between the first paint and an effect would be lost.
  useLayoutEffect(() => {
    let shown = current().parts.join("/");
    const changed = () => {
      const next = current();
      set(next);
      // A choice within a view must not move it.
      if (next.parts.join("/") !== shown) window.scrollTo(0, 0);
      shown = next.parts.join("/");
    };
    window.addEventListener("hashchange", changed);
    return () => window.removeEventListener("hashchange", changed);
  }, []);
  return route;
}

export type Choices = Record<string, string | number | null | undefined>;

/** Address of a view. Empty query values are left out. */
export function to(parts: string[], query: Choices = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") search.set(name, String(value));
  }
  const tail = search.toString();
  return `#/${parts.map(encodeURIComponent).join("/")}${tail ? `?${tail}` : ""}`;
}

/** The choices of an address with some of them changed. */
export function changed(query: URLSearchParams, changes: Choices): Choices {
  return { ...Object.fromEntries(query), ...changes };
}

/** Goes to an address; "replace" for what is typed letter by letter, so that Back leaves the view. */
export function go(address: string, how: "push" | "replace" = "push"): void {
  if (how === "push") location.hash = address;
  else {
    history.replaceState(null, "", address);
    window.dispatchEvent(new HashChangeEvent("hashchange"));
  }
}
