import { render } from "preact";

import type { Health } from "./api";
import { AcrossView } from "./across";
import { hasToken, start } from "./fetch";
import { EnsembleView, EnsemblesView } from "./ensembles";
import { Empty } from "./parts";
import { Palette } from "./palette";
import { useFreshness, usePoll } from "./poll";
import { ReportView } from "./report";
import { to, useRoute } from "./route";
import "./style.css";
import { SubmitView } from "./submit";
import { SweepView } from "./sweep";
import { SweepsView } from "./sweeps";
import { startTheme, toggleTheme, useTheme } from "./theme";
import { useTitle } from "./title";
import { TokenView } from "./token";
import { TrialView } from "./trial";
import { WorkerView } from "./worker";
import { WorkersView } from "./workers";

function Live() {
  const { at, error } = useFreshness();
  if (error) {
    const since = at ? `; showing what was known at ${new Date(at).toLocaleTimeString("en-GB")}` : "";
    return <span class="live live-stale" role="status">{`No answer${since}`}</span>;
  }
  return <span class="live">{at ? "Live" : ""}</span>;
}

/** Of views that have no name of their own. */
const kTitles: Record<string, string> = { sweeps: "Sweeps", ensembles: "Ensembles", workers: "Workers", report: "Report", new: "New sweep", token: "Token" };

function App() {
  const { parts, query } = useRoute();
  const theme = useTheme();
  const health = usePoll<Health>("healthz", 10);
  const view = parts[0] ?? "sweeps";
  useTitle(kTitles[view] ?? null);
  let body;
  const control = health.data?.control ?? false;
  const views: [string, string[], string[]][] = [
    ["Sweeps", [], ["sweeps", "sweep", "trial", "across"]],
    ["Ensembles", ["ensembles"], ["ensembles", "ensemble"]],
    ["Workers", ["workers"], ["workers", "worker"]],
    ["Report", ["report"], ["report"]],
    ["New sweep", ["new"], ["new"]],
  ];
  const shown = views.filter(([, address]) => address[0] !== "new" || (control && hasToken()));
  if (view === "sweeps") body = <SweepsView query={query} control={control} />;
  else if (view === "sweep" && parts[1]) {
    body = <SweepView key={parts[1]} id={parts[1]} tab={parts[2] ?? "overview"} item={parts[3] ?? ""} query={query} control={control} />;
  } else if (view === "trial" && parts[1]) {
    body = <TrialView key={parts[1]} id={parts[1]} query={query} control={control} />;
  } else if (view === "across") body = <AcrossView query={query} />;
  else if (view === "ensembles") body = <EnsemblesView query={query} control={control} />;
  else if (view === "ensemble" && parts[1]) body = <EnsembleView key={parts[1]} id={parts[1]} control={control} />;
  else if (view === "new") body = health.data ? <SubmitView query={query} control={control} /> : null;
  else if (view === "report") body = <ReportView />;
  else if (view === "workers") body = <WorkersView control={control} query={query} />;
  else if (view === "worker" && parts[1]) body = <WorkerView key={parts[1]} id={parts[1]} />;
  else if (view === "token") body = <TokenView />;
  else body = <Empty title="There is no such page"><p><a href={to([])}>All sweeps</a></p></Empty>;
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => {
        event.preventDefault();
        document.getElementById("main")?.focus();
      }}>
        To the content
      </a>
      <header class="top">
        <a class="wordmark" href={to([])}>Medley</a>
        <nav aria-label="Views">
          {shown.map(([label, address, of]) => (
            <a key={label} href={to(address)} aria-current={of.includes(view) ? "page" : undefined}>{label}</a>
          ))}
        </nav>
        <Live />
        {control && health.data?.access === "read" && <a href={to(["token"])} title="Changes need a token">Read only</a>}
        <Palette views={shown.map(([label, address]) => [label, to(address)])} />
        <button type="button" class="quiet" onClick={toggleTheme}>{theme === "dark" ? "Light" : "Dark"}</button>
      </header>
      <main id="main" tabIndex={-1}>{body}</main>
      <footer>
        <span>Medley {health.data?.version ?? ""}</span>
        <a href="api/v1/openapi.json">API</a>
      </footer>
    </>
  );
}

startTheme();
void start().then(() => render(<App />, document.getElementById("page")!));
