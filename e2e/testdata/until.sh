#!/bin/bash
# until.sh COMMAND… TEXT: runs the command until its output has the text.
text=${*: -1}
for _ in $(seq 200); do
  "${@:1:$#-1}" 2>&1 | grep -q -- "$text" && exit 0
  sleep 0.05
done
echo "never: $text"; "${@:1:$#-1}"; exit 1
