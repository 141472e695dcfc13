// Light or dark: the system's choice until the reader makes one.
import { useEffect, useState } from "preact/hooks";

export type Theme = "light" | "dark";
const kKey = "medley-theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const watchers = new Set<(theme: Theme) => void>();

function chosen(): Theme | null {
  const value = localStorage.getItem(kKey);
  return value === "light" || value === "dark" ? value : null;
}

export function theme(): Theme {
  return chosen() ?? (system.matches ? "dark" : "light");
}

function apply(): void {
  document.documentElement.dataset["theme"] = theme();
  for (const watcher of watchers) watcher(theme());
}

export function startTheme(): void {
  apply();
  system.addEventListener("change", apply);
}

export function toggleTheme(): void {
  localStorage.setItem(kKey, theme() === "dark" ? "light" : "dark");
  apply();
}

export function useTheme(): Theme {
  const [value, set] = useState(theme);
  useEffect(() => {
    watchers.add(set);
    return () => void watchers.delete(set);
  }, []);
  return value;
}
