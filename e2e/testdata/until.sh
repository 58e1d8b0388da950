#!/bin/bash
# until.sh COMMAND… TEXT: runs the command until its output has the text. How long
# is counted in tries: on a host that has no time for us they take longer.
text=${*: -1}
for _ in $(seq 1000); do
  "${@:1:$#-1}" 2>&1 | grep -q -- "$text" && exit 0
  sleep 0.05
done
echo "never: $text"; "${@:1:$#-1}"; exit 1
