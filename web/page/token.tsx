// Where a browser shows its token, and forgets it.
import { useState } from "preact/hooks";

import type { Health } from "./api";
import { Refusal, login, logout } from "./fetch";
import { usePoll } from "./poll";

export function TokenForm() {
  const [token, setToken] = useState("");
  const [said, setSaid] = useState("");
  const use = async () => {
    try {
      await login(token.trim());
      location.reload();
    } catch (error) {
      setSaid(error instanceof Refusal ? error.message : String(error));
    }
  };
  return (
    <form
      class="token"
      onSubmit={(event) => {
        event.preventDefault();
        void use();
      }}
    >
      <label>
        Token <input type="password" value={token} autocomplete="off" onInput={(event) => setToken(event.currentTarget.value)} />
      </label>{" "}
      <button type="submit" disabled={token.trim() === ""}>Use it</button>
      {said && <span class="said said-failed" role="status">{said}</span>}
    </form>
  );
}

const kMay = {
  nothing: "This browser may not read.",
  read: "This browser may read, and change nothing.",
  control: "This browser may read and make changes.",
};

export function TokenView() {
  const health = usePoll<Health>("healthz", 0);
  const forget = async () => {
    await logout().catch(() => undefined);
    location.reload();
  };
  return (
    <>
      <h1>Token</h1>
      {health.data && <p>{kMay[health.data.access]}</p>}
      <p>The server prints its token at the end of its address, after <code>#token=</code>. A cookie stands for it until this browser is closed.</p>
      <TokenForm />
      <p><button type="button" onClick={() => void forget()}>Forget the token</button></p>
    </>
  );
}
