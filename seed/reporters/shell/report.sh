#!/bin/sh
# Reports a server that cannot be changed: its users are whoever is connected to its port. Runs beside it, once for each
# seed, and needs curl and ss (of iproute2). SEED, TOKEN, ID (letters, digits, - and . only), URL, PORT and CAPACITY say
# what there is to report.

ask() {
  # The token by standard input: arguments are there for everybody on the machine to see.
  printf 'header = "authorization: Bearer %s"\n' "$TOKEN" |
    curl --config - --silent --show-error --max-time 2 "$@" "$SEED/$ID" 2>&1
}

report() {
  if [ -z "$(ss --no-header --listening --tcp --numeric "sport = :$PORT")" ]; then
    echo "nothing listens on port $PORT"
    return
  fi
  users=$(ss --no-header --tcp --numeric state established "sport = :$PORT" | wc -l)
  ask --request PUT --data "{\"url\": \"$URL\", \"users\": $users, \"capacity\": ${CAPACITY:-1000}}"
}

trap 'kill $sleeping 2>/dev/null; ask --request DELETE >&2; exit 0' TERM INT

while :; do
  answer=$(report)
  pause=$(printf %s "$answer" | sed -n 's/.*"reportAfter":\([0-9.]*\).*/\1/p')
  if [ -n "$pause" ]; then
    complaint=
  else
    pause=1.$(shuf --input-range=0-9 --head-count=1)
    # Without the milliseconds that it took, which are others each time.
    reason=$(printf %s "$answer" | tr -d 0-9)
    [ "$reason" = "$complaint" ] || echo "$SEED: $answer" >&2
    complaint=$reason
  fi
  # In the background, or a signal would wait for its end.
  sleep "$pause" &
  sleeping=$!
  wait "$sleeping"
  sleeping=
done
