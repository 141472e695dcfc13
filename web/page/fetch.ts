// The one way to ask /api/v1; api.ts, generated from openapi.json, has the shapes of its answers.

/** What the server answered when it could not do what was asked. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

const kTokenKey = "medley-token";

/** The printed address carries the token once, after # or ?; it is kept for this tab and leaves the address bar. */
export function takeToken(): void {
  const address = new URL(location.href);
  const inHash = /^#token=([^&]+)$/.exec(address.hash);
  const token = inHash ? decodeURIComponent(inHash[1]!) : address.searchParams.get("token");
  if (!token) return;
  sessionStorage.setItem(kTokenKey, token);
  address.searchParams.delete("token");
  if (inHash) address.hash = "";
  history.replaceState(null, "", address.pathname + address.search + address.hash);
}

export function hasToken(): boolean {
  return sessionStorage.getItem(kTokenKey) !== null;
}

async function send(path: string, init: RequestInit): Promise<Response> {
  const headers = new Headers(init.headers);
  const token = sessionStorage.getItem(kTokenKey);
  if (token) headers.set("Authorization", `Bearer ${token}`);
  let response: Response;
  try {
    response = await fetch(`/api/v1/${path}`, { ...init, headers, cache: "no-cache" });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refusal(0, "The server does not answer. It may have ended: start it again with `medley serve`.");
  }
  if (response.ok || response.status === 422) return response;  // 422 carries the errors of a sweep file
  let message = `The server answered ${response.status}.`;
  try {
    message = ((await response.json()) as { error?: string }).error ?? message;
  } catch {
    // Not JSON: an answer of something between us and the server.
  }
  throw new Refusal(response.status, message);
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await (await send(path, signal ? { signal } : {})).json()) as T;
}

/** What a refused change says beside its error: the errors of a sweep file. */
export async function change<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const headers = { "Content-Type": "application/json" };
  const response = await send(path, { method: "POST", body: JSON.stringify(body), headers, ...(signal ? { signal } : {}) });
  return (await response.json()) as T;
}

export async function post(path: string): Promise<string> {
  return (await change<{ message: string }>(path, {})).message;
}

/** Fetched with the token and handed over as a file: a plain link could not carry the token. */
export async function download(path: string, name: string): Promise<void> {
  const blob = await (await send(path, {})).blob();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
