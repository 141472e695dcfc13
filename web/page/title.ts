// The tab's title, in words.
import { useEffect } from "preact/hooks";

const kProgram = "Medley";

export function useTitle(text: string | null): void {
  useEffect(() => {
    if (text !== null) document.title = `${text} · ${kProgram}`;
  }, [text]);
}
