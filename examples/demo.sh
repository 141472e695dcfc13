#!/usr/bin/env bash
# From features to a ranked table and a submission, on a synthetic dataset: what `./dev demo` runs.
# usage: examples/demo.sh FOLDER_OF_THE_PROGRAMS [medley run options...]
set -euo pipefail
PATH=$(cd "$1" && pwd):$PATH
shift
here=$(dirname "${BASH_SOURCE[0]}")
home=medley-demo
export MEDLEY_STORE=$home/store

[ -e "$home/data/train_metadata.csv" ] || medley data make "$home/data"
medley run "$here/demo.yaml" --data "$home/data" --no-web "$@"
medley ensemble demo --method caruana --name demo-best
medley export demo-best --out "$home/submission.zip"

echo
if [ -t 1 ]; then
  medley serve
else
  echo "To browse these results: MEDLEY_STORE=$MEDLEY_STORE $(command -v medley) serve"
fi
