// The one way to ask the API; api.ts, generated from openapi.json, has the shapes of its answers. Addresses are relative:
// a proxy may serve the page below any path.
import type { Access, Computing, Health, Making, Session } from "./api";

/** What the server answered when it could not do what was asked. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** It is being computed: ask again. */
export class NotYet extends Error {
  constructor(readonly making: Making) {
    super("computing");
  }
}

/** Shown until a cookie stands for it; kept only where the browser takes no cookies. */
let token: string | null = null;
let access: Access = "nothing";

/** The printed address carries the token once, after #, which no server sees; a cookie stands for it from then on. */
export async function start(): Promise<void> {
  const given = /^#token=([^&]+)$/.exec(location.hash)?.[1];
  try {
    if (given) {
      history.replaceState(null, "", location.pathname + location.search);
      await login(decodeURIComponent(given));
    } else {
      access = (await get<Health>("healthz")).access;
    }
  } catch {
    // What is asked next says it.
  }
}

/** Throws Refusal where it is no token of the server. */
export async function login(given: string): Promise<void> {
  token = given;
  try {
    const session = await change<Session>("login", {});
    token = null;
    access = (await get<Health>("healthz")).access;
    if (access !== session.access) [token, access] = [given, session.access];
  } catch (refusal) {
    token = null;
    throw refusal;
  }
}

export async function logout(): Promise<void> {
  await post("logout");
}

/** Whether this browser may change anything. */
export function hasToken(): boolean {
  return access === "control";
}

async function send(path: string, init: RequestInit): Promise<Response> {
  const headers = new Headers(init.headers);
  if (token) headers.set("Authorization", `Bearer ${token}`);
  let response: Response;
  try {
    response = await fetch(`api/v1/${path}`, { ...init, headers, cache: "no-cache" });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refusal(0, "The server does not answer. It may have ended: start it again with medley serve.");
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

/** Throws NotYet where the server computes it still. */
export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await send(path, { headers: { Prefer: "respond-async" }, ...(signal ? { signal } : {}) });
  if (response.status === 202) throw new NotYet(((await response.json()) as Computing).computing);
  return (await response.json()) as T;
}

/** What a refused change says beside its error: the errors of a sweep file. */
export async function change<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const headers = { "Content-Type": "application/json" };
  const response = await send(path, { method: "POST", body: JSON.stringify(body), headers, ...(signal ? { signal } : {}) });
  return (await response.json()) as T;
}

/** A change without a body. */
export async function post(path: string, method: "POST" | "DELETE" = "POST"): Promise<string> {
  return ((await (await send(path, { method })).json()) as { message: string }).message;
}

/** Fetched and handed over as a file, so that a refusal is shown on the page. */
export async function download(path: string, name: string): Promise<void> {
  const blob = await (await send(path, {})).blob();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
