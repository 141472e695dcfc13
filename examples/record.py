#!/usr/bin/env python3
"""Records a command on a terminal as an asciicast (version 2), which `asciinema play` shows.

    examples/record.py [--until TEXT] FILE.cast COMMAND [ARGUMENT...]

With --until, the command gets a Ctrl-C two seconds after it has printed TEXT.
https://docs.asciinema.org/manual/asciicast/v2/
"""

import argparse
import codecs
import fcntl
import json
import os
import pty
import re
import select
import struct
import sys
import termios
import time

WIDTH, HEIGHT = 100, 30
LONGEST_PAUSE = 0.2  # seconds; longer ones are cut
TOKEN = re.compile(r"(token=)[0-9a-f]+")  # opens the page of whoever records


def record(out, command, until):
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm-256color", LC_ALL="C.UTF-8")
        os.execvp(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
    out.write(json.dumps({"version": 2, "width": WIDTH, "height": HEIGHT, "title": os.path.basename(command[0])}) + "\n")
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    shown, last, at, before, stop = "", "", 0.0, time.monotonic(), None
    while True:
        if stop is not None and time.monotonic() >= stop:
            os.write(terminal, b"\x03")
            stop = float("inf")
        if not select.select([terminal], [], [], 0.1)[0]:
            continue
        try:
            text = TOKEN.sub(r"\1...", decoder.decode(os.read(terminal, 65536))).replace(os.getcwd() + "/", "")
        except OSError:  # how a terminal says that nobody has its other end
            break
        if text == last and text.startswith("\r"):  # a line drawn over itself
            continue
        last, now = text, time.monotonic()
        at += min(now - before, LONGEST_PAUSE)
        before = now
        out.write(json.dumps([round(at, 3), "o", text], ensure_ascii=False) + "\n")
        shown = (shown + text)[-4096:]
        if until and stop is None and until in shown:
            stop = now + 2
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main():
    parser = argparse.ArgumentParser(usage="record.py [--until TEXT] FILE.cast COMMAND [ARGUMENT...]")
    parser.add_argument("file")
    parser.add_argument("--until")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    with open(options.file, "w", encoding="utf-8") as out:
        return record(out, options.command, options.until)


if __name__ == "__main__":
    sys.exit(main())
