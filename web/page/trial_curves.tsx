// The curves of one trial, whether it has ended or is in training.
import { useMemo } from "preact/hooks";

import type { Curves as CurvesData } from "./api";
import { Curves, useSmoothing } from "./chart";
import { share } from "./text";

export const lossText = (value: number) => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(Math.abs(value) >= 10 ? 1 : 2));

/** `best`: the epoch that paper-style numbers are of. */
export function CurvesPart({ curves, best }: { curves: CurvesData; best: number | null }) {
  const { smooth, choice } = useSmoothing();
  const key = JSON.stringify(curves);
  const { losses, scores, marks } = useMemo(
    () => ({
      marks: best === null ? [] : [{ epoch: best, label: "paper-style epoch" }],
      losses: [
        { name: "training loss", values: curves.loss, color: 1 },
        { name: "validation loss", values: curves.validation_loss, color: 2 },
        ...curves.terms.map(({ name, values }, i) => ({ name: `${name} loss`, values, color: 3 + i, dashed: true })),
      ],
      scores: [
        { name: "Score", values: curves.score, color: 1 },
        { name: "ACC_presence", values: curves.acc_presence, color: 2 },
        { name: "ACC_salience", values: curves.acc_salience, color: 3 },
      ],
    }),
    [key, best],
  );
  return (
    <section>
      <h2>Curves</h2>
      <div class="bar">{choice}</div>
      <div class="charts">
        <Curves title="Loss by epoch" name="loss" epochs={curves.epoch} lines={losses} marks={marks} print={lossText} smooth={smooth} />
        <Curves
          title="Validation accuracy by epoch, paper-style (thresholds tuned on this fold)"
          name="accuracy"
          epochs={curves.epoch}
          lines={scores}
          marks={marks}
          print={share}
          smooth={smooth}
        />
      </div>
    </section>
  );
}
