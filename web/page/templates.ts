// Sweep files to begin with: those of examples/, which tests run.
import adaptation from "../examples/adaptation.yaml";
import halving from "../examples/halving.yaml";
import hyperparameters from "../examples/hyperparameters.yaml";
import planned from "../examples/planned-comparisons.yaml";
import race from "../examples/race.yaml";
import shapley from "../examples/shapley.yaml";
import subsets from "../examples/subsets.yaml";
import topn from "../examples/topn.yaml";
import tpe from "../examples/tpe.yaml";

/** What a file asks: the first sentence of its comment, or what stands before a colon. */
function asks(text: string): string {
  const lines = text.split("\n");
  const comment = lines.slice(0, lines.findIndex((line) => !line.startsWith("#"))).map((line) => line.replace(/^#\s*/, "")).join(" ");
  return (/^.*?(?:\?|(?=[.:]( |$))|$)/.exec(comment)?.[0] ?? "").trim();
}

/** [what it asks, its text]; the form says which dataset it is for. */
export const templates: [string, string][] = [topn, subsets, planned, adaptation, hyperparameters, race, halving, tpe, shapley].map((text) => [
  asks(text),
  text.replace(/^dataset:.*\n+/m, ""),
]);
