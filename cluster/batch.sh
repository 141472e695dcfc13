#!/bin/bash
# Written by `medley cluster up`: each task of the job array is one worker.

#@surroundings@

endpoint=@endpoint@  # is there while a coordinator runs
coordinator=@coordinator@
spool=@spool@
start_worker() {
  exec @worker@ --coordinator "$coordinator"
}

# The notice before the time limit (USR1), or the end (TERM): the worker saves what it has and leaves. It is told by
# USR1: srun and mpirun pass that on to every rank, while to TERM they would answer by killing the ranks.
told=
worker=
# shellcheck disable=SC2317  # the traps call it
tell() {
  told=$1
  echo "medley: told to leave ($1)"
  [ -z "$worker" ] || kill -USR1 "$worker" 2>/dev/null
}
trap 'tell notice' USR1
trap 'tell end' TERM

restarts=0
#@system@

pause() { sleep "$1" & wait $!; }

back_into_the_queue() {
  [ -z "$endpoint" ] || [ -s "$endpoint" ] || { echo "medley: no coordinator any more"; exit 0; }
  trap - USR1 TERM  # the system may end this script now
  echo "medley: back into the queue"
  requeue
}

# Results wait there for delivery: nobody else's folder will do.
# shellcheck disable=SC2174  # the folders above it are as the site's umask says
if ! mkdir -p -m 700 "$spool" || ! [ -O "$spool" ]; then
  echo "medley: $spool is not this user's"
  exit 1
fi

crashes=0
lost=0
while :; do
  waited=0
  until [ -z "$endpoint" ] || { [ -s "$endpoint" ] && coordinator=$(cat "$endpoint" 2>/dev/null); }; do
    if [ $waited -ge 600 ] || [ -n "$told" ]; then
      echo "medley: no coordinator"
      exit 0
    fi
    pause 2
    waited=$((waited + 2))
  done
  [ -z "$told" ] || break
  start_worker &
  worker=$!
  [ -z "$told" ] || kill -USR1 "$worker" 2>/dev/null
  while wait "$worker"; kill -0 "$worker" 2>/dev/null; do :; done  # a trap ends wait early
  wait "$worker"
  code=$?
  worker=
  echo "medley: the worker ended with exit code $code"
  [ -z "$told" ] || break
  case $code in
    0) exit 0 ;;                       # dismissed
    1 | 2 | 126 | 127) exit $code ;;   # refused, or no such program: it would be the same again
    75)  # the coordinator was silent for long, or a gang broke up
      lost=$((lost + 1))
      # Once more here, where the coordinator may be now; then somewhere else, where others may have this place.
      if [ $lost -ge 2 ]; then
        [ "$restarts" -lt 50 ] || exit 1
        back_into_the_queue
      fi
      ;;
  esac
  crashes=$((crashes + 1))
  [ $crashes -lt 20 ] || exit 1
  pause $((crashes < 12 ? crashes * 5 - 4 : 60))
done
[ "$told" != notice ] || back_into_the_queue
exit 0
