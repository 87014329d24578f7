#!/bin/sh
# Chromium as its users have it: its driver has it spare the timers of hidden pages, and would not be told otherwise.
for argument; do
  shift
  [ "$argument" = --disable-background-timer-throttling ] || set -- "$@" "$argument"
done
exec "$CHROME" "$@"
