#!/usr/bin/env bash
# The installed tree, moved elsewhere, trains and shows a sweep.    install_test.sh CMAKE BUILD_FOLDER
set -euo pipefail
cmake=$1 build=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { printf 'install_test: %s\n' "$*" >&2; exit 1; }

"$cmake" --install "$build" --prefix "$folder/first" >"$folder/install.log"
mv "$folder/first" "$folder/tree"  # nothing may depend on where it was
bin=$folder/tree/bin share=$folder/tree/share
export PATH="$bin:$PATH"
[ "$(command -v medley)" = "$bin/medley" ] || fail "medley is not that of the tree"

for page in medley medley-run medley-data-make medley-store-merge medley-export-to; do
  [ -s "$share/man/man1/$page.1" ] || fail "no manual page $page"
done
grep -q '^\.SH SYNOPSIS' "$share/man/man1/medley-run.1" || fail "medley-run.1 is no manual page"
grep -q 'medley run sweep' "$share/man/man1/medley-run.1" || fail "medley-run.1 has no examples"
for file in README.md CHANGELOG.md copyright docs/sweeps.md examples/demo.yaml examples/python/medley_store.py cluster/packaging/coordinator.sbatch; do
  [ -s "$share/doc/medley/$file" ] || fail "no $file among the documents"
done

# Completion: the words that bash offers are those of the program.
words=$(bash -c 'source "$0"; COMP_WORDS=(medley store ""); COMP_CWORD=2; _medley; echo "${COMPREPLY[@]}"' \
  "$share/bash-completion/completions/medley")
[[ " $words " == *" merge "* ]] || fail "completion of 'medley store' offers: $words"
[ -s "$share/zsh/site-functions/_medley" ] || fail "no completion for zsh"
grep -q "medley complete" "$share/fish/vendor_completions.d/medley.fish" || fail "no completion for fish"

cd "$folder"
medley data make data --actors 6 --test-actors 1 --dim 8 --folds 3 >/dev/null
printf 'name: first\ndataset: data\nbase: {epochs: 1}\naxes: {selection: [learned, all]}\nseeds: 1\nfolds: [0, 1]\n' >first.yaml
medley run first.yaml --workers 1 --port 0 >run.log 2>&1 || { cat run.log; fail "the installed worker trains nothing"; }
[ "$(medley trials first --csv --where state=finished | wc -l)" = 5 ] || fail "not every trial has a result"

# A look at whether configs train keeps nothing.
medley run first.yaml --smoke --set weight_decay=0.1 --workers 1 --port 0 >smoke.log 2>&1 || { cat smoke.log; fail "no smoke test"; }
grep -q '^2 of 2 configs train' smoke.log || { cat smoke.log; fail "the smoke test does not say what trains"; }
[ "$(medley trials first --csv --where state=finished | wc -l)" = 5 ] || fail "the smoke test left something in the store"
medley run first.yaml --set selection=all --workers 1 >set.log 2>&1 && fail "--set of an axis changes nothing"
grep -q 'selection is an axis of the sweep' set.log || { cat set.log; fail "--set does not say why not"; }

# A search says what it asked for, and that it is done when it is.
printf 'name: drawn\ndataset: data\nbase: {epochs: 1}\naxes: {dropout: {uniform: [0, 0.5]}}\nsearch: {tpe: 3}\nfolds: [0, 1]\n' >drawn.yaml
medley run drawn.yaml --workers 1 --port 0 >drawn.log 2>&1 || { cat drawn.log; fail "a search trains nothing"; }
grep -q 'tpe over at most 3 configs x 2 folds x 1 seed = 6 trials' drawn.log || { cat drawn.log; fail "its space is not said"; }
medley run drawn.yaml --workers 1 --port 0 >done.log 2>&1 || { cat done.log; fail "a search that is done is no error"; }
grep -q 'tpe is done: 6 asked for in 2 rounds, 6 done' done.log || { cat done.log; fail "that it is done is not said"; }
grep -q 'nothing to train: its search is done' done.log || { cat done.log; fail "it trains something again"; }

# A login node has no worker: the coordinator and its pages need none.
rm "$bin/medley-worker"
medley serve --workers 0 --port 0 >serve.log 2>&1 &
server=$!
for _ in $(seq 600); do
  grep -q '^dashboard: ' serve.log && break
  kill -0 "$server" 2>/dev/null || { cat serve.log; fail "medley serves nothing without a worker beside it"; }
  sleep .1
done
kill "$server"
wait "$server" || true
medley run first.yaml --workers 1 --port 0 >again.log 2>&1 && fail "it ran without a worker"
grep -q 'install the package medley-worker' again.log || { cat again.log; fail "it does not say what is missing"; }
